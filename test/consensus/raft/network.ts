import {
  type ConfChange,
  type Message,
  type NodeId,
  type RaftConfig,
  type RaftNode,
  decodeMessage,
  encodeMessage,
  foundingState,
  joiningState,
} from '../../../consensus/raft/index.js';
import { Clock, TICK_MS } from './clock.js';
import { type Host, PipelinedHost, SerialHost, type Surroundings } from './host.js';
import { InvariantViolation, Invariants } from './invariants.js';
import { Random } from './random.js';

/** How a run misbehaves: probabilities of each step that does. */
export interface Faults {
  readonly drop: number;
  readonly duplicate: number;
  readonly crash: number;
  readonly partition: number;
  readonly change: number;
  readonly compact: number;
  readonly transfer: number;
  /** A disk stops completing writes, or goes on. */
  readonly stall: number;
  /** A process is paused, or goes on: no tick and no message, but its clock goes on. */
  readonly pause: number;
  /** A clock jumps ahead or back. */
  readonly jump: number;
  /** Who should lead is decided anew. */
  readonly prefer: number;
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
  stall: 0.01,
  pause: 0.01,
  jump: 0.005,
  prefer: 0.005,
};

/** Which mechanisms a run uses. */
export interface NetworkOptions {
  /** Asynchronous storage writes, and leaders that leave a stalled disk. */
  readonly isPipelined: boolean;
  /** Clocks are played, and reads are answered by leases of so many milliseconds if not 0. */
  readonly leaseMs: number | null;
}

const PLAIN: NetworkOptions = { isPipelined: false, leaseMs: null };

const ALL_IDS: readonly NodeId[] = [1, 2, 3, 4, 5];
const FOUNDERS: readonly NodeId[] = [1, 2, 3];
const SNAPSHOT_ACK = 0.8;

/** Five nodes, three of which found the group, on a network and disks that fail by a seed. */
export class Network implements Surroundings {
  readonly random: Random;
  readonly invariants = new Invariants(2);
  readonly hosts = new Map<NodeId, Host>();
  private readonly clocks = new Map<NodeId, Clock>();
  private readonly paused = new Set<NodeId>();
  private realMs = 0;
  private inFlight: Message[] = [];
  private cut = new Set<string>();
  private proposals = 0;
  private reads = 0;
  private preferred = new Map<NodeId, number>();
  private readonly readFloors = new Map<string, number>();
  /** Greatest index that any node has known to be committed. */
  private committed = 0;
  /** Reads that were answered, and those of them without asking anybody. */
  readsAnswered = 0;
  readsAnsweredAlone = 0;

  constructor(
    seed: number,
    private readonly faults: Faults,
    private readonly options: NetworkOptions = PLAIN,
  ) {
    this.random = new Random(seed);
    const fields: Partial<RaftConfig> = {
      ...(options.isPipelined && { asyncStorageWrites: true, diskStallTicks: 3 }),
      leaseMs: options.leaseMs ?? 0,
    };
    const Kind = options.isPipelined ? PipelinedHost : SerialHost;
    for (const id of ALL_IDS) {
      const state = FOUNDERS.includes(id) ? foundingState(FOUNDERS) : joiningState();
      if (options.leaseMs !== null) this.clocks.set(id, new Clock(this.random));
      this.hosts.set(id, new Kind(id, state, this, fields));
      this.start(id);
    }
  }

  private host(id: NodeId): Host {
    return this.hosts.get(id) as Host;
  }

  /** Nodes that run, paused ones included. */
  running(): RaftNode[] {
    return [...this.hosts.values()].flatMap(({ node }) => (node === null ? [] : [node]));
  }

  private start(id: NodeId): void {
    this.host(id).start();
    const { preferred: priorities } = this;
    if (priorities.size > 0) this.host(id).step({ type: 'setPriorities', priorities });
  }

  clockOf(id: NodeId): number | undefined {
    return this.clocks.get(id)?.read(this.realMs);
  }

  post(messages: readonly Message[]): void {
    // Through the codec, so that what is simulated is what runs.
    for (const message of messages) this.inFlight.push(decodeMessage(encodeMessage(message)));
  }

  answer(context: string, index: number): void {
    this.readsAnswered += 1;
    const floor = this.readFloors.get(context) as number;
    if (index < floor) {
      throw new InvariantViolation(`a read asked for at ${floor} is answered with ${index}`);
    }
  }

  private deliver(message: Message): void {
    const { random } = this;
    const { from, to, type } = message;
    if (this.paused.has(to)) {
      // It waits in the sockets of the paused process.
      this.inFlight.push(message);
      return;
    }
    const isLost = this.host(to).node === null || this.cut.has(`${from}>${to}`);
    if (isLost || random.chance(this.faults.drop)) {
      if (random.chance(0.5)) this.host(from).step({ type: 'unreachable', peer: to });
      if (type === 'snapshot') {
        this.host(from).step({ type: 'snapshotReport', peer: to, ok: false });
      }
      return;
    }
    if (random.chance(this.faults.duplicate)) this.inFlight.push(message);
    this.host(to).step({ type: 'message', message });
    if (type === 'snapshot' && random.chance(SNAPSHOT_ACK)) {
      this.host(from).step({ type: 'snapshotReport', peer: to, ok: true });
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

  /** Asks `host` for a read that must see everything that any node knows to be committed. */
  private read(host: Host | undefined): void {
    const { node } = host ?? {};
    if (host === undefined || node === null || node === undefined) return;
    const context = `r${(this.reads += 1)}`;
    for (const each of this.running()) {
      this.committed = Math.max(this.committed, each.status().commit);
    }
    this.readFloors.set(context, Math.max(this.committed, this.invariants.lastCommitted));
    const before = this.readsAnswered;
    host.step({ type: 'readIndex', context });
    host.take();
    this.readsAnsweredAlone += this.readsAnswered - before;
  }

  private prefer(): void {
    this.preferred = new Map(ALL_IDS.map((id) => [id, this.random.below(3)]));
    for (const host of this.hosts.values()) {
      host.step({ type: 'setPriorities', priorities: this.preferred });
    }
  }

  private jump(host: Host): void {
    const clock = this.clocks.get(host.id);
    if (clock === undefined) return;
    const byMs = TICK_MS * (1 + this.random.below(100));
    if (this.random.chance(0.5)) clock.jumpAhead(byMs);
    else clock.jumpBack(this.realMs, byMs);
    // That it went back shows at the first input after it, if at all: here it is a read.
    this.read(host);
  }

  /** Puts a process to sleep, most often that of a leader, or wakes one: it is asked at once. */
  private pause(host: Host): void {
    const sleeping = this.random.pick([...this.paused]);
    if (sleeping !== undefined && this.random.chance(0.5)) {
      this.paused.delete(sleeping);
      this.read(this.host(sleeping));
      return;
    }
    const leader = this.running().find((node) => node.isLeader && !this.paused.has(node.leader));
    const isLeader = leader !== undefined && this.random.chance(0.7);
    this.paused.add(isLeader ? leader.leader : host.id);
  }

  private tick(host: Host): void {
    const clock = this.clocks.get(host.id);
    const isDue = clock?.isTickDue(this.realMs) ?? this.random.chance(0.4);
    if (isDue && !this.paused.has(host.id)) host.step({ type: 'tick' });
  }

  private misbehave(host: Host): void {
    const { random, faults } = this;
    const { isPipelined, leaseMs } = this.options;
    if (random.chance(faults.crash)) host.crash();
    else if (host.node === null && random.chance(0.2)) this.start(host.id);
    if (random.chance(faults.partition)) this.repartition();
    if (random.chance(faults.compact)) host.compact();
    if (random.chance(faults.transfer)) {
      host.step({ type: 'transferLeader', to: random.pick(ALL_IDS) });
    }
    if (random.chance(faults.change)) {
      const leader = this.running().find((node) => node.isLeader);
      leader?.step({ type: 'proposeConfChange', change: this.randomChange() });
    }
    if (isPipelined && random.chance(faults.stall)) host.isStalled = !host.isStalled;
    if (leaseMs === null) return;
    if (random.chance(faults.pause)) this.pause(host);
    if (random.chance(faults.jump)) this.jump(host);
    if (random.chance(faults.prefer)) this.prefer();
  }

  /** One random step, then the invariants. */
  step(): void {
    const { random } = this;
    const host = this.host(random.pick(ALL_IDS));
    this.realMs += random.below(3);
    this.misbehave(host);
    if (random.chance(0.2)) this.propose();
    const awake = [...this.hosts.values()].filter(({ id }) => !this.paused.has(id));
    if (random.chance(0.1)) this.read(random.pick(awake));
    // Whoever believes to lead: one that does no longer would give itself away.
    if (this.clocks.size > 0)
      this.read(awake.find(({ node }) => node?.isLeader && random.chance(0.1)));
    for (const each of this.clocks.size > 0 ? awake : [host]) this.tick(each);
    for (let i = 0; i < 3 && this.inFlight.length > 0; i += 1) {
      const at = random.chance(0.7) ? 0 : random.below(this.inFlight.length);
      this.deliver(this.inFlight.splice(at, 1)[0] as Message);
    }
    for (const each of awake) {
      if (random.chance(0.7)) each.take();
      if (random.chance(0.6)) each.work();
    }
    for (const node of this.running()) this.invariants.checkLeader(node);
  }

  /** Everything works again: a leader must emerge, and what it takes must reach all members. */
  heal(): void {
    this.cut.clear();
    this.paused.clear();
    for (const host of this.hosts.values()) {
      host.isStalled = false;
      if (host.node === null) this.start(host.id);
    }
    for (let round = 0; round < 400; round += 1) {
      this.realMs += 2 * TICK_MS;
      for (const host of this.hosts.values()) host.step({ type: 'tick' });
      if (round % 20 === 0) this.endTransfers();
      this.settle();
      if (this.agrees(round)) return;
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

  private settle(): void {
    for (let busy = true; busy;) {
      busy = this.inFlight.length > 0;
      const messages = this.inFlight;
      this.inFlight = [];
      for (const message of messages) this.host(message.to).step({ type: 'message', message });
      for (const host of this.hosts.values()) {
        host.take();
        busy ||= !host.isIdle;
        host.work();
        if (host.node !== null) this.invariants.checkLeader(host.node);
      }
    }
  }

  private target: number | null = null;

  /** Whether what a leader took long after the repair is applied by all, and the right one leads. */
  private agrees(round: number): boolean {
    const leader = this.running().find((node) => node.isLeader);
    if (leader === undefined) return false;
    const { id, confState, applied } = leader.status();
    if (this.target === null || round % 50 === 0) {
      const refused = leader.step({ type: 'propose', data: [Buffer.from(`final${round}`)] });
      this.target = refused === undefined ? leader.status().lastIndex : null;
      return false;
    }
    const { target } = this;
    const priorityOf = (node: NodeId) => this.preferred.get(node) ?? 1;
    const voters = [...confState.voters, ...confState.votersOutgoing];
    if (voters.some((voter) => priorityOf(voter) > priorityOf(id))) return false;
    const members = [...confState.voters, ...confState.learners];
    const reached = (node: NodeId) => (this.host(node).node?.status().applied ?? 0) >= target;
    return applied >= target && members.every(reached);
  }
}
