/** Rebuilds the log out of the records of the segments, in the order in which they were written. */
import type { Entry, HardState, SnapshotMeta } from '../../consensus/raft/index.js';
import { damaged } from './error.js';
import type { LogRecord } from './format.js';

/** Where a record stood, for the message of an error. */
export interface RecordPlace {
  readonly path: string;
  readonly offset: number;
}

/** See the head of this file. */
export class LogReplay {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  private entries: Entry[] = [];
  /** Index before the first of `entries`; undefined until anything says. */
  private start: number | undefined;

  /** `snapshot` is the newest one that is stored. */
  constructor(private readonly snapshot: SnapshotMeta | null) {}

  private get last(): number {
    return (this.start ?? 0) + this.entries.length;
  }

  /** Takes the next record. Throws a `StorageError` if it cannot follow those before. */
  add(record: LogRecord, place: RecordPlace): void {
    if (record.type === 'hardState') this.hardState = record.hardState;
    else if (record.type === 'entry') this.addEntry(record.entry, place);
    else this.addMark(record.index, record.term);
  }

  private addEntry(entry: Entry, place: RecordPlace): void {
    const before = entry.index - 1;
    if (this.start === undefined || before < this.start) {
      this.restartAt(before);
    } else if (before > this.last) {
      // Legitimate only where a snapshot has made the segments in between superfluous.
      if (before > (this.snapshot?.index ?? 0)) {
        const what = `entry ${entry.index} follows entry ${this.last}`;
        throw damaged(place.path, place.offset, what);
      }
      this.restartAt(before);
    }
    // An entry replaces the one of the same index and all after it (Raft 5.3).
    this.entries.length = before - (this.start as number);
    this.entries.push(entry);
  }

  private restartAt(index: number): void {
    this.entries = [];
    this.start = index;
  }

  /** Raft section 7: a log that holds the snapshot's last entry goes on, any other is replaced. */
  private addMark(index: number, term: number): void {
    if (this.start === undefined || index > this.last) {
      this.restartAt(index);
      return;
    }
    // Of a log whose beginning was removed on behalf of a later snapshot.
    if (index <= this.start) return;
    if (this.entries[index - this.start - 1]?.term !== term) this.restartAt(index);
  }

  /** The hard state and the entries after the snapshot. `place` is the end of the log. */
  finish(place: RecordPlace): { hardState: HardState; entries: readonly Entry[] } {
    const { snapshot } = this;
    const snapshotIndex = snapshot?.index ?? 0;
    if (snapshot !== null) this.addMark(snapshot.index, snapshot.term);
    const start = this.start ?? 0;
    if (start > snapshotIndex) {
      const what = `the log starts at ${start + 1} but the newest snapshot is at ${snapshotIndex}`;
      throw damaged(place.path, place.offset, what);
    }
    const entries = this.entries.slice(snapshotIndex - start);
    return { hardState: this.finishHardState(entries, place), entries };
  }

  private finishHardState(entries: readonly Entry[], place: RecordPlace): HardState {
    const snapshotIndex = this.snapshot?.index ?? 0;
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
