import {
  type ConfChange,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  type NodeId,
  type Ready,
  RaftNode,
  type RestoredState,
  type SnapshotMeta,
  decodeConfChange,
  decodeMessage,
  defaultRaftConfig,
  encodeMessage,
  foundingState,
  joiningState,
} from '../../../consensus/raft/index.js';
import { InvariantViolation, Invariants } from './invariants.js';
import { Random } from './random.js';

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

interface Host {
  readonly id: NodeId;
  readonly disk: Disk;
  /** Null while crashed. */
  node: RaftNode | null;
  ready: Ready | null;
}

/** How a run misbehaves: probabilities of each step that does. */
export interface Faults {
  readonly drop: number;
  readonly duplicate: number;
  readonly crash: number;
  readonly partition: number;
  readonly change: number;
  readonly compact: number;
  readonly transfer: number;
}

/** A bit of everything. */
export const ALL_FAULTS: Faults = {
  drop: 0.06,
  duplicate: 0.05,
  crash: 0.012,
  partition: 0.01,
  change: 0.02,
  compact: 0.02,
  transfer: 0.005,
};

const ALL_IDS: readonly NodeId[] = [1, 2, 3, 4, 5];
const FOUNDERS: readonly NodeId[] = [1, 2, 3];

function restoredFrom(disk: Disk, keepsConfState: boolean): RestoredState {
  const { hardState, snapshot, entries, applied, confState } = disk;
  const restored = { hardState, snapshot, entries: [...entries], applied };
  return keepsConfState && confState !== undefined ? { ...restored, confState } : restored;
}

function diskOf(state: RestoredState): Disk {
  const { hardState, snapshot, applied } = state;
  const confState = snapshot?.confState;
  return { hardState, unsynced: null, snapshot, entries: [], applied, confState };
}

/** Five nodes, three of which found the group, on a network and disks that fail by a seed. */
export class Network {
  readonly random: Random;
  readonly invariants = new Invariants(2);
  readonly hosts = new Map<NodeId, Host>();
  private inFlight: Message[] = [];
  private cut = new Set<string>();
  private proposals = 0;
  private reads = 0;
  private readonly readFloors = new Map<string, number>();
  /** Reads that were answered. */
  readsAnswered = 0;

  constructor(
    seed: number,
    private readonly faults: Faults,
  ) {
    this.random = new Random(seed);
    for (const id of ALL_IDS) {
      const state = FOUNDERS.includes(id) ? foundingState(FOUNDERS) : joiningState();
      this.hosts.set(id, { id, disk: diskOf(state), node: null, ready: null });
      this.start(id);
    }
  }

  private host(id: NodeId): Host {
    return this.hosts.get(id) as Host;
  }

  /** Nodes that run. */
  running(): RaftNode[] {
    return [...this.hosts.values()].flatMap(({ node }) => (node === null ? [] : [node]));
  }

  private start(id: NodeId): void {
    const host = this.host(id);
    const config = defaultRaftConfig({
      id,
      random: () => this.random.next(),
      electionTicks: 5,
      // Small, so that several messages and several readies are needed.
      maxMessageBytes: 100,
      maxInflightMessages: 3,
      maxInflightBytes: 200,
      maxApplyBytes: 100,
    });
    host.node = new RaftNode(config, restoredFrom(host.disk, this.random.chance(0.5)));
    host.ready = null;
  }

  private crash(id: NodeId): void {
    const host = this.host(id);
    if (host.node === null) return;
    // What was being written is there as a whole or not at all.
    if (host.ready !== null && this.random.chance(0.5)) this.persist(host, host.ready);
    host.disk.unsynced = null;
    if (this.random.chance(0.5) && host.disk.snapshot !== null) {
      // An application that keeps nothing of its own starts from the snapshot.
      host.disk.applied = host.disk.snapshot.index;
      host.disk.confState = host.disk.snapshot.confState;
    }
    host.node = null;
    host.ready = null;
  }

  private persist(host: Host, ready: Ready): void {
    const { disk } = host;
    if (ready.snapshot !== undefined) {
      disk.snapshot = ready.snapshot;
      disk.entries = [];
      if (disk.applied < ready.snapshot.index) {
        disk.applied = ready.snapshot.index;
        disk.confState = ready.snapshot.confState;
      }
    }
    const first = ready.entries[0];
    if (first !== undefined) {
      disk.entries = disk.entries.filter((entry) => entry.index < first.index);
      disk.entries.push(...ready.entries);
    }
    disk.unsynced = ready.hardState ?? disk.unsynced;
    if (!ready.mustSync && this.random.chance(0.7)) return;
    disk.hardState = disk.unsynced ?? disk.hardState;
    disk.unsynced = null;
  }

  /** Takes what a node has to do; its writes stay under way until `finish`. */
  private take(host: Host): void {
    const { node } = host;
    if (node === null || host.ready !== null || !node.hasReady()) return;
    const ready = node.ready();
    host.ready = ready;
    this.invariants.checkEntries(node, ready.entries);
    this.post(ready.messages);
    for (const { context, index } of ready.readStates) {
      this.readsAnswered += 1;
      const floor = this.readFloors.get(context) as number;
      if (index < floor) {
        throw new InvariantViolation(`a read asked for at ${floor} is answered with ${index}`);
      }
    }
  }

  private finish(host: Host): void {
    const { node, ready, disk } = host;
    if (node === null || ready === null) return;
    this.persist(host, ready);
    this.post(ready.messagesAfterPersist);
    const { snapshot } = ready;
    if (snapshot !== undefined) {
      this.invariants.checkSnapshot(host.id, snapshot.index, snapshot.term);
    }
    for (const entry of ready.committedEntries) {
      this.invariants.checkApplied(host.id, entry);
      if (entry.index !== disk.applied + 1) {
        throw new InvariantViolation(`${host.id} applies ${entry.index} after ${disk.applied}`);
      }
      disk.applied = entry.index;
      if (entry.type === 'confChange') {
        disk.confState = node.applyConfChange(decodeConfChange(entry.data));
      }
    }
    host.ready = null;
    node.advance();
  }

  private post(messages: readonly Message[]): void {
    // Through the codec, so that what is simulated is what runs.
    for (const message of messages) this.inFlight.push(decodeMessage(encodeMessage(message)));
  }

  private deliver(message: Message): void {
    const { from, to, type } = message;
    const { node } = this.host(to);
    const sender = this.host(from).node;
    const isLost = node === null || this.cut.has(`${from}>${to}`);
    if (isLost || this.random.chance(this.faults.drop)) {
      if (this.random.chance(0.5)) sender?.step({ type: 'unreachable', peer: to });
      if (type === 'snapshot') sender?.step({ type: 'snapshotReport', peer: to, ok: false });
      return;
    }
    if (this.random.chance(this.faults.duplicate)) this.inFlight.push(message);
    node.step({ type: 'message', message });
    if (type === 'snapshot' && this.random.chance(0.8)) {
      sender?.step({ type: 'snapshotReport', peer: to, ok: true });
    }
  }

  private repartition(): void {
    this.cut.clear();
    if (this.random.chance(0.4)) return;
    // Single directions as well as clean splits.
    const isSplit = this.random.chance(0.5);
    const side = new Set(ALL_IDS.filter(() => this.random.chance(0.5)));
    for (const from of ALL_IDS) {
      for (const to of ALL_IDS) {
        const isCut = isSplit ? side.has(from) !== side.has(to) : this.random.chance(0.2);
        if (from !== to && isCut) this.cut.add(`${from}>${to}`);
      }
    }
  }

  private randomChange(): ConfChange {
    const { random } = this;
    const single = () => ({
      type: random.pick(['addVoter', 'addVoter', 'addLearner', 'remove'] as const),
      node: random.pick(ALL_IDS),
    });
    if (random.chance(0.2)) return { transition: 'auto', changes: [] };
    const changes = random.chance(0.5) ? [single()] : [single(), single()];
    const transition = random.pick(['auto', 'jointImplicit', 'jointExplicit'] as const);
    return { transition, changes };
  }

  private compact(host: Host): void {
    const { node, disk } = host;
    if (node === null || host.ready !== null) return;
    const { applied, snapshotIndex } = node.status();
    if (applied <= snapshotIndex) return;
    const meta = node.snapshotMeta(applied);
    disk.snapshot = meta;
    disk.entries = disk.entries.filter((entry) => entry.index > meta.index);
    // Sometimes with entries before the snapshot kept in memory.
    const keep = this.random.chance(0.5) ? this.random.below(5) : 0;
    node.compact(Math.max(applied - keep, 1), meta);
  }

  private propose(): void {
    const { random } = this;
    for (const node of this.running()) {
      if (!node.isLeader && random.chance(0.9)) continue;
      const data = Array.from({ length: 1 + random.below(4) }, () =>
        Buffer.from(`p${(this.proposals += 1)}`),
      );
      node.step({ type: 'propose', data });
    }
  }

  private read(): void {
    const node = this.random.pick(this.running());
    if (node === undefined) return;
    const context = `r${(this.reads += 1)}`;
    this.readFloors.set(context, this.invariants.lastCommitted);
    node.step({ type: 'readIndex', context });
  }

  /** One random step, then the invariants. */
  step(): void {
    const { random, faults } = this;
    const host = this.host(random.pick(ALL_IDS));
    if (random.chance(faults.crash)) this.crash(host.id);
    else if (host.node === null && random.chance(0.2)) this.start(host.id);
    if (random.chance(faults.partition)) this.repartition();
    if (random.chance(faults.compact)) this.compact(host);
    if (random.chance(faults.transfer)) {
      host.node?.step({ type: 'transferLeader', to: random.pick(ALL_IDS) });
    }
    if (random.chance(faults.change)) {
      const leader = this.running().find((node) => node.isLeader);
      leader?.step({ type: 'proposeConfChange', change: this.randomChange() });
    }
    if (random.chance(0.2)) this.propose();
    if (random.chance(0.1)) this.read();
    if (random.chance(0.4)) host.node?.step({ type: 'tick' });
    for (let i = 0; i < 3 && this.inFlight.length > 0; i += 1) {
      const at = random.chance(0.7) ? 0 : random.below(this.inFlight.length);
      this.deliver(this.inFlight.splice(at, 1)[0] as Message);
    }
    for (const each of this.hosts.values()) {
      if (random.chance(0.7)) this.take(each);
      if (random.chance(0.6)) this.finish(each);
    }
    for (const node of this.running()) this.invariants.checkLeader(node);
  }

  /** Everything works again: a leader must emerge, and what it takes must reach all members. */
  heal(): void {
    this.cut.clear();
    const calm = this.calmed();
    for (const { id, node } of this.hosts.values()) if (node === null) this.start(id);
    for (let round = 0; round < 400; round += 1) {
      for (const node of this.running()) node.step({ type: 'tick' });
      if (round % 20 === 0) this.endTransfers();
      calm.settle();
      if (calm.agrees(round)) return;
    }
    throw new InvariantViolation('no agreement long after everything was repaired');
  }

  /** A driver reports sooner or later how each transfer of a snapshot ended. */
  private endTransfers(): void {
    for (const node of this.running()) {
      for (const [peer, { state }] of node.status().progress) {
        if (state === 'snapshot') node.step({ type: 'snapshotReport', peer, ok: false });
      }
    }
  }

  private target: number | null = null;

  private calmed(): { settle: () => void; agrees: (round: number) => boolean } {
    return {
      settle: () => {
        for (let busy = true; busy;) {
          busy = this.inFlight.length > 0;
          const messages = this.inFlight;
          this.inFlight = [];
          for (const message of messages) {
            this.host(message.to).node?.step({ type: 'message', message });
          }
          for (const host of this.hosts.values()) {
            this.take(host);
            busy ||= host.ready !== null;
            this.finish(host);
            if (host.node !== null) this.invariants.checkLeader(host.node);
          }
        }
      },
      agrees: (round) => {
        const leader = this.running().find((node) => node.isLeader);
        if (leader === undefined) return false;
        const { confState, applied } = leader.status();
        if (this.target === null || round % 50 === 0) {
          const refused = leader.step({ type: 'propose', data: [Buffer.from(`final${round}`)] });
          this.target = refused === undefined ? leader.status().lastIndex : null;
          return false;
        }
        const { target } = this;
        const members = [...confState.voters, ...confState.learners];
        const reached = (id: NodeId) => (this.host(id).node?.status().applied ?? 0) >= target;
        return applied >= target && members.every(reached);
      },
    };
  }
}
