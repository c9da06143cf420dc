/**
 * How what a node writes becomes frames, without any disk, so that the simulator stores what the
 * store of production stores.
 */
import type { Entry, HardState, SnapshotMeta } from '../../consensus/raft/index.js';
import type { LogPosition } from './frame-format.js';
import type { TermRuns } from './term-runs.js';

/**
 * What is to be made durable in one step. A crash may leave a part of it, from the beginning; the
 * commit index counts only with all of it.
 */
export interface LogWrite {
  readonly hardState?: HardState | undefined;
  /** Entries that are put into the places of lost ones; they replace nothing else. */
  readonly repaired?: readonly Entry[];
  /** They replace every stored entry from the first one's index on. */
  readonly entries: readonly Entry[];
  /**
   * False for a hard state of which only the commit index is new (`Ready.mustSync`): it is kept
   * and written along with whatever is written next.
   */
  readonly sync?: boolean;
}

/** A part of a write that one frame can hold: entries of one term that follow one another. */
export interface WritePart {
  readonly kind: 'append' | 'repair' | 'mark';
  readonly entries: readonly Entry[];
  /** Of the first entry, or of the snapshot that is marked; 0 for a hard state alone. */
  readonly first: number;
  readonly term: number;
  readonly hardState: HardState;
}

/** A frame that is to be written, with the end of the log before it. */
export interface PlannedFrame extends WritePart {
  readonly before: LogPosition;
}

/** The hard state of a store, and the parts that its writes consist of. */
export class WriteParts {
  private hardState: HardState;
  /** The last hard state that was handed out in parts. */
  private queuedHardState: HardState;
  /** Whether `hardState` is newer than that. */
  private isUnwritten = false;

  constructor(hardState: HardState) {
    this.hardState = hardState;
    this.queuedHardState = hardState;
  }

  /** Whether a commit index waits for the next write. */
  get isHardStateUnwritten(): boolean {
    return this.isUnwritten;
  }

  /** What is to be written now, null if that is nothing. */
  of(write: LogWrite): readonly WritePart[] | null {
    const { hardState, entries, repaired = [] } = write;
    const isEmpty = entries.length === 0 && repaired.length === 0;
    const mayWait = write.sync === false && isEmpty && !this.isVote(hardState);
    if (hardState !== undefined) {
      this.hardState = hardState;
      this.isUnwritten = true;
    }
    if (mayWait || (isEmpty && !this.isUnwritten)) return null;
    const parts = [...runsOf('repair', repaired), ...runsOf('append', entries)];
    if (isEmpty) parts.push({ kind: 'append', entries: [], first: 0, term: 0 });
    return this.withHardState(parts);
  }

  /** The mark of a stored snapshot. */
  mark({ index, term }: SnapshotMeta): readonly WritePart[] {
    return this.withHardState([{ kind: 'mark', entries: [], first: index, term }]);
  }

  /** Whether a hard state says more than a new commit index. */
  private isVote(hardState: HardState | undefined): boolean {
    if (hardState === undefined) return false;
    return hardState.term !== this.hardState.term || hardState.vote !== this.hardState.vote;
  }

  private withHardState(parts: readonly Omit<WritePart, 'hardState'>[]): readonly WritePart[] {
    const { hardState } = this;
    // What is committed is counted in the log as it is after the last part.
    const before = { ...hardState, commit: this.queuedHardState.commit };
    this.queuedHardState = hardState;
    this.isUnwritten = false;
    const last = parts.length - 1;
    return parts.map((part, at) => ({ ...part, hardState: at === last ? hardState : before }));
  }
}

/** Entries in runs that one frame can hold: of one term, one after the other. */
function runsOf(
  kind: 'append' | 'repair',
  entries: readonly Entry[],
): Omit<WritePart, 'hardState'>[] {
  const runs: Omit<WritePart, 'hardState'>[] = [];
  let from = 0;
  for (let at = 1; at <= entries.length; at += 1) {
    const [before, entry] = [entries[at - 1] as Entry, entries[at]];
    if (entry?.term === before.term && entry.index === before.index + 1) continue;
    const { index: first, term } = entries[from] as Entry;
    runs.push({ kind, entries: entries.slice(from, at), first, term });
    from = at;
  }
  return runs;
}

/** The frames of one batch of parts. `runs` is the log on the disk; the batch is added to it. */
export function planFrames(parts: readonly WritePart[], runs: TermRuns): PlannedFrame[] {
  const frames: (PlannedFrame & { entries: Entry[] })[] = [];
  let previous: WritePart | undefined;
  for (const part of parts) {
    const { kind, first, term, entries, hardState } = part;
    const last = frames.at(-1);
    if (last !== undefined && joins(previous, part)) {
      for (const entry of entries) last.entries.push(entry);
      frames[frames.length - 1] = { ...last, hardState };
    } else {
      frames.push({ ...part, entries: [...entries], before: runs.end });
    }
    if (kind === 'append' && entries.length > 0) runs.append(first, entries.length, term);
    if (kind === 'mark') runs.mark({ index: first, term });
    previous = part;
  }
  return frames;
}

/** Whether `part` goes into the same frame as the one before it. */
export function joins(before: WritePart | undefined, part: WritePart): boolean {
  if (before?.kind !== part.kind || part.kind === 'mark') return false;
  // A hard state alone changes nothing in the frame but the hard state.
  if (part.entries.length === 0) return true;
  if (before.entries.length === 0) return false;
  return part.first === before.first + before.entries.length && part.term === before.term;
}
