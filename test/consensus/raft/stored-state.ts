import type {
  ConfState,
  Entry,
  HardState,
  Ready,
  RestoredState,
  SnapshotMeta,
} from '../../../consensus/raft/index.js';

/** What of a node survives a crash, on a disk whose writes are durable at once. */
export interface StoredState {
  hardState: HardState;
  snapshot: SnapshotMeta | null;
  entries: Entry[];
  applied: number;
  confState: ConfState | undefined;
}

export function storedState({ hardState, snapshot, applied }: RestoredState): StoredState {
  return { hardState, snapshot, entries: [], applied, confState: snapshot?.confState };
}

/** Writes what a ready holds. */
export function store(disk: StoredState, ready: Ready): void {
  if (ready.snapshot !== undefined) {
    disk.snapshot = ready.snapshot;
    disk.entries = [];
    disk.applied = ready.snapshot.index;
    disk.confState = ready.snapshot.confState;
  }
  const first = ready.entries[0];
  if (first !== undefined) {
    disk.entries = disk.entries.filter((entry) => entry.index < first.index);
    disk.entries.push(...ready.entries);
  }
  disk.hardState = ready.hardState ?? disk.hardState;
}
