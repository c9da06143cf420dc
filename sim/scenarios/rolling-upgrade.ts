/**
 * A swarm rolls from one engine or release to another, in batches and under load, and back when an
 * operator says so, while nodes crash and the network breaks. One seed decides all of it. A plan may say
 * besides at which step of a node something hits it; the matrix runs every step with every fault. Then
 * everything heals, and the run must end wholly on one side, serving, with nothing acknowledged lost.
 */
import { hasEnded } from '../../nodes/rollout/state.js';
import { isUnavailable, unavailableMax } from '../../nodes/rollout/turns.js';
import type { ControlState } from '../../nodes/control-plane/state.js';
import type { Plan } from '../explore/plan.js';
import { advance, resultOf } from '../explore/run-world.js';
import { observeWorld } from '../explore/observe.js';
import type { RunOptions, RunResult, Scenario } from '../explore/scenario.js';
import { require } from '../explore/failure.js';
import { Nemesis, applySchedule, generateSchedule } from '../nemesis/index.js';
import { RandomStream } from '../world/index.js';
import type { World } from '../world/index.js';
import { Observer } from './observer.js';
import { checkConvergence, checkHistory, checkPlacement } from './swarm-checks.js';
import { addSwarmClients } from './swarm-client.js';
import type { RecordedOperation } from './swarm-client.js';
import { describeSwarmMessage, nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';
import type { SwarmNodeProcess } from './swarm-node.js';
import { drawMemoryOperations, readMemoryOperation, tasksOf } from './swarm-operations.js';
import {
  addSwarmNodes,
  drawFaultKinds,
  drawSwarmSettings,
  simplifySwarmPlan,
  swarmNodeIds,
  swarmWorld,
} from './swarm-world.js';
import type { LoadMeter } from './load-meter.js';
import { actionOf, nodesAt } from './upgrade-hits.js';
import { type Order, drawOrders, readOrder, upgradeOperator } from './upgrade-operator.js';
import {
  FIRST_RELEASE,
  drawRollout,
  planOptionsOf,
  readUpgradeSettings,
  spreadOf,
} from './upgrade-settings.js';
import type { UpgradeSettings } from './upgrade-settings.js';

const SECOND = 1_000_000;
/** How long clients go on asking after everything has healed, if the rollout lasts so long. */
const LOAD_AFTER_MICROSECONDS = 10 * SECOND;
/** How long a process takes to stop, and the next one to start. */
const EXCHANGE_MICROSECONDS = 150_000;
const PROBES = [
  'completed',
  'rolled-back',
  'rolled-back-in-window',
  'aborted',
  'paused',
  'leader-changed-while-rolling',
  'several-unavailable',
  'release-exchanged-twice',
] as const;

export const rollingUpgrade: Scenario = {
  name: 'rolling-upgrade',
  summary: 'Engines or releases are rolled out in batches, paused, and rolled back, under faults',
  probes: PROBES,
  draw,
  run: (plan, options = {}) => runUpgrade(plan, options),
  simplify: simplifySwarmPlan,
};

/** A run that is measured, if there is something to measure it with. */
export function runUpgrade(plan: Plan, options: UpgradeRunOptions = {}): RunResult {
  return new Run(plan, options).finish();
}

interface UpgradeRunOptions extends RunOptions {
  /** Told what nodes send and come to; `observe` is told nothing then. */
  readonly meter?: LoadMeter;
}

function draw(seed: number): Plan {
  const random = new RandomStream(seed, 'scenario');
  const nodes = random.pick([1, 3, 3, 5, 5, 7]);
  const schedule = generateSchedule(seed, {
    nodes: swarmNodeIds(nodes).map(nodeName),
    durationMicroseconds: random.integer(6, 20) * SECOND,
    kinds: drawFaultKinds(random),
    meanPauseMicroseconds: random.integer(1, 4) * SECOND,
    meanFaultMicroseconds: random.integer(1, 3) * SECOND,
    nodesDownMax: nodes === 1 ? 1 : Math.floor((nodes - 1) / 2),
  });
  const settings = {
    nodes,
    ...drawSwarmSettings(random, { isLossless: false }),
    ...drawRollout(random, nodes),
    rollbackAt: random.pick(['', '', '', 'soak', 'finalizing', 'finalized']),
    hit: '',
    hitAt: '',
    hitAfterNodes: 0,
    hitLastsMs: 0,
  };
  const until = schedule.durationMicroseconds + LOAD_AFTER_MICROSECONDS;
  const operations = [
    ...drawMemoryOperations(seed, random.integer(1, 6), until),
    ...drawOrders(random, schedule.durationMicroseconds),
  ].sort((a, b) => a.atMicroseconds - b.atMicroseconds);
  return { scenario: rollingUpgrade.name, seed, settings, schedule, operations };
}

class Run {
  readonly #plan: Plan;
  readonly #options: UpgradeRunOptions;
  readonly #settings: UpgradeSettings;
  readonly #observer = new Observer();
  readonly #history: RecordedOperation[] = [];
  readonly #processes: ReadonlyMap<number, SwarmNodeProcess>;
  readonly #world: World<SwarmMessage, unknown>;
  readonly #nodeIds: readonly number[];
  readonly #orders: { readonly atMicroseconds: number; readonly order: Order }[] = [];
  readonly #seen = new Set<string>();
  readonly #exchanges = new Map<number, number>();
  #wantsRollback = false;
  #hasHit = false;
  #isHealed = false;
  #isDone = false;

  constructor(plan: Plan, options: UpgradeRunOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#settings = readUpgradeSettings(plan);
    this.#nodeIds = swarmNodeIds(this.#settings.nodes);
    this.#world = swarmWorld(plan.seed, this.#settings);
    const exchange = (nodeId: number): void => this.#exchange(nodeId);
    const isRelease = this.#settings.kind === 'release';
    this.#processes = addSwarmNodes(this.#world, this.#settings, {
      nodeIds: this.#nodeIds,
      observer: this.#observer,
      planOptions: planOptionsOf(this.#settings),
      ...spreadOf(this.#settings),
      ...(isRelease ? { releases: { first: FIRST_RELEASE, exchange } } : {}),
    });
    this.#addClients();
    observeWorld(this.#world, options.observe, describeSwarmMessage);
    const { meter } = options;
    if (meter !== undefined) this.#world.observe((moment) => meter.sees(moment));
    applySchedule(this.#world, plan.schedule, {
      resolve: (target) => (target === '@leader' ? this.#leaderName() : undefined),
    });
    this.#addOperator();
    this.#observer.onState = (control, nodeId) => {
      this.#onState(control);
      this.#checkVoters(nodeId);
      meter?.stands(nodeId, control.rollout, this.#world.nowMicroseconds);
    };
  }

  finish(): RunResult {
    return resultOf(
      this.#world,
      () => this.#check(),
      () => ({
        counts: {
          operations: this.#history.length,
          leaderChanges: this.#observer.leaderChanges,
          switches: this.#observer.switches,
          faults: this.#plan.schedule.faults.length,
          hits: this.#hasHit ? 1 : 0,
          completed: this.#seen.has('completed') ? 1 : 0,
        },
        probes: new Set(PROBES.filter((probe) => this.#seen.has(probe))),
      }),
    );
  }

  #check(): void {
    const world = this.#world;
    const { hit, hitLastsMs, nodes } = this.#settings;
    const healedAt = this.#plan.schedule.durationMicroseconds + SECOND;
    this.#advance(healedAt);
    // What hits at a step comes when the step does; more nodes take longer until then.
    const patience = 60 * SECOND + nodes * 4 * SECOND + hitLastsMs * 1_000;
    if (hit === '') this.#isHealed = true;
    // What has hit is to be over as well: nodes that are cut off hold less than the others.
    const settled = (): boolean => this.#isSettled() && (this.#isHealed || !this.#hasHit);
    this.#advance(healedAt + patience, settled);
    const what = 'the rollout ends after everything healed';
    require(settled(), 'liveness', `${what}: ${this.#describe()}`);
    this.#isDone = true;
    const idle = (): boolean => this.#history.every((one) => one.returnMicroseconds !== null);
    this.#advance(world.nowMicroseconds + 30 * SECOND, idle);
    require(idle(), 'liveness', 'every request is answered after everything healed');
    this.#advance(world.nowMicroseconds + 3 * SECOND);
    checkConvergence(this.#nodeIds, this.#processes, this.#observer);
    this.#checkSide();
    checkPlacement(this.#processes, spreadOf(this.#settings).spread);
    checkHistory(this.#history);
  }

  /** Where it ends is where the last word about it leads. */
  #checkSide(): void {
    for (const process of this.#processes.values()) {
      const { rollout } = process.replica.control;
      const isBack = rollout?.status !== 'completed';
      const active = process.activeVersion();
      const side = this.#settings.kind === 'engine' ? (active === 'v1' ? 'from' : 'to') : null;
      const isRight =
        side === null
          ? process.release === (isBack ? rollout?.plan.from : rollout.plan.to)
          : (side === 'from') === isBack;
      require(isRight, 'rollout', `node ${process.nodeId} is where the rollout ended`);
    }
    if (this.#seen.has('way back was asked')) return;
    require(this.#seen.has('completed'), 'rollout', 'nobody asked to go back, so it is completed');
  }

  #advance(untilMicroseconds: number, until?: () => boolean): void {
    const options = { untilMicroseconds, ...(until === undefined ? {} : { until }) };
    advance(this.#world, options, this.#options.eventsMax);
  }

  #addClients(): void {
    const readClient = (operation: Plan['operations'][number]['operation'], position: number) => {
      const order = readOrder(operation, position);
      if (order === undefined) return readMemoryOperation(operation, position);
      const atMicroseconds = this.#plan.operations[position]?.atMicroseconds ?? 0;
      this.#orders.push({ atMicroseconds, order });
      if (['abort', 'rollback', 'halt'].includes(order)) this.#seen.add('way back was asked');
      return undefined;
    };
    addSwarmClients(this.#world, tasksOf(this.#plan.operations, readClient), {
      nodeIds: this.#nodeIds,
      history: this.#history,
      isDone: () => this.#isDone,
    });
  }

  #addOperator(): void {
    const program = upgradeOperator({
      nodeIds: this.#nodeIds,
      processes: this.#processes,
      orders: this.#orders,
      isReady: () => this.#hasVoters(),
      wantsRollback: () => this.#wantsRollback,
      isHealed: () => this.#isHealed || this.#settings.hit !== '',
      isDone: () => this.#isDone,
    });
    this.#world.addNode('operator', program);
  }

  /** A node came to this state: what the plan wants at such a moment happens. */
  #onState(control: ControlState): void {
    const { rollout } = control;
    if (rollout === null) return;
    this.#note(control);
    const { rollbackAt, hit, hitAt, hitAfterNodes } = this.#settings;
    if (rollbackAt !== '' && nodesAt(rollout, rollbackAt).length > 0) {
      // In a matrix the way back begins at the moment that is hit.
      const isTime = hit === '' || rollbackAt !== hitAt || this.#isTurn(rollout, hitAfterNodes);
      if (isTime) this.#wantsRollback = true;
      if (isTime) this.#seen.add('way back was asked');
    }
    if (hit === '' || this.#hasHit) return;
    const [node] = nodesAt(rollout, hitAt);
    if (node !== undefined && this.#isTurn(rollout, hitAfterNodes)) this.#strike(node);
  }

  /** Processes of a release stop: never so many that vote that the others are no majority. */
  #checkVoters(nodeId: number): void {
    const { replica } = this.#processes.get(nodeId) ?? {};
    const { rollout } = replica?.control ?? {};
    if (replica?.leader !== nodeId || rollout?.plan.kind !== 'release') return;
    const { voters } = replica.status().confState;
    const stopped = rollout.nodes.filter(
      (node) => isUnavailable(node) && voters.includes(node.nodeId),
    );
    const most = unavailableMax(voters.length);
    const ids = stopped.map((node) => node.nodeId).join(' and ');
    require(stopped.length <=
      most, 'rollout', `${most} of ${voters.length} voters may stop, not ${ids}`);
  }

  #isTurn(
    { nodes }: { readonly nodes: readonly { readonly step: string }[] },
    after: number,
  ): boolean {
    const over = nodes.filter(({ step }) => step === 'done' || step === 'soak');
    return over.length >= Math.min(after, nodes.length - 1) || this.#wantsRollback;
  }

  #note({ rollout }: ControlState): void {
    if (rollout === null) return;
    const { status } = rollout;
    if (status === 'completed' || status === 'aborted' || status === 'paused')
      this.#seen.add(status);
    if (status === 'rolledBack') {
      this.#seen.add('rolled-back');
      if (rollout.finalizedAtMs > 0) this.#seen.add('rolled-back-in-window');
    }
    const busy = rollout.nodes.filter(({ step }) => ['drain', 'stage', 'switch'].includes(step));
    if (busy.length > 1) this.#seen.add('several-unavailable');
    if (this.#observer.leaderChangedWhileMigrating) this.#seen.add('leader-changed-while-rolling');
  }

  /** Does what the plan says to the node of the moment, for a while, then heals everything. */
  #strike(nodeId: number): void {
    this.#hasHit = true;
    const world = this.#world;
    const { hit, hitLastsMs } = this.#settings;
    if (hit === '') return;
    const names = this.#nodeIds.map(nodeName);
    const nemesis = new Nemesis(world, names);
    const until = hitLastsMs * 1_000;
    const node = nodeName(nodeId);
    const action = actionOf(hit, node, this.#leaderName() ?? node, names, until);
    world.at(world.nowMicroseconds + 1, `hit ${hit}`, () => nemesis.apply(action));
    world.at(world.nowMicroseconds + until, 'heal the hit', () => {
      nemesis.apply({ kind: 'heal-all' });
      this.#isHealed = true;
    });
  }

  /** Whether as many vote as are to; a plan is made for those who vote then. */
  #hasVoters(): boolean {
    const { voters } = this.#settings;
    const isWhole = ({ replica, nodeId }: SwarmNodeProcess): boolean =>
      replica.leader === nodeId && replica.status().confState.voters.length >= voters;
    return voters === 0 || [...this.#processes.values()].some(isWhole);
  }

  #leaderName(): string | undefined {
    const leader = [...this.#processes.values()].find(
      ({ replica }) => replica.status().role === 'leader',
    );
    return leader === undefined ? undefined : nodeName(leader.nodeId);
  }

  /** The supervisor of a node: the old process ends, and a little later the next one starts. */
  #exchange(nodeId: number): void {
    const world = this.#world;
    const name = nodeName(nodeId);
    const count = (this.#exchanges.get(nodeId) ?? 0) + 1;
    this.#exchanges.set(nodeId, count);
    if (count > 1) this.#seen.add('release-exchanged-twice');
    world.at(world.nowMicroseconds + 1, 'stop the old release', () => world.crash(name));
    const start = world.nowMicroseconds + EXCHANGE_MICROSECONDS;
    world.at(start, 'start the next release', () => world.restart(name));
  }

  #isSettled(): boolean {
    return this.#nodeIds.every((nodeId) => {
      const rollout = this.#processes.get(nodeId)?.replica.control.rollout ?? null;
      return rollout !== null && hasEnded(rollout);
    });
  }

  #describe(): string {
    return [...this.#processes.values()]
      .map(({ nodeId, replica, release }) => {
        const { role, term, commit } = replica.status();
        const { rollout } = replica.control;
        const steps = rollout?.nodes
          .map(({ step, direction }) => `${direction} ${step}`)
          .join(', ');
        return (
          `node ${nodeId} ${release} ${role} term ${term} commit ${commit} ${rollout?.status} ` +
          `${steps ?? 'none'}`
        );
      })
      .join('; ');
  }
}
