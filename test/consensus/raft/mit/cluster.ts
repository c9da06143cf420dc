import {
  type ConfChange,
  type Entry,
  type Message,
  type NodeId,
  type RaftConfig,
  type RaftInput,
  RaftNode,
  type RaftRefusal,
  type Ready,
  type RestoredState,
  decodeConfChange,
  defaultRaftConfig,
} from '../../../../consensus/raft/index.js';
import { InvariantViolation, Invariants } from '../invariants.js';
import { Random } from '../random.js';
import { Disk } from './disk.js';
import { EventQueue } from './event-queue.js';
import { type Parcel, Wire } from './wire.js';

/** Heartbeats every 100 ms, elections after 300 to 600 ms: within the second the course allows. */
const TICK_MS = 50;
const HEARTBEAT_TICKS = 2;
const ELECTION_TICKS = 6;

/** A command that a node has applied. */
interface Applied {
  readonly index: number;
  readonly command: string;
}

/** One node: what survives a crash, and what does not. */
interface Host {
  readonly id: NodeId;
  readonly disk: Disk;
  /** Null while crashed. */
  node: RaftNode | null;
  /** The state of the application: every command in order. */
  applied: Applied[];
  /** Bytes of snapshots that have arrived and are not installed, by index. */
  readonly arrived: Map<number, string>;
}

/** How a cluster is made. */
export interface ClusterSettings {
  readonly seed: number;
  /** Nodes, with ids from 1 on. */
  readonly size: number;
  /** How many of them, from 1 on, found the group; all unless given. */
  readonly founders?: number;
  readonly isReliable?: boolean;
  /** A node makes a snapshot at each index of which the next one is a multiple of this. */
  readonly snapshotEvery?: number;
  readonly config?: Partial<RaftConfig>;
  /** What nodes find on their disks. */
  readonly stored?: (id: NodeId) => Partial<RestoredState>;
}

/** Something that goes on beside the script: yields how many milliseconds to wait. */
export type Process<Result = void> = Generator<number, Result>;

/**
 * Raft nodes on a simulated network and a virtual clock, in one thread. Writes take no time; what
 * a node has to do it does at once. The invariants are checked at every step.
 */
export class Cluster {
  readonly clock = new EventQueue();
  readonly random: Random;
  readonly wire: Wire;
  readonly ids: readonly NodeId[];
  private readonly invariants = new Invariants(2);
  private readonly hosts = new Map<NodeId, Host>();
  private processesRunning = 0;
  /** The commit index that each read has to show, by its context. */
  private readonly readFloors = new Map<string, number>();
  /** Contexts of the reads that were answered, none of them with an index too low. */
  readonly readsAnswered = new Set<string>();

  constructor(private readonly settings: ClusterSettings) {
    const { seed, size, founders = size, stored, isReliable = true } = settings;
    this.random = new Random(seed);
    this.wire = new Wire(this.clock, this.random);
    this.wire.isReliable = isReliable;
    this.ids = Array.from({ length: size }, (_, at) => at + 1);
    for (const id of this.ids) {
      const disk = new Disk(this.ids.slice(0, founders), stored?.(id));
      this.hosts.set(id, { id, disk, node: null, applied: [], arrived: new Map() });
      this.start(id);
    }
  }

  private host(id: NodeId): Host {
    return this.hosts.get(id) as Host;
  }

  /** The node, which must be running. */
  node(id: NodeId): RaftNode {
    const { node } = this.host(id);
    if (node === null) throw new InvariantViolation(`node ${id} is not running`);
    return node;
  }

  isRunning(id: NodeId): boolean {
    return this.host(id).node !== null;
  }

  /** Nodes that run and are connected. */
  reachable(): NodeId[] {
    return this.ids.filter((id) => this.isRunning(id) && this.wire.isConnected(id));
  }

  /** What a node has applied since its start, what its snapshot held included. */
  applied(id: NodeId): readonly Applied[] {
    return this.host(id).applied;
  }

  disk(id: NodeId): Disk {
    return this.host(id).disk;
  }

  /** Starts a node from its disk. */
  start(id: NodeId): void {
    const host = this.host(id);
    const config = defaultRaftConfig({
      id,
      random: () => this.random.next(),
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      ...this.settings.config,
    });
    const node = new RaftNode(config, host.disk.restored());
    host.node = node;
    host.applied = JSON.parse(host.disk.snapshotData()) as Applied[];
    host.arrived.clear();
    const tick = () => {
      if (host.node !== node) return;
      this.step(id, { type: 'tick' });
      this.clock.after(TICK_MS, tick);
    };
    this.clock.after(this.random.next() * TICK_MS, tick);
  }

  /** Stops nodes at once; their disks stay. */
  crash(...ids: readonly NodeId[]): void {
    for (const id of ids) this.host(id).node = null;
  }

  /** Stops nodes and starts them again. */
  restart(...ids: readonly NodeId[]): void {
    this.crash(...ids);
    for (const id of ids) this.start(id);
  }

  /** One input for a node, and everything it has to do then. */
  step(id: NodeId, input: RaftInput): RaftRefusal | undefined {
    const refusal = this.node(id).step(input);
    this.work(this.host(id));
    return refusal;
  }

  /** Proposes commands as one input. Returns the index of the last, or undefined if refused. */
  propose(id: NodeId, ...commands: readonly string[]): number | undefined {
    const node = this.node(id);
    const data = commands.map((command) => Buffer.from(command));
    if (node.step({ type: 'propose', data }) !== undefined) return undefined;
    const { lastIndex } = node.status();
    this.work(this.host(id));
    return lastIndex;
  }

  change(id: NodeId, change: ConfChange): RaftRefusal | undefined {
    return this.step(id, { type: 'proposeConfChange', change });
  }

  /** Asks for a linearizable read. Returns its context. */
  read(id: NodeId): string {
    const context = `r${this.readFloors.size + 1}`;
    this.readFloors.set(context, this.invariants.lastCommitted);
    this.step(id, { type: 'readIndex', context });
    return context;
  }

  private checkReads({ readStates }: Ready): void {
    for (const { context, index } of readStates) {
      const floor = this.readFloors.get(context) as number;
      if (index < floor) {
        throw new InvariantViolation(`a read asked for at ${floor} is answered with ${index}`);
      }
      this.readsAnswered.add(context);
    }
  }

  private work(host: Host): void {
    const { node, disk } = host;
    if (node === null) return;
    while (node.hasReady()) {
      const ready = node.ready();
      this.invariants.checkEntries(node, ready.entries);
      this.checkReads(ready);
      this.send(host, node, ready.messages);
      disk.write(ready, host.arrived.get(ready.snapshot?.index ?? 0) ?? null);
      this.send(host, node, ready.messagesAfterPersist);
      this.install(host, ready);
      for (const entry of ready.committedEntries) this.apply(host, node, entry);
      node.advance();
      this.snapshotIfDue(host, ready.committedEntries);
    }
    this.invariants.checkLeader(node);
  }

  private send(host: Host, node: RaftNode, messages: readonly Message[]): void {
    for (const message of messages) {
      const { to, type, snapshot } = message;
      const data = snapshot === null ? null : host.disk.snapshotData(snapshot.index);
      const report = (ok: boolean) => {
        if (type !== 'snapshot' || host.node !== node) return;
        this.step(host.id, { type: 'snapshotReport', peer: to, ok });
      };
      this.wire.send(message, data, {
        onLoss: () => report(false),
        onArrival: (parcel) => {
          this.receive(to, parcel);
          report(this.isRunning(to));
        },
      });
    }
  }

  private receive(id: NodeId, { message, snapshotData }: Parcel): void {
    const host = this.host(id);
    if (host.node === null) return;
    if (snapshotData !== null) host.arrived.set(message.snapshot?.index ?? 0, snapshotData);
    this.step(id, { type: 'message', message });
  }

  private install(host: Host, { snapshot }: Ready): void {
    if (snapshot === undefined) return;
    this.invariants.checkSnapshot(host.id, snapshot.index, snapshot.term);
    host.applied = JSON.parse(host.disk.snapshotData()) as Applied[];
    host.arrived.clear();
  }

  private apply(host: Host, node: RaftNode, entry: Entry): void {
    this.invariants.checkApplied(host.id, entry);
    if (entry.type === 'confChange') {
      node.applyConfChange(decodeConfChange(entry.data));
    } else if (entry.data.length > 0) {
      const command = Buffer.from(entry.data).toString();
      host.applied.push({ index: entry.index, command });
    }
  }

  private snapshotIfDue(host: Host, applied: readonly Entry[]): void {
    const { snapshotEvery } = this.settings;
    if (snapshotEvery === undefined) return;
    if (applied.some(({ index }) => (index + 1) % snapshotEvery === 0)) this.compact(host.id);
  }

  /** Makes a snapshot of what a node has applied, and drops the log before it. */
  compact(id: NodeId): void {
    const { disk, applied } = this.host(id);
    const node = this.node(id);
    const meta = node.snapshotMeta(node.status().applied);
    disk.compact(meta, JSON.stringify(applied));
    node.compact(meta.index, meta);
  }

  /** Lets virtual time pass. */
  sleep(durationMs: number): void {
    this.clock.advance(durationMs);
  }

  /** Lets something go on beside the script, as time passes. */
  spawn(process: Process): void {
    const resume = () => {
      const { done, value } = process.next();
      if (done === true) this.processesRunning -= 1;
      else this.clock.after(value, resume);
    };
    this.processesRunning += 1;
    resume();
  }

  /** Whether every spawned process has ended. */
  get isQuiet(): boolean {
    return this.processesRunning === 0;
  }

  /** Carries out a process to its end as part of the script. */
  complete<Result>(process: Process<Result>): Result {
    for (;;) {
      const step = process.next();
      if (step.done === true) return step.value;
      this.sleep(step.value);
    }
  }
}
