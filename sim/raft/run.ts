/** One run of a plan: the world it describes, its two phases, and what is judged at the end. */
import { type RaftConfig, defaultRaftConfig } from '../../consensus/raft/index.js';
import { checkLinearizability } from '../checkers/linearizability.js';
import { Violation } from '../checkers/violation.js';
import type { Plan } from '../explore/plan.js';
import { observeWorld } from '../explore/observe.js';
import { advance } from '../explore/run-world.js';
import type { RunOptions, RunResult } from '../explore/scenario.js';
import { FaultAtlas, applySchedule } from '../nemesis/index.js';
import { World } from '../world/index.js';
import { type ClientTask, RaftClient, type RecordedOperation, raftClient } from './client.js';
import { describeRaftMessage } from './describe.js';
import { limits } from './limits.js';
import { type RaftMessage, digestMessage, raftNodeName } from './messages.js';
import { RaftObserver } from './observer.js';
import { askOf, nodeAsked } from './operations.js';
import type { RaftProcess } from './raft-process.js';
import type { RaftScenarioOptions } from './scenario.js';
import { type RaftSettings, invalid, readSettings } from './settings.js';
import { isRelease } from './releases.js';
import { raftPrograms } from './start.js';
import type { RaftValue } from './stored.js';

/** How often it is looked whether all has settled, and whether the user's invariants hold. */
const SLICE_MICROSECONDS = 100_000;
/** Steps of the search for a linear order; a history that takes more is not judged. */
const LINEARIZABILITY_STEPS_MAX = 300_000;

/** See the head of this file. */
export class RaftRun {
  readonly #options: RaftScenarioOptions;
  readonly #plan: Plan;
  readonly #settings: RaftSettings;
  readonly #world: World<RaftMessage, RaftValue>;
  readonly #observer = new RaftObserver();
  readonly #names: readonly string[];
  readonly #clients: RaftClient[] = [];
  readonly #history: RecordedOperation[] = [];
  readonly #eventsMax: number | undefined;
  #unjudged = 0;
  /** The latest term before that may not change any more. */
  #lastTerm = 0;
  /** 1 if the group has come to a stop that nothing but a human ends. */
  #stuck = 0;

  /** Throws a `SimulationError` if the plan makes no sense. */
  constructor(options: RaftScenarioOptions, plan: Plan, runOptions: RunOptions = {}) {
    this.#options = options;
    this.#plan = plan;
    this.#eventsMax = runOptions.eventsMax;
    const settings = readSettings(plan.settings);
    this.#settings = settings;
    if (plan.operations.length > limits.operationsMax) {
      throw invalid(`a plan has at most ${limits.operationsMax} operations`);
    }
    const nodes = settings.voters + settings.spares;
    this.#names = Array.from({ length: nodes + 1 }, (_, id) => (id === 0 ? '' : raftNodeName(id)));
    this.#world = makeWorld(plan.seed, settings);
    const programs = this.#addNodes();
    this.#addClients();
    observeWorld(this.#world, runOptions.observe, describeRaftMessage);
    const voters = this.#names.slice(1, settings.voters + 1);
    applySchedule(this.#world, plan.schedule, {
      resolve: (target) => this.#resolve(target),
      program: (release) => (isRelease(release) ? programs[release] : undefined),
      // A node that was damaged counts as damaged to the end: it may owe others what it has lost.
      atlas: new FaultAtlas({ nodes: voters }),
    });
  }

  get nowMicroseconds(): number {
    return this.#world.nowMicroseconds;
  }

  /** Throws what was found. */
  toEnd(): void {
    const { durationMicroseconds } = this.#plan.schedule;
    while (this.nowMicroseconds < durationMicroseconds) {
      this.#runSlice(durationMicroseconds);
    }
    this.#settle();
    this.#judge();
  }

  result(): RunResult {
    const { counts, probes } = this.#observer;
    return {
      events: this.#world.events,
      simulatedMicroseconds: this.nowMicroseconds,
      traceHash: this.#world.traceHash,
      counts: {
        ...counts,
        operations: this.#history.length,
        unjudged: this.#unjudged,
        stuck: this.#stuck,
      },
      probes: probes.reached,
    };
  }

  #addNodes(): ReturnType<typeof raftPrograms> {
    const { voters, spares, ...settings } = this.#settings;
    const programs = raftPrograms({
      names: this.#names,
      founders: Array.from({ length: voters }, (_, at) => at + 1),
      config: configOf(this.#settings),
      machine: this.#options.machine,
      tickMicroseconds: settings.tickMicroseconds,
      compactionEntries: settings.compactionEntries,
      trailingEntries: settings.trailingEntries,
      applyMicroseconds: settings.applyMicroseconds,
      keepsMachine: settings.keepsMachine === 1,
      reusesSnapshots: settings.reusesSnapshots === 1,
      snapshotBlocks: settings.snapshotBlocks,
      leasesByWallClock: settings.leasesByWallClock === 1,
      usesCodec: settings.usesCodec === 1,
      distrustsDisk: settings.distrustsDisk === 1,
      preferredLeader: settings.preferredLeader,
      observer: this.#observer,
    });
    for (let id = 1; id <= voters + spares; id += 1) {
      this.#world.addNode(raftNodeName(id), programs.first);
    }
    return programs;
  }

  #addClients(): void {
    const { seed, operations } = this.#plan;
    const nodes = this.#names.length - 1;
    const tasks = new Map<number, ClientTask[]>();
    for (const timed of operations) {
      const task = { timed, ask: askOf(timed, nodes), node: nodeAsked(timed, nodes) };
      const own = tasks.get(timed.client);
      if (own === undefined) tasks.set(timed.client, [task]);
      else own.push(task);
    }
    const clients = [...tasks].sort(([a], [b]) => a - b);
    for (const [client, own] of clients) {
      const program = raftClient(
        {
          seed,
          tasks: own.sort((a, b) => a.timed.atMicroseconds - b.timed.atMicroseconds),
          names: this.#names,
          usesSessions: this.#settings.usesSessions === 1,
          attemptMicroseconds: this.#settings.attemptMicroseconds,
          keyOf: this.#options.judgedBy?.keyOf ?? (() => ''),
          history: this.#history,
          observer: this.#observer,
        },
        (started) => this.#clients.push(started),
      );
      this.#world.addNode(`client-${client}`, program);
    }
  }

  /** The leader of the latest term, or the first running voter that does not lead. */
  #resolve(target: string): string | undefined {
    const leader = this.#leader()?.id;
    if (target === '@leader') return leader === undefined ? undefined : this.#names[leader];
    if (target !== '@follower') return undefined;
    const voters = this.#names.slice(1, this.#settings.voters + 1);
    return voters.find((name, at) => at + 1 !== leader && this.#world.isUp(name));
  }

  #leader(): RaftProcess | null {
    let leader: RaftProcess | null = null;
    for (const process of this.#observer.processes.values()) {
      if (!process.node.isLeader || !this.#world.isUp(raftNodeName(process.id))) continue;
      if (leader === null || process.node.term > leader.node.term) leader = process;
    }
    return leader;
  }

  #runSlice(lastMicroseconds: number): void {
    const until = Math.min(this.nowMicroseconds + SLICE_MICROSECONDS, lastMicroseconds);
    advance(this.#world, { untilMicroseconds: until }, this.#eventsMax);
    this.#checkBounds();
    const { invariants } = this.#options;
    if (invariants === undefined || invariants.length === 0) return;
    const machines = new Map(
      [...this.#observer.processes].map(([id, { replica }]) => [id, replica.machine] as const),
    );
    for (const { name, check } of invariants) {
      const wrong = check(machines);
      if (wrong !== undefined) throw new Violation(name, wrong);
    }
  }

  /** What a plan demands while its faults last. */
  #checkBounds(): void {
    const { answerMicrosecondsMax, termMax, termStaysFromMicroseconds } = this.#settings;
    for (const client of answerMicrosecondsMax > 0 ? this.#clients : []) {
      const since = client.waitsSinceMicroseconds ?? Infinity;
      if (this.nowMicroseconds - since <= answerMicrosecondsMax) continue;
      throw new Violation('availability', `no answer for too long: ${this.#describe()}`);
    }
    if (termMax > 0) this.#checkTerms(termMax);
    if (termStaysFromMicroseconds === 0) return;
    if (this.nowMicroseconds < termStaysFromMicroseconds) this.#lastTerm = this.#latestTerm();
    else this.#checkTerms(this.#lastTerm);
  }

  #latestTerm(): number {
    return Math.max(...[...this.#observer.processes.values()].map(({ node }) => node.term));
  }

  #checkTerms(termMax: number): void {
    for (const { node, id } of this.#observer.processes.values()) {
      if (node.term <= termMax) continue;
      const message = `node ${id} is in term ${node.term}: ${this.#describe()}`;
      throw new Violation('stable-terms', message);
    }
  }

  /**
   * Everything is healed: the group must elect, serve all that wait, and agree. The time for that
   * begins anew with each operation that ends, since clients may have fallen far behind.
   */
  #settle(): void {
    const { settleMicroseconds } = this.#settings;
    let waiting = Infinity;
    let lastMicroseconds = 0;
    while (!this.#isSettled()) {
      const left = this.#clients.reduce((sum, client) => sum + client.operationsLeft, 0);
      if (left < waiting) lastMicroseconds = this.nowMicroseconds + settleMicroseconds;
      waiting = left;
      if (this.nowMicroseconds >= lastMicroseconds) {
        if (this.#isBeyondRepair()) {
          this.#stuck = 1;
          return;
        }
        const seconds = settleMicroseconds / 1_000_000;
        const message = `${seconds} s after everything was healed, or the last operation ended: `;
        throw new Violation('liveness', message + this.#describe());
      }
      this.#runSlice(lastMicroseconds);
    }
  }

  /**
   * Whether no majority of the founders is left that may vote, or none of them that may lead: some have
   * lost their disk, or what it said of the membership, and others, which cannot trust their own, miss
   * those for confirming what they hold, or for what those confirmed.
   */
  #isBeyondRepair(): boolean {
    const { refusals, processes } = this.#observer;
    const { voters } = this.#settings;
    const founders = [...processes.values()]
      .filter(({ id }) => id <= voters && !refusals.has(id))
      .map(({ node }) => node.status());
    const knowing = founders.filter(({ confState }) => confState.voters.length > 0);
    if (knowing.length === voters) return false;
    const votes = knowing.filter(({ isAmnesiac }) => !isAmnesiac).length;
    return votes <= voters / 2 || knowing.every(({ owesEntries }) => owesEntries);
  }

  #isSettled(): boolean {
    if (this.#clients.some((client) => !client.isIdle)) return false;
    const members = this.#members();
    if (members === null) return false;
    const last = members.leader.node.lastIndex;
    return members.all.every(({ appliedIndex }) => appliedIndex === last);
  }

  /** The leader of the latest term with all nodes of its membership that run. */
  #members(): { readonly leader: RaftProcess; readonly all: readonly RaftProcess[] } | null {
    const leader = this.#leader();
    if (leader === null) return null;
    const { voters, votersOutgoing, learners } = leader.node.status().confState;
    const all: RaftProcess[] = [];
    for (const id of new Set([...voters, ...votersOutgoing, ...learners])) {
      const process = this.#observer.processes.get(id);
      if (process !== undefined) all.push(process);
      else if (!this.#observer.refusals.has(id)) return null;
    }
    return { leader, all };
  }

  #describe(): string {
    const nodes = [...this.#observer.processes.values()].map(({ id, node, appliedIndex }) => {
      const { role, term, commit, lastIndex, confState, lostEntries, isAmnesiac } = node.status();
      const voters = confState.voters.join(' ');
      return (
        `node ${id} is ${role} of term ${term}, commit ${commit} of ${lastIndex}, applied ` +
        `${appliedIndex}, voters ${voters}, ${lostEntries} lost${isAmnesiac ? ', amnesiac' : ''}`
      );
    });
    const clients = this.#clients.filter(({ isIdle }) => !isIdle).map((each) => each.describe());
    const refused = [...this.#observer.refusals].map(
      ([id, why]) => `node ${id} is refused: ${why}`,
    );
    return [...nodes, ...refused, ...clients].join('; ');
  }

  #judge(): void {
    this.#observer.ended(this.#members()?.all ?? []);
    const { judgedBy } = this.#options;
    if (judgedBy === undefined) return;
    const { verdict, key, counterexample } = checkLinearizability(judgedBy.model, this.#history, {
      maxSteps: LINEARIZABILITY_STEPS_MAX,
    });
    if (verdict === 'unknown') this.#unjudged += 1;
    if (verdict !== 'not-linearizable') return;
    throw new Violation('linearizability', `the history of ${key} is not: ${counterexample}`);
  }
}

function makeWorld(seed: number, settings: RaftSettings): World<RaftMessage, RaftValue> {
  return new World<RaftMessage, RaftValue>({
    seed,
    network: {
      delay: {
        kind: 'exponential',
        minimumMicroseconds: settings.delayMinimumMicroseconds,
        meanMicroseconds: settings.delayMeanMicroseconds,
        maximumMicroseconds: settings.delayMaximumMicroseconds,
      },
      lossProbability: settings.lossPerMille / 1_000,
      duplicationProbability: settings.duplicationPerMille / 1_000,
      reorderingProbability: settings.reorderingPerMille / 1_000,
    },
    disk: {
      syncDelay: {
        kind: 'uniform',
        minimumMicroseconds: settings.syncMinimumMicroseconds,
        maximumMicroseconds: settings.syncMaximumMicroseconds,
      },
      crashLoss: settings.crashKeepsSome === 1 ? 'random-suffix' : 'all-unsynced',
    },
    digest: digestMessage,
  });
}

function configOf(settings: RaftSettings): Omit<RaftConfig, 'id' | 'random'> {
  const { maxMessageBytes } = settings;
  return defaultRaftConfig({
    id: 1,
    random: () => 0,
    electionTicks: settings.electionTicks,
    electionStepTicks: settings.electionStepTicks,
    heartbeatTicks: settings.heartbeatTicks,
    preVote: settings.preVote === 1,
    checkQuorum: settings.checkQuorum === 1,
    leaseMs: settings.leaseMs,
    keepsLeasePromise: settings.keepsLeasePromise === 1,
    quiesceTicks: settings.quiesceTicks,
    diskStallTicks: settings.diskStallTicks,
    maxMessageBytes,
    maxInflightMessages: settings.maxInflightMessages,
    maxInflightBytes: Math.max(maxMessageBytes, 16 << 20),
    maxApplyBytes: settings.maxApplyBytes,
    maxUncommittedBytes: settings.maxUncommittedBytes,
    asyncStorageWrites: true,
  });
}
