import {
  type Entry,
  type HardState,
  type NodeId,
  type Ready,
  type RestoredState,
  type SnapshotMeta,
  encodeEntry,
  foundingState,
} from '../../../../consensus/raft/index.js';

/** What a node has on its disk: the log, and the newest snapshot with its bytes. */
export class Disk {
  private hardState: HardState;
  snapshot: SnapshotMeta;
  entries: Entry[];
  /** Bytes of the snapshots that were stored here, by index. */
  private readonly data = new Map<number, string>();

  constructor(voters: readonly NodeId[], stored: Partial<RestoredState> = {}) {
    const { hardState, snapshot, entries } = { ...foundingState(voters), ...stored };
    this.hardState = hardState;
    this.snapshot = snapshot as SnapshotMeta;
    this.entries = [...entries];
    this.data.set(this.snapshot.index, '[]');
  }

  /** Bytes of the snapshot at `index`; the newest one unless given. */
  snapshotData(index = this.snapshot.index): string {
    return this.data.get(index) as string;
  }

  /** Writes what a ready asks for, as one step. `snapshotData` belongs to its snapshot. */
  write(ready: Ready, snapshotData: string | null): void {
    if (ready.snapshot !== undefined) {
      this.snapshot = ready.snapshot;
      this.data.set(ready.snapshot.index, snapshotData as string);
      this.entries = [];
    }
    const first = ready.entries[0];
    if (first !== undefined) {
      this.entries = this.entries.filter(({ index }) => index < first.index);
      this.entries.push(...ready.entries);
    }
    this.hardState = ready.hardState ?? this.hardState;
  }

  /** Replaces the entries up to a snapshot by it. */
  compact(snapshot: SnapshotMeta, snapshotData: string): void {
    this.snapshot = snapshot;
    this.data.set(snapshot.index, snapshotData);
    this.entries = this.entries.filter(({ index }) => index > snapshot.index);
  }

  /** The application keeps nothing beside the snapshot, so the log after it is applied again. */
  restored(): RestoredState {
    const { hardState, snapshot, entries } = this;
    return { hardState, snapshot, entries: [...entries], applied: snapshot.index };
  }

  /** Bytes of the log without the snapshot. */
  get logBytes(): number {
    return this.entries.reduce((sum, entry) => sum + encodeEntry(entry).length, 0);
  }
}
