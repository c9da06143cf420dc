/**
 * Rebuilds the log out of what its segments say, in the order in which it was written.
 *
 * Where something is missing, the Log Matching Property (Raft figure 3) tells what it was: logs
 * that hold an entry of the same index and term are the same up to it, and terms never fall along a
 * log. So if an entry of term t at index i is known, and later the log holds (k, t), k > i, then
 * all up to i is still what it was, and i+1 to k are entries of term t. Where the terms differ, the
 * terms in between stay unknown until something later replaces them or a snapshot covers them; if
 * nothing does, the log is refused.
 */
import type { Entry, HardState, SnapshotMeta } from '../../consensus/raft/index.js';
import { assert } from '../assert.js';
import { type StorageError, damaged } from './error.js';
import type { FoundFrame } from './examine.js';
import type { LogRecord } from './format.js';
import type { LogPosition } from './frame-format.js';
import { LOST_ENTRIES_MAX } from './limits.js';
import { TermRuns } from './term-runs.js';

/** Where a record stood, for the message of an error. */
export interface RecordPlace {
  readonly path: string;
  readonly offset: number;
}

/** The term of a lost entry of which not even that is known. */
const UNKNOWN_TERM = 0;
const NO_BYTES = new Uint8Array(0);

function lost(index: number, term: number): Entry {
  return { term, index, type: 'lost', data: NO_BYTES };
}

/** See the head of this file. */
export class LogReplay {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  private entries: Entry[] = [];
  /** Index before the first of `entries`; undefined until anything says. */
  private start: number | undefined;
  private startTerm = UNKNOWN_TERM;
  /** Whether something is missing after which nothing told where the log ends. */
  private isOpen = false;
  /** What was missing first of all that could not be made up for. */
  private missing: StorageError | null = null;
  private markedIndex = 0;
  /** The commit index when the log was last known to its end: nothing replaced what is up to it. */
  private settledCommit = 0;

  /** `snapshot` is the newest one that is stored. */
  constructor(private readonly snapshot: SnapshotMeta | null) {}

  private get last(): number {
    return (this.start ?? 0) + this.entries.length;
  }

  private get snapshotIndex(): number {
    return this.snapshot?.index ?? 0;
  }

  /** Index of the last entry so far, lost ones included. */
  get lastIndex(): number {
    return this.last;
  }

  /** Whether the newest snapshot is marked in the log. */
  get isSnapshotMarked(): boolean {
    return this.markedIndex >= this.snapshotIndex;
  }

  /** The first segment that is there, of the present format, has this number. */
  beginAt(number: number, place: RecordPlace): void {
    if (number === 1) this.restartAt(0, 0);
    else
      this.addGap(damaged(place.path, place.offset, 'what the log holds before it is not known'));
  }

  /** Something was written here that cannot be read; `error` says where. */
  addGap(error: StorageError): void {
    this.isOpen = true;
    this.missing ??= error;
  }

  /** Takes the next frame. Throws a `StorageError` if it cannot follow those before. */
  addFrame(frame: FoundFrame, place: RecordPlace): void {
    const { facts, before } = frame;
    if (before !== null) this.settle(before, place);
    if (facts.kind === 'append' && facts.count > 0) this.append(frame, place);
    if (facts.kind === 'repair') this.repair(frame, place);
    if (facts.kind === 'mark') this.addMark(facts.first, facts.term);
    this.hardState = facts.hardState;
    if (!this.isOpen) this.settledCommit = facts.hardState.commit;
  }

  /** At this point the log ends with `end`, whatever is missing. */
  private settle(end: LogPosition, place: RecordPlace): void {
    const isSame = this.last === end.index && this.termAt(end.index) === end.term;
    if (this.start === undefined || this.isOpen || !isSame) this.learn(end, place);
    this.isOpen = false;
  }

  private termAt(index: number): number | undefined {
    if (this.start === undefined || index < this.start) return undefined;
    return index === this.start ? this.startTerm : this.entries[index - this.start - 1]?.term;
  }

  /** Brings the log to one that ends with `position`, and holds what is certain of those before. */
  private learn({ index, term }: LogPosition, place: RecordPlace): void {
    if (this.start === undefined && index > this.snapshotIndex) {
      const what = `the log starts after entry ${index}, the newest snapshot ends with ${this.snapshotIndex}`;
      this.missing ??= damaged(place.path, place.offset, what);
      this.restartAt(this.snapshotIndex, this.snapshot?.term ?? 0);
    }
    if (this.start === undefined || index <= this.start) {
      this.restartAt(index, term);
      return;
    }
    const { start } = this;
    const known = this.lastOfTerm(Math.min(index, this.last), term);
    const keep = known ?? Math.min(Math.max(this.settledCommit, start), this.last);
    this.missing ??= damaged(place.path, place.offset, `it does not follow entry ${this.last}`);
    if (index - keep > LOST_ENTRIES_MAX || (known === undefined && index <= keep)) {
      throw this.missing;
    }
    this.entries.length = keep - start;
    const between = known === undefined ? UNKNOWN_TERM : term;
    for (let at = keep + 1; at < index; at += 1) this.entries.push(lost(at, between));
    if (index > keep) this.entries.push(lost(index, term));
    if (this.entries.every((entry) => entry.term !== UNKNOWN_TERM)) this.missing = null;
  }

  /** The greatest index up to `from` of an entry of `term`. */
  private lastOfTerm(from: number, term: number): number | undefined {
    for (let index = from; index >= (this.start ?? 0); index -= 1) {
      const found = this.termAt(index) ?? UNKNOWN_TERM;
      if (found === term) return index;
      if (found !== UNKNOWN_TERM && found < term) return undefined;
    }
    return undefined;
  }

  private append({ facts, entries }: FoundFrame, place: RecordPlace): void {
    const { first, term } = facts;
    if (this.start === undefined && first - 1 <= this.snapshotIndex) {
      this.restartAt(first - 1, first - 1 === this.snapshot?.index ? this.snapshot.term : 0);
    }
    if (this.isOpen || this.start === undefined || first > this.last + 1) {
      this.learn({ index: first, term }, place);
      this.isOpen = false;
    }
    if (first <= (this.start as number)) this.restartAt(first - 1, UNKNOWN_TERM);
    // An entry replaces the one of the same index and all after it (Raft 5.3).
    this.entries.length = first - 1 - (this.start as number);
    for (const [at, entry] of entries.entries()) {
      const isInPlace = entry === null || (entry.index === first + at && entry.term === term);
      assert(isInPlace, 'a frame holds the entries that its head says');
      this.entries.push(entry ?? lost(first + at, term));
    }
  }

  private repair({ facts, entries }: FoundFrame, place: RecordPlace): void {
    const { first, count, term } = facts;
    const start = this.start ?? this.snapshotIndex;
    if (first + count - 1 > Math.max(this.last, this.snapshotIndex) && !this.isOpen) {
      const what = `it repairs entry ${first + count - 1}, but the log ends with ${this.last}`;
      throw damaged(place.path, place.offset, what);
    }
    for (let index = Math.max(first, start + 1); index < first + count; index += 1) {
      const there = this.entries[index - start - 1];
      if (there?.type !== 'lost' || (there.term !== term && there.term !== UNKNOWN_TERM)) continue;
      this.entries[index - start - 1] = entries[index - first] ?? lost(index, term);
    }
  }

  private restartAt(index: number, term: number): void {
    this.entries = [];
    this.start = index;
    this.startTerm = term;
  }

  /** Raft section 7: a log that holds the snapshot's last entry goes on, any other is replaced. */
  private addMark(index: number, term: number): void {
    this.markedIndex = Math.max(this.markedIndex, index);
    if (this.start === undefined || index > this.last) {
      this.restartAt(index, term);
      return;
    }
    // Of a log whose beginning was removed on behalf of a later snapshot.
    if (index <= this.start) return;
    const found = this.termAt(index);
    // Whether the log was replaced is not known: what comes next tells where it ends.
    if (found === UNKNOWN_TERM) this.isOpen = true;
    else if (found !== term) this.restartAt(index, term);
  }

  /** Takes the next record of format version 1, where all that is there is sound. */
  addRecord(record: LogRecord, place: RecordPlace): void {
    if (record.type === 'hardState') {
      this.hardState = record.hardState;
      this.settledCommit = record.hardState.commit;
    } else if (record.type === 'entry') this.addEntry(record.entry, place);
    else this.addMark(record.index, record.term);
  }

  private addEntry(entry: Entry, place: RecordPlace): void {
    const before = entry.index - 1;
    if (this.start === undefined || before < this.start) {
      this.restartAt(before, UNKNOWN_TERM);
    } else if (before > this.last) {
      // Legitimate only where a snapshot has made the segments in between superfluous.
      if (before > this.snapshotIndex) {
        const what = `entry ${entry.index} follows entry ${this.last}`;
        throw damaged(place.path, place.offset, what);
      }
      this.restartAt(before, UNKNOWN_TERM);
    }
    this.entries.length = before - (this.start as number);
    this.entries.push(entry);
  }

  /** The terms of the log as it is on the disk, before the newest snapshot is put in its place. */
  termRuns(): TermRuns {
    const runs = new TermRuns({ index: this.start ?? 0, term: this.startTerm });
    for (const { index, term } of this.entries) runs.append(index, 1, term);
    return runs;
  }

  /** The hard state and the entries after the snapshot. `place` is the end of the log. */
  finish(place: RecordPlace): { hardState: HardState; entries: readonly Entry[] } {
    const { snapshot, snapshotIndex } = this;
    const missing = this.missing ?? damaged(place.path, place.offset, 'something is missing');
    if (snapshot !== null) this.addMark(snapshot.index, snapshot.term);
    if (this.isOpen) throw missing;
    const start = this.start ?? 0;
    if (start > snapshotIndex) {
      const what = `the log starts at ${start + 1} but the newest snapshot is at ${snapshotIndex}`;
      throw damaged(place.path, place.offset, what);
    }
    const entries = this.entries.slice(snapshotIndex - start);
    if (entries.some(({ term }) => term === UNKNOWN_TERM)) throw missing;
    return { hardState: this.finishHardState(entries, place), entries };
  }

  private finishHardState(entries: readonly Entry[], place: RecordPlace): HardState {
    const { snapshotIndex } = this;
    const lastIndex = snapshotIndex + entries.length;
    const lastTerm = entries.at(-1)?.term ?? this.snapshot?.term ?? 0;
    const { term, vote, commit } = this.hardState;
    if (commit > lastIndex) {
      const what = `entry ${commit} is committed but the log ends with ${lastIndex}`;
      throw damaged(place.path, place.offset, what);
    }
    // A crash between a snapshot and the hard state that came with it: no vote of the later term
    // can have left this node.
    const isBehind = term < lastTerm;
    return {
      term: isBehind ? lastTerm : term,
      vote: isBehind ? 0 : vote,
      commit: Math.max(commit, snapshotIndex),
    };
  }
}
