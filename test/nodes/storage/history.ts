/** Random histories of one member's log that obey Raft: what it holds, some leader's log holds too. */
import type { Entry, HardState } from '../../../consensus/raft/index.js';
import type { RaftLogStore } from '../../../nodes/storage/index.js';
import { meta, open } from './log-fixtures.js';
import { MemoryDisk } from './memory-disk.js';

/** Numbers in [0, 1) that follow from a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 to `below` - 1. */
export function pick(random: () => number, below: number): number {
  return Math.floor(random() * below);
}

/** The entry of an index and term: there is only one (Log Matching), without a zero byte. */
function entryOf(index: number, term: number, dataBytes: number): Entry {
  const random = randomOf(index * 1000 + term);
  const data = Buffer.alloc(pick(random, dataBytes));
  for (let at = 0; at < data.length; at += 1) data[at] = 1 + pick(random, 255);
  return { term, index, type: random() < 0.1 ? 'confChange' : 'normal', data };
}

/** What a store must give back. */
export interface Expected {
  readonly hardState: HardState;
  readonly snapshotIndex: number;
  /** Of the last entry that the snapshot covers, 0 without one. */
  readonly snapshotTerm: number;
  /** After the snapshot. */
  readonly entries: readonly Entry[];
}

/** A member that follows one leader after another, and its store. */
export class History {
  readonly disk = new MemoryDisk();
  /** What was durable after each write, in order; the last one is what is there. */
  readonly states: Expected[] = [];
  /** How long the journal of the disk was when the state of the same place was acknowledged. */
  readonly acknowledged: number[] = [];
  private log: Entry[] = [];
  private hardState: HardState = { term: 0, vote: 0, commit: 0 };
  private snapshotIndex = 0;
  /** The log as of the last state. */
  private noted: Entry[] = [];
  private leaders: Entry[][] = [[]];
  private store!: RaftLogStore;

  private constructor(
    private readonly random: () => number,
    private readonly dataBytes: number,
  ) {}

  /** Writes a history of `steps` steps. */
  static async run(
    seed: number,
    steps: number,
    options: {
      readonly segmentBytes?: number;
      readonly snapshots?: boolean;
      /** Entries are shorter than this. */
      readonly dataBytes?: number;
    } = {},
  ): Promise<History> {
    const { segmentBytes = 700, snapshots = false, dataBytes = 90 } = options;
    const history = new History(randomOf(seed), dataBytes);
    history.disk.journal = [];
    const { store } = await open(history.disk, segmentBytes);
    history.store = store;
    history.note();
    for (let step = 0; step < steps; step += 1) {
      await history.step(snapshots);
      history.note();
    }
    await store.close();
    return history;
  }

  /** What must be there now. */
  get expected(): Expected {
    return this.states.at(-1) as Expected;
  }

  private note(): void {
    const { hardState, snapshotIndex, log } = this;
    const last = this.states.at(-1);
    if (
      last?.hardState === hardState &&
      last.snapshotIndex === snapshotIndex &&
      this.noted === log
    ) {
      return;
    }
    this.noted = log;
    this.acknowledged.push(this.disk.journal?.length ?? 0);
    const snapshotTerm = log[snapshotIndex - 1]?.term ?? 0;
    this.states.push({ hardState, snapshotIndex, snapshotTerm, entries: log.slice(snapshotIndex) });
  }

  private async step(snapshots: boolean): Promise<void> {
    const { random } = this;
    const choice = random();
    if (this.hardState.term === 0 || choice < 0.2) {
      this.elect();
      await this.store.append({ hardState: this.hardState, entries: [] });
    } else if (snapshots && choice < 0.3 && this.hardState.commit > this.snapshotIndex) {
      const index = this.hardState.commit;
      const term = this.log[index - 1]?.term ?? 0;
      this.snapshotIndex = index;
      await this.store.saveSnapshot(meta(index, term), Buffer.from(`state ${index}`));
    } else {
      await this.follow();
    }
    // The next segment is prepared beside; without this it is never ready in time.
    if (random() < 0.7) await new Promise((resolve) => setImmediate(resolve));
  }

  /** A new term: its leader has all that is committed and more or less of the rest. */
  private elect(): void {
    const { random, hardState } = this;
    const holdsCommitted = (log: readonly Entry[]): boolean =>
      this.log.slice(0, hardState.commit).every(({ term }, at) => log[at]?.term === term);
    const able = [...this.leaders, this.log].filter(holdsCommitted);
    const base = able[pick(random, able.length)] as Entry[];
    const term = hardState.term + 1 + pick(random, 2);
    const log = base.slice(0, hardState.commit + pick(random, base.length - hardState.commit + 1));
    for (let more = 1 + pick(random, 12); more > 0; more -= 1)
      log.push(entryOf(log.length + 1, term, this.dataBytes));
    this.leaders.push(log);
    this.hardState = { term, vote: 1 + pick(random, 3), commit: hardState.commit };
  }

  /** Takes some entries of the leader, as an append request brings them. */
  private async follow(): Promise<void> {
    const { random } = this;
    const leader = this.leaders.at(-1) as Entry[];
    let match = 0;
    while (match < leader.length && leader[match]?.term === this.log[match]?.term) match += 1;
    const entries = leader.slice(match, match + 1 + pick(random, 4));
    if (entries.length > 0) this.log = [...this.log.slice(0, match), ...entries];
    const matched = match + entries.length;
    const { commit } = this.hardState;
    if (random() < 0.5) {
      const more = pick(random, Math.max(matched - commit, 0) + 1);
      if (more > 0) this.hardState = { ...this.hardState, commit: commit + more };
    }
    if (entries.length > 0 || commit !== this.hardState.commit) {
      await this.store.append({ hardState: this.hardState, entries });
    }
  }
}
