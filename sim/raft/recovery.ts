/**
 * What a node finds on its disk when it starts: the judgement of `nodes/storage/examine.ts` in the
 * units of `stored.ts`, and the very replay of production.
 *
 *     slot     head     data     of the last batch                         before it
 *     any      sound    sound    there                                     there
 *     sound    any      bad      its entries are lost, by (index, term)    the same
 *     blank    blank    any      never synced: cut, and all behind it      a gap
 *     blank    sound    blank    never synced: cut, and all behind it      its entries are lost
 *     sound    another  any      as if the head were bad                   the same
 *     blank    bad      any      cut, and the node votes for nobody yet    a gap
 *     bad      bad      any      refused at the end                        a gap
 *
 * In the last line but one production looks at the bytes: a head that was cut off is zero at its end.
 * Here nothing tells it from one that was synced and rotted. Numbers of frames that were cut are given
 * again: a disk that loses writes may show a piece of the earlier frame, and that is `another` one.
 */
import type { Entry, HardState } from '../../consensus/raft/index.js';
import { damaged } from '../../nodes/storage/error.js';
import type { FoundFrame } from '../../nodes/storage/examine.js';
import type { FrameFacts } from '../../nodes/storage/frame-format.js';
import { LogReplay } from '../../nodes/storage/replay.js';
import { sameFacts } from '../../nodes/storage/same-facts.js';
import type { TermRuns } from '../../nodes/storage/term-runs.js';
import type { DiskView } from '../world/index.js';
import { dataKey, hasData, headKey, numberOf, slotKey, stateKey } from './stored.js';
import type { RaftValue, StoredData, StoredHead, StoredSnapshot } from './stored.js';

/** A frame that is on the disk. */
export interface FrameOnDisk {
  readonly number: number;
  /** Its last entry, 0 if it has none. */
  readonly lastIndex: number;
}

export interface Recovered {
  readonly hardState: HardState;
  readonly snapshot: StoredSnapshot | null;
  readonly entries: readonly Entry[];
  readonly frames: FrameOnDisk[];
  /** Frames of which no slot is known to be sound, to be written with the next batch. */
  readonly slotsDue: FrameFacts[];
  readonly nextNumber: number;
  readonly runs: TermRuns;
  readonly isSnapshotMarked: boolean;
  /** Something behind the end may have been synced: nothing tells it from a write cut off. */
  readonly isEndUncertain: boolean;
  /** Keys that a crash left and that count for nothing. */
  readonly leftover: readonly string[];
}

type Piece<Value> = Value | 'blank' | 'bad';

interface Found {
  readonly number: number;
  readonly slot: Piece<FrameFacts>;
  readonly head: Piece<StoredHead>;
  readonly data: Piece<StoredData>;
}

const DISK = 'the disk';

/**
 * Reads everything. Null if nothing was ever stored. Throws a `StorageError` with code `damaged`
 * if more is missing than can be told apart, as production does.
 */
export function recover(disk: DiskView<RaftValue>): Recovered | null {
  const keys = disk.keys();
  const all = findFrames(disk, keys);
  if (all.length === 0) return null;
  const kept = all.slice(0, syncedCount(all));
  if (kept.length === 0) return null;
  const cut = all.slice(kept.length);
  const marks = kept.flatMap(({ slot, head }) => factsOf(slot, head) ?? []);
  const snapshot = newestSnapshot(disk, keys, marks);
  const replay = new LogReplay(snapshot?.meta ?? null);
  const first = kept[0]?.number ?? 1;
  replay.beginAt(first, { path: DISK, offset: first });
  const frames: FrameOnDisk[] = [];
  const slotsDue: FrameFacts[] = [];
  for (const found of kept) {
    const frame = frameOf(found);
    if (frame === null) {
      replay.addGap(damaged(DISK, found.number, 'slot and head of a frame are both damaged'));
      continue;
    }
    replay.addFrame(frame, { path: DISK, offset: found.number });
    const { facts } = frame;
    frames.push({ number: found.number, lastIndex: hasData(facts) ? lastOf(facts) : 0 });
    if (typeof found.slot === 'string') slotsDue.push(facts);
  }
  refuseUnknownEnd(kept);
  const runs = replay.termRuns();
  const { isSnapshotMarked } = replay;
  const last = kept.at(-1)?.number ?? 0;
  const restored = replay.finish({ path: DISK, offset: last });
  const cutKeys = cut.flatMap(({ number }) => [slotKey(number), headKey(number), dataKey(number)]);
  const present = new Set(keys);
  const states = keys.filter((key) => key.startsWith('state/'));
  const oldStates = states.filter((key) => key !== stateKey(snapshot?.meta.index ?? 0));
  const leftover = [...cutKeys.filter((key) => present.has(key)), ...oldStates];
  return {
    ...restored,
    snapshot,
    frames,
    slotsDue,
    nextNumber: last + 1,
    runs,
    isSnapshotMarked,
    isEndUncertain: cut.some(({ head }) => head === 'bad'),
    leftover,
  };
}

function lastOf({ first, count }: FrameFacts): number {
  return first + count - 1;
}

function findFrames(disk: DiskView<RaftValue>, keys: readonly string[]): Found[] {
  let first = Infinity;
  let last = 0;
  for (const key of keys) {
    if (key.startsWith('state/')) continue;
    const number = numberOf(key);
    first = Math.min(first, number);
    last = Math.max(last, number);
  }
  const found: Found[] = [];
  for (let number = first; number <= last; number += 1) {
    const slot = pieceAt<FrameFacts>(disk, slotKey(number), (value) => value.number === number);
    const head = pieceAt<StoredHead>(disk, headKey(number), (v) => v.facts?.number === number);
    const data = pieceAt<StoredData>(disk, dataKey(number), (value) => value.number === number);
    found.push({ number, slot, head, data });
  }
  return found;
}

/** Each piece says which frame it belongs to, so what was written in a wrong place is noticed. */
function pieceAt<Value>(
  disk: DiskView<RaftValue>,
  key: string,
  isRight: (value: Value) => boolean,
): Piece<Value> {
  const value = disk.get(key) as Value | undefined;
  if (value === undefined) return disk.isDamaged(key) ? 'bad' : 'blank';
  return isRight(value) ? value : 'bad';
}

/** The slot is written after the head: where they differ, the disk has lost the later head. */
function factsOf(slot: Piece<FrameFacts>, head: Piece<StoredHead>): FrameFacts | null {
  if (typeof slot !== 'string') return slot;
  return typeof head === 'string' ? null : head.facts;
}

/** How many frames are left when what was never synced is cut off. */
function syncedCount(all: readonly Found[]): number {
  const known = all.findLast(({ slot, head }) => factsOf(slot, head) !== null);
  const facts = known === undefined ? null : factsOf(known.slot, known.head);
  const batch = facts === null ? 0 : facts.number - facts.batchPosition;
  for (const [at, { number, slot, head, data }] of all.entries()) {
    if (number < batch || slot !== 'blank') continue;
    if (typeof head === 'string') return at;
    if (hasData(head.facts) && data === 'blank') return at;
  }
  return all.length;
}

function frameOf({ slot, head, data }: Found): FoundFrame | null {
  const facts = factsOf(slot, head);
  if (facts === null) return null;
  const before = typeof head !== 'string' && sameFacts(head.facts, facts) ? head.before : null;
  const isKnown = before !== null && (before.index === 0 || before.term > 0);
  const entries = hasData(facts) ? entriesOf(facts, data) : [];
  const isSlotSound = typeof slot !== 'string';
  return {
    type: 'frame',
    facts,
    before: isKnown ? before : null,
    entries,
    isSlotSound,
    isTorn: false,
  };
}

/** By place; null is an entry that is not there. What an earlier frame of this number held is not. */
function entriesOf(facts: FrameFacts, data: Piece<StoredData>): (Entry | null)[] {
  const { kind, first, count, term } = facts;
  const entries: (Entry | null)[] = Array.from({ length: count }, () => null);
  if (typeof data === 'string' || data.kind !== kind) return entries;
  for (const entry of data.entries) {
    const place = entry.index - first;
    if (place >= 0 && place < count && entry.term === term) entries[place] = entry;
  }
  return entries;
}

/** Without the last frame the last hard state is not known, and a vote may be in it. */
function refuseUnknownEnd(kept: readonly Found[]): void {
  const last = kept.at(-1);
  if (last === undefined || factsOf(last.slot, last.head) !== null) return;
  throw damaged(DISK, last.number, `frame ${last.number} and its slot are both damaged`);
}

/** The newest snapshot that is whole; one that is marked in the log has to be there. */
function newestSnapshot(
  disk: DiskView<RaftValue>,
  keys: readonly string[],
  frames: readonly FrameFacts[],
): StoredSnapshot | null {
  let marked = 0;
  for (const { kind, first } of frames) if (kind === 'mark') marked = Math.max(marked, first);
  const states = keys.filter((key) => key.startsWith('state/'));
  for (const key of states.reverse()) {
    const index = numberOf(key);
    if (index < marked) break;
    const piece = pieceAt<StoredSnapshot>(disk, key, (value) => value.meta?.index === index);
    if (typeof piece !== 'string') return piece;
  }
  if (marked > 0) throw damaged(DISK, marked, `the snapshot at ${marked} is damaged`);
  return null;
}
