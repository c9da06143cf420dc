/** Nodes of the random network with their disks and applications, both kinds of storage writes. */
import {
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  type NodeId,
  type RaftConfig,
  type RaftInput,
  RaftNode,
  type Ready,
  type RestoredState,
  type SnapshotMeta,
  decodeConfChange,
  defaultRaftConfig,
} from '../../../consensus/raft/index.js';
import { InvariantViolation, type Invariants } from './invariants.js';
import type { Random } from './random.js';

/** What survives a crash. */
interface Disk {
  hardState: HardState;
  /** Written without a sync: durable with the next one that is synced, or lost in a crash. */
  unsynced: HardState | null;
  snapshot: SnapshotMeta | null;
  entries: Entry[];
  /** What the application has stored of its own. */
  applied: number;
  confState: ConfState | undefined;
}

/** What a host is connected to. */
export interface Surroundings {
  readonly random: Random;
  readonly invariants: Invariants;
  post(messages: readonly Message[]): void;
  /** A read that was asked for on any node is answered. */
  answer(context: string, index: number): void;
  /** Milliseconds on the clock of `id`, undefined where clocks are not played. */
  clockOf(id: NodeId): number | undefined;
}

function diskOf(state: RestoredState): Disk {
  const { hardState, snapshot, applied } = state;
  const confState = snapshot?.confState;
  return { hardState, unsynced: null, snapshot, entries: [], applied, confState };
}

/** A node, its disk and its application. */
export abstract class Host {
  protected readonly disk: Disk;
  /** Null while crashed. */
  node: RaftNode | null = null;
  /** While true the disk completes nothing. */
  isStalled = false;

  constructor(
    readonly id: NodeId,
    state: RestoredState,
    protected readonly around: Surroundings,
    private readonly fields: Partial<RaftConfig>,
  ) {
    this.disk = diskOf(state);
  }

  start(): void {
    const { random } = this.around;
    const config = defaultRaftConfig({
      id: this.id,
      random: () => random.next(),
      electionTicks: 5,
      // Small, so that several messages and several readies are needed.
      maxMessageBytes: 100,
      maxInflightMessages: 3,
      maxInflightBytes: 200,
      maxApplyBytes: 100,
      ...this.fields,
    });
    const { hardState, snapshot, entries, applied, confState } = this.disk;
    const restored = { hardState, snapshot, entries: [...entries], applied };
    const keeps = random.chance(0.5) && confState !== undefined;
    this.node = new RaftNode(config, keeps ? { ...restored, confState } : restored);
  }

  /** Steps an input that brings the time of this host's clock; nothing while crashed. */
  step(input: RaftInput): void {
    const nowMs = this.around.clockOf(this.id);
    const isTimed = input.type === 'tick' || input.type === 'message' || input.type === 'readIndex';
    this.node?.step(nowMs !== undefined && isTimed ? { ...input, nowMs } : input);
  }

  crash(): void {
    const { random } = this.around;
    this.loseWork();
    this.disk.unsynced = null;
    const { snapshot, applied } = this.disk;
    // An application that keeps nothing of its own starts from the snapshot, as does one that had
    // not yet installed it.
    if (snapshot !== null && (random.chance(0.5) || applied < snapshot.index)) {
      this.disk.applied = snapshot.index;
      this.disk.confState = snapshot.confState;
    }
    this.node = null;
  }

  /** Takes what the node has to do; writes and applications stay under way. */
  abstract take(): void;
  /** Does some of what is under way. */
  abstract work(): void;
  /** Whether nothing is under way. */
  abstract get isIdle(): boolean;
  /** Some of the writes under way are completed all the same, in order; the rest is lost. */
  protected abstract loseWork(): void;

  /** Compacts log and disk, if there is something to compact. */
  compact(): void {
    const { node, disk } = this;
    const { random } = this.around;
    if (node === null) return;
    const at = this.compactableTo(node);
    if (at <= node.status().snapshotIndex) return;
    const meta = node.snapshotMeta(at);
    disk.snapshot = meta;
    disk.entries = disk.entries.filter((entry) => entry.index > meta.index);
    // Sometimes with entries before the snapshot kept in memory.
    const keep = random.chance(0.5) ? random.below(5) : 0;
    node.compact(Math.max(Math.min(at, node.status().applied) - keep, 1), meta);
  }

  /** Index that a snapshot of the application has now, 0 for none. */
  protected abstract compactableTo(node: RaftNode): number;

  protected taken(node: RaftNode): Ready {
    const ready = node.ready();
    this.around.invariants.checkEntries(node, ready.entries);
    this.around.post(ready.messages);
    for (const { context, index } of ready.readStates) this.around.answer(context, index);
    return ready;
  }

  /** Writes a ready as one step. */
  protected persist(ready: Ready): void {
    const { disk } = this;
    if (ready.snapshot !== undefined) {
      disk.snapshot = ready.snapshot;
      disk.entries = [];
    }
    const first = ready.entries[0];
    if (first !== undefined) {
      disk.entries = disk.entries.filter((entry) => entry.index < first.index);
      disk.entries.push(...ready.entries);
    }
    disk.unsynced = ready.hardState ?? disk.unsynced;
    if (!ready.mustSync && this.around.random.chance(0.7)) return;
    disk.hardState = disk.unsynced ?? disk.hardState;
    disk.unsynced = null;
  }

  protected install(snapshot: SnapshotMeta): void {
    const { disk, around } = this;
    around.invariants.checkSnapshot(this.id, snapshot.index, snapshot.term);
    if (disk.applied >= snapshot.index) return;
    disk.applied = snapshot.index;
    disk.confState = snapshot.confState;
  }

  protected apply(node: RaftNode, entry: Entry): void {
    const { disk, around } = this;
    around.invariants.checkApplied(this.id, entry);
    const isOvertaken = entry.index <= disk.applied;
    if (!isOvertaken && entry.index !== disk.applied + 1) {
      throw new InvariantViolation(`${this.id} applies ${entry.index} after ${disk.applied}`);
    }
    if (!isOvertaken && !this.isDurable(entry)) {
      throw new InvariantViolation(`${this.id} applies ${entry.index}, which it may lose`);
    }
    const change = entry.type === 'confChange' ? decodeConfChange(entry.data) : null;
    const confState = change === null ? disk.confState : node.applyConfChange(change);
    if (isOvertaken) return;
    disk.applied = entry.index;
    disk.confState = confState;
  }

  private isDurable({ index, term }: Entry): boolean {
    const { snapshot, entries } = this.disk;
    if (snapshot !== null && index <= snapshot.index) return true;
    return entries.some((entry) => entry.index === index && entry.term === term);
  }
}

/** One ready at a time, confirmed by `advance`. */
export class SerialHost extends Host {
  private ready: Ready | null = null;

  get isIdle(): boolean {
    return this.ready === null;
  }

  take(): void {
    const { node } = this;
    if (node === null || this.ready !== null || !node.hasReady()) return;
    this.ready = this.taken(node);
  }

  work(): void {
    const { node, ready } = this;
    if (node === null || ready === null || this.isStalled) return;
    this.persist(ready);
    if (ready.snapshot !== undefined) this.install(ready.snapshot);
    this.around.post(ready.messagesAfterPersist);
    for (const entry of ready.committedEntries) this.apply(node, entry);
    this.ready = null;
    node.advance();
  }

  protected loseWork(): void {
    if (this.ready !== null && this.around.random.chance(0.5)) this.persist(this.ready);
    this.ready = null;
  }

  protected compactableTo(node: RaftNode): number {
    return this.ready === null ? node.status().applied : 0;
  }
}

/** Readies that may be under way at a time. */
const PIPELINE_MAX = 8;

/**
 * Overlapping readies: a thread for the disk, one for the reports of what is durable, and one for
 * the application, each in order and each as late as chance has it.
 */
export class PipelinedHost extends Host {
  private writes: Ready[] = [];
  private reports: Ready[] = [];
  private applications: Entry[][] = [];
  /** Most writes and applications that were under way at the same time. */
  deepest = 0;

  get isIdle(): boolean {
    return this.writes.length + this.reports.length + this.applications.length === 0;
  }

  take(): void {
    const { node } = this;
    if (node === null || !node.hasReady() || this.writes.length >= PIPELINE_MAX) return;
    const ready = this.taken(node);
    this.writes.push(ready);
    if (ready.committedEntries.length > 0) this.applications.push([...ready.committedEntries]);
    this.deepest = Math.max(this.deepest, this.writes.length + this.applications.length);
  }

  work(): void {
    const { random } = this.around;
    if (!this.isStalled && random.chance(0.6)) this.write();
    if (random.chance(0.6)) this.report();
    if (random.chance(0.4)) this.applyNext();
  }

  private write(): void {
    const ready = this.writes.shift();
    if (ready === undefined) return;
    this.persist(ready);
    this.reports.push(ready);
  }

  private report(): void {
    const { node } = this;
    const ready = this.reports.shift();
    if (node === null || ready === undefined) return;
    const { snapshot, messagesAfterPersist, receipt } = ready;
    // Applications before it may be done first, or end after it with nothing new to say.
    if (snapshot !== undefined && this.around.random.chance(0.5)) {
      while (this.applications.length > 0) this.applyNext();
    }
    if (snapshot !== undefined) this.install(snapshot);
    this.around.post(messagesAfterPersist.filter(({ to }) => to !== this.id));
    for (const message of messagesAfterPersist) {
      if (message.to === this.id) this.step({ type: 'ownAnswer', message });
    }
    if (receipt !== null) this.step({ type: 'written', receipt });
  }

  /** Applies one entry; with the last of those handed out together they are reported. */
  private applyNext(): void {
    const { node } = this;
    const batch = this.applications[0];
    const entry = batch?.shift();
    if (node === null || batch === undefined || entry === undefined) return;
    this.apply(node, entry);
    if (batch.length > 0) return;
    this.applications.shift();
    this.step({ type: 'applied', index: entry.index });
  }

  protected loseWork(): void {
    while (this.writes.length > 0 && this.around.random.chance(0.6)) this.write();
    this.writes = [];
    this.reports = [];
    this.applications = [];
  }

  protected compactableTo(node: RaftNode): number {
    const { applied } = this.disk;
    return applied <= node.status().commit ? applied : 0;
  }
}
