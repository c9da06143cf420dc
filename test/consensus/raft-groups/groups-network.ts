import {
  type ConfChange,
  type NodeId,
  type RaftNode,
  foundingState,
  joiningState,
} from '../../../consensus/raft/index.js';
import { type GroupId, decodeEnvelope } from '../../../consensus/raft-groups/index.js';
import { InvariantViolation, Invariants } from '../raft/invariants.js';
import { Random } from '../raft/random.js';
import { type InFlight, type Seen, SimulatedHost } from './simulated-host.js';

/** How a run misbehaves: the probability of each in a step. */
export interface GroupFaults {
  readonly drop: number;
  readonly duplicate: number;
  readonly crash: number;
  readonly partition: number;
  readonly pause: number;
}

const ALL_IDS: readonly NodeId[] = [1, 2, 3, 4];
const VOTERS: readonly NodeId[] = [1, 2, 3];
const GROUPS: readonly GroupId[] = [1, 2, 3, 4];
const ELECTION_TICKS = 5;

/**
 * Four groups on four nodes, of which the fourth comes and goes as a learner, with processes that
 * crash and pause, and a network that loses, repeats, delays and is cut. Whoever is out of reach
 * for long is reported, as a driver has to; short gaps are not.
 */
export class GroupsNetwork {
  readonly random: Random;
  readonly invariants = new Map(GROUPS.map((group) => [group, new Invariants(2)]));
  private readonly hosts = new Map<NodeId, SimulatedHost>();
  private inFlight: InFlight[] = [];
  private cut = new Set<string>();
  private proposals = 0;
  private reads = 0;
  private readonly leaders = new Map<string, NodeId>();
  private readonly seen: Seen;

  constructor(
    seed: number,
    private readonly faults: GroupFaults,
  ) {
    this.random = new Random(seed);
    const { random, invariants } = this;
    this.seen = {
      random,
      invariants,
      isAsync: random.chance(0.5),
      electionTicks: ELECTION_TICKS,
      sent: new Map(),
      committedTerms: new Map(),
      readFloors: new Map(),
      counts: { quiesced: 0, woke: 0, readsAnswered: 0 },
    };
    for (const id of ALL_IDS) {
      const host = new SimulatedHost(id, this.seen, () => {
        return VOTERS.includes(id) ? foundingState(VOTERS) : joiningState();
      });
      this.hosts.set(id, host);
      host.start();
    }
  }

  /** How often a member of a group fell asleep, or was woken, and reads that were answered. */
  get counts(): Seen['counts'] {
    return this.seen.counts;
  }

  private host(id: NodeId): SimulatedHost {
    return this.hosts.get(id) as SimulatedHost;
  }

  /** Members of `group` that run. */
  private nodes(group: GroupId): RaftNode[] {
    return [...this.hosts.values()].flatMap(({ groups }) => groups?.get(group) ?? []);
  }

  private isReachable(from: SimulatedHost, to: SimulatedHost): boolean {
    const isCut = this.cut.has(`${from.id}>${to.id}`) || this.cut.has(`${to.id}>${from.id}`);
    return to.groups !== null && to.pausedSteps === 0 && !isCut;
  }

  private watch(host: SimulatedHost): void {
    host.watch([...this.hosts.values()], (other) => this.isReachable(host, other));
  }

  private deliver(envelope: InFlight, drop: number): void {
    const { from, to, bytes } = envelope;
    const host = this.host(to);
    const { messages } = decodeEnvelope(bytes);
    if (host.pausedSteps > 0) {
      // Its socket still takes what comes.
      this.inFlight.push(envelope);
      return;
    }
    const isLost = host.groups === null || this.cut.has(`${from}>${to}`);
    if (isLost || this.random.chance(drop)) {
      this.reportSnapshots(envelope, false);
      if (!this.random.chance(0.3)) return;
      for (const { group } of messages) {
        this.host(from).groups?.step(group, { type: 'unreachable', peer: to });
      }
      return;
    }
    const unknown = host.groups?.receive({ from, to, messages });
    if (unknown?.length !== 0) throw new InvariantViolation('every node knows every group');
    this.reportSnapshots(envelope, true);
  }

  private reportSnapshots({ from, to, bytes }: InFlight, ok: boolean): void {
    for (const { group, message } of decodeEnvelope(bytes).messages) {
      if (message.type !== 'snapshot') continue;
      this.host(from).groups?.step(group, { type: 'snapshotReport', peer: to, ok });
    }
  }

  private repartition(): void {
    this.cut.clear();
    if (this.random.chance(0.5)) return;
    const side = new Set(ALL_IDS.filter(() => this.random.chance(0.5)));
    const isSplit = this.random.chance(0.5);
    for (const from of ALL_IDS) {
      for (const to of ALL_IDS) {
        const isCut = isSplit ? side.has(from) !== side.has(to) : this.random.chance(0.2);
        if (from !== to && isCut) this.cut.add(`${from}>${to}`);
      }
    }
  }

  /** A proposal, a read, a transfer or a change of the learner, in one group. */
  private act(): void {
    const { random } = this;
    const group = random.pick(GROUPS);
    const host = this.host(random.pick(ALL_IDS));
    if (host.groups === null || host.pausedSteps > 0) return;
    const leader = [...this.hosts.values()].find((each) => each.groups?.get(group)?.isLeader);
    if (random.chance(0.4)) {
      const context = `r${(this.reads += 1)}`;
      this.seen.readFloors.set(context, this.invariants.get(group)?.lastCommitted as number);
      host.groups.step(group, { type: 'readIndex', context });
    } else if (random.chance(0.1)) {
      host.groups.step(group, { type: 'transferLeader', to: random.pick(VOTERS) });
    } else if (random.chance(0.2)) {
      const type = random.pick(['addLearner', 'remove'] as const);
      const change: ConfChange = { transition: 'auto', changes: [{ type, node: 4 }] };
      leader?.groups?.step(group, { type: 'proposeConfChange', change });
    } else {
      // Also to those who do not lead: it is refused, and wakes them.
      const data = [Buffer.from(`g${group} p${(this.proposals += 1)}`)];
      (random.chance(0.8) ? leader : host)?.groups?.step(group, { type: 'propose', data });
    }
  }

  /** One random step, then the invariants. */
  step(): void {
    const { random, faults } = this;
    const host = this.host(random.pick(ALL_IDS));
    if (random.chance(faults.crash)) host.crash();
    else if (host.groups === null && random.chance(0.1)) host.start();
    if (random.chance(faults.partition)) this.repartition();
    if (random.chance(faults.pause)) host.pausedSteps = random.below(120);
    if (random.chance(0.06)) this.act();
    for (let i = 0; i < 8 && this.inFlight.length > 0; i += 1) {
      const at = random.chance(0.8) ? 0 : random.below(this.inFlight.length);
      const envelope = this.inFlight.splice(at, 1)[0] as InFlight;
      if (random.chance(faults.duplicate)) this.inFlight.push(envelope);
      this.deliver(envelope, faults.drop);
    }
    for (const each of this.hosts.values()) {
      if (each.pausedSteps > 0) {
        each.pausedSteps -= 1;
        continue;
      }
      this.watch(each);
      if (random.chance(0.25)) each.groups?.tick();
      each.take();
      for (const group of GROUPS) if (random.chance(0.7)) each.finish(group);
      this.inFlight.push(...each.flush());
    }
    this.check();
  }

  private check(): void {
    for (const group of GROUPS) {
      for (const node of this.nodes(group)) {
        this.checkLeader(group, node);
        if (!node.isQuiescent) continue;
        const { commit, lastIndex, applied, leader } = node.status();
        if (commit === lastIndex && applied === lastIndex && leader !== 0) continue;
        throw new InvariantViolation('who sleeps has a leader and nothing to do');
      }
    }
  }

  /** Leader completeness says nothing of a leader elected late, in a term that has passed. */
  private checkLeader(group: GroupId, node: RaftNode): void {
    if (!node.isLeader) return;
    const { id, term } = node.status();
    const key = `${group}/${term}`;
    const known = this.leaders.get(key) ?? id;
    this.leaders.set(key, id);
    if (known !== id) throw new InvariantViolation(`${known} and ${id} both lead term ${key}`);
    if (term < (this.seen.committedTerms.get(group) ?? 0)) return;
    this.invariants.get(group)?.checkLeader(node);
  }

  /** Delivers and does everything there is, without faults. */
  private settle(): void {
    for (let busy = true; busy;) {
      const envelopes = this.inFlight;
      this.inFlight = [];
      for (const envelope of envelopes) this.deliver(envelope, 0);
      busy = envelopes.length > 0;
      for (const host of this.hosts.values()) {
        host.take();
        for (const group of GROUPS) if (host.finish(group)) busy = true;
        this.inFlight.push(...host.flush());
      }
      this.check();
    }
  }

  /** Rounds of calm until `isDone`; returns how many it took. */
  private calm(roundsMax: number, what: string, isDone: () => boolean): number {
    for (let round = 0; round < roundsMax; round += 1) {
      if (isDone()) return round;
      for (const host of this.hosts.values()) {
        this.watch(host);
        host.groups?.tick();
      }
      this.settle();
    }
    throw new InvariantViolation(`${what}: not within ${roundsMax} ticks of calm`);
  }

  private leaderOf(group: GroupId): RaftNode | undefined {
    const leaders = this.nodes(group).filter((node) => node.isLeader);
    const greatest = Math.max(...leaders.map((node) => node.status().term));
    return leaders.find((node) => node.status().term === greatest);
  }

  private membersOf(group: GroupId): RaftNode[] {
    const { voters, learners } = (this.leaderOf(group) as RaftNode).status().confState;
    const members = [...voters, ...learners];
    return this.nodes(group).filter((node) => members.includes(node.status().id));
  }

  /** Whether all members of a group that run follow the same leader, awake or asleep. */
  private isLed(group: GroupId): boolean {
    const leader = this.leaderOf(group)?.status();
    if (leader === undefined) return false;
    return this.membersOf(group).every((node) => {
      const status = node.status();
      return status.leader === leader.id && status.term === leader.term;
    });
  }

  private isQuiet(): boolean {
    return GROUPS.every((group) => {
      return this.isLed(group) && this.membersOf(group).every((node) => node.isQuiescent);
    });
  }

  /**
   * Everything works again. Nobody proposes anything, and yet every group has a leader; then every
   * group takes a proposal, falls asleep and is silent; then one node is lost, and the groups that
   * it led have another leader.
   */
  heal(): void {
    this.cut.clear();
    for (const host of this.hosts.values()) {
      host.pausedSteps = 0;
      if (host.groups === null) host.start();
    }
    const isLed = () => GROUPS.every((group) => this.isLed(group));
    this.endTransfers();
    this.calm(200, 'every group has a leader without being asked', isLed);
    this.makeProgress();
    this.calm(200, 'every group falls asleep', () => this.isQuiet());
    const before = this.sentByMembers();
    let ticks = 0;
    this.calm(60, 'silence', () => (ticks += 1) > 50);
    const said = this.sentByMembers() - before;
    if (said > 0) throw new InvariantViolation(`${said} messages of groups that sleep`);
    this.loseLeader();
  }

  /** Who was removed and has not heard of it looks for its leader; the others leave it alone. */
  private sentByMembers(): number {
    let count = 0;
    for (const group of GROUPS) {
      for (const node of this.membersOf(group)) {
        count += this.seen.sent.get(`${group}/${node.status().id}`) ?? 0;
      }
    }
    return count;
  }

  private makeProgress(): void {
    const targets = new Map<GroupId, number>();
    this.calm(200, 'every group takes a proposal and applies it everywhere', () => {
      for (const group of GROUPS) {
        const leader = this.leaderOf(group);
        if (leader === undefined || targets.has(group)) continue;
        const host = this.host(leader.status().id);
        const data = [Buffer.from(`last of ${group}`)];
        if (host.groups?.step(group, { type: 'propose', data }) !== undefined) continue;
        targets.set(group, leader.status().lastIndex);
      }
      this.settle();
      this.endTransfers();
      return GROUPS.every((group) => {
        const target = targets.get(group) ?? Infinity;
        return (
          this.isLed(group) && this.membersOf(group).every((n) => n.status().applied >= target)
        );
      });
    });
  }

  private loseLeader(): void {
    const lost = this.host((this.leaderOf(1) as RaftNode).status().id);
    const led = GROUPS.filter((group) => this.leaderOf(group)?.status().id === lost.id);
    lost.crash();
    for (const host of this.hosts.values()) host.groups?.peerGone(lost.id);
    // Two election timeouts unless votes split, which chance may do a few times (`groups.test.ts`).
    this.calm(12 * ELECTION_TICKS, 'a lost leader is replaced', () =>
      led.every((group) => this.isLed(group)),
    );
  }

  private endTransfers(): void {
    for (const host of this.hosts.values()) {
      for (const group of GROUPS) {
        for (const [peer, { state }] of host.groups?.get(group)?.status().progress ?? []) {
          if (state !== 'snapshot') continue;
          host.groups?.step(group, { type: 'snapshotReport', peer, ok: false });
        }
      }
    }
  }
}
