/**
 * A swarm migrates from v1 to v2 under load while nodes crash and the network breaks. One seed
 * decides cluster size, timeouts, workload and faults. Then everything heals, and the run must end
 * wholly in v1 or wholly in v2, serving, with nothing acknowledged lost.
 */
import type { Plan } from '../explore/plan.js';
import { advance, resultOf } from '../explore/run-world.js';
import { observeWorld } from '../explore/observe.js';
import type { RunOptions, RunResult, Scenario } from '../explore/scenario.js';
import { SettingsReader } from '../explore/settings.js';
import { require } from '../explore/failure.js';
import { applySchedule, generateSchedule } from '../nemesis/index.js';
import { RandomStream } from '../world/index.js';
import type { World } from '../world/index.js';
import { Observer } from './observer.js';
import { checkConvergence, checkHistory } from './swarm-checks.js';
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
  readSwarmSettings,
  simplifySwarmPlan,
  SWARM_NODES_MAX,
  swarmNodeIds,
  swarmWorld,
} from './swarm-world.js';
import type { SwarmSettings } from './swarm-world.js';

const SECOND = 1_000_000;
const OPERATOR = 'operator';
/** How long clients go on asking after everything has healed, if the rollout lasts so long. */
const LOAD_AFTER_MICROSECONDS = 10 * SECOND;
const PROBES = ['rollout-aborted', 'leader-changed-while-migrating', 'switched-again'] as const;

interface Settings extends SwarmSettings {
  readonly nodes: number;
  /** Whether the operator aborts the rollout, and from when on, for a second. */
  readonly aborts: boolean;
  readonly abortAtSeconds: number;
}

export const rollingMigration: Scenario = {
  name: 'rolling-migration',
  summary: 'A swarm moves from v1 to v2 node by node, under load and faults',
  probes: PROBES,
  draw,
  run: (plan, options = {}) => new Run(plan, options).finish(),
  simplify(plan) {
    const simpler = simplifySwarmPlan(plan);
    if (plan.settings['aborts'] !== true) return simpler;
    return [...simpler, { ...plan, settings: { ...plan.settings, aborts: false } }];
  },
};

function draw(seed: number): Plan {
  const random = new RandomStream(seed, 'scenario');
  const nodes = random.pick([1, 3, 3, 5, 5]);
  const chaosSeconds = random.integer(6, 20);
  const kinds = drawFaultKinds(random);
  const schedule = generateSchedule(seed, {
    nodes: swarmNodeIds(nodes).map(nodeName),
    durationMicroseconds: chaosSeconds * SECOND,
    kinds,
    meanPauseMicroseconds: random.integer(1, 4) * SECOND,
    meanFaultMicroseconds: random.integer(1, 3) * SECOND,
    nodesDownMax: nodes === 1 ? 1 : Math.floor((nodes - 1) / 2),
  });
  const swarm = drawSwarmSettings(random, { isLossless: false });
  const clients = random.integer(1, 6);
  const aborts = random.chance(0.4);
  const settings = { nodes, ...swarm, aborts, abortAtSeconds: random.integer(2, 10) };
  const until = schedule.durationMicroseconds + LOAD_AFTER_MICROSECONDS;
  const operations = drawMemoryOperations(seed, clients, until);
  return { scenario: rollingMigration.name, seed, settings, schedule, operations };
}

function readSettings(plan: Plan): Settings {
  const reader = new SettingsReader(plan.settings);
  const settings = {
    nodes: reader.integer('nodes', 1, SWARM_NODES_MAX),
    ...readSwarmSettings(reader),
    aborts: reader.boolean('aborts'),
    abortAtSeconds: reader.integer('abortAtSeconds', 0, 1_000),
  };
  reader.end();
  return settings;
}

class Run {
  readonly #plan: Plan;
  readonly #options: RunOptions;
  readonly #settings: Settings;
  readonly #observer = new Observer();
  readonly #history: RecordedOperation[] = [];
  readonly #processes: ReadonlyMap<number, SwarmNodeProcess>;
  readonly #world: World<SwarmMessage, unknown>;
  readonly #nodeIds: readonly number[];
  #isDone = false;

  constructor(plan: Plan, options: RunOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#settings = readSettings(plan);
    this.#nodeIds = swarmNodeIds(this.#settings.nodes);
    this.#world = swarmWorld(plan.seed, this.#settings);
    const shared = { nodeIds: this.#nodeIds, observer: this.#observer };
    this.#processes = addSwarmNodes(this.#world, this.#settings, shared);
    this.#addClients();
    observeWorld(this.#world, options.observe, describeSwarmMessage);
    applySchedule(this.#world, plan.schedule);
    this.#addOperator();
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
        },
        probes: this.#probes(),
      }),
    );
  }

  #check(): void {
    const world = this.#world;
    const healedAt = this.#plan.schedule.durationMicroseconds + SECOND;
    this.#advance(healedAt);
    // Liveness: once everything is healed, the swarm finishes within a minute of its own time.
    const settled = (): boolean => this.#isSettled();
    this.#advance(healedAt + 60 * SECOND, settled);
    const rolled = 'the rollout ends after everything healed';
    require(settled(), 'liveness', `${rolled}: ${this.#describe()}`);
    this.#isDone = true;
    const idle = (): boolean => this.#history.every((one) => one.returnMicroseconds !== null);
    this.#advance(world.nowMicroseconds + 30 * SECOND, idle);
    require(idle(), 'liveness', 'every request is answered after everything healed');
    this.#advance(world.nowMicroseconds + 3 * SECOND);
    checkConvergence(this.#nodeIds, this.#processes, this.#observer);
    for (const process of this.#processes.values()) {
      const isInV2 = process.activeVersion() === 'v2';
      require(isInV2, 'rollout', `node ${process.nodeId} answers from v2 at the end`);
    }
    checkHistory(this.#history);
  }

  #advance(untilMicroseconds: number, until?: () => boolean): void {
    const options = { untilMicroseconds, ...(until === undefined ? {} : { until }) };
    advance(this.#world, options, this.#options.eventsMax);
  }

  #probes(): ReadonlySet<string> {
    const { switches, aborted, leaderChangedWhileMigrating } = this.#observer;
    const reached = [aborted, leaderChangedWhileMigrating, switches > this.#settings.nodes];
    return new Set(PROBES.filter((_, i) => reached[i]));
  }

  #addClients(): void {
    const tasks = tasksOf(this.#plan.operations, readMemoryOperation);
    addSwarmClients(this.#world, tasks, {
      nodeIds: this.#nodeIds,
      history: this.#history,
      isDone: () => this.#isDone,
    });
  }

  /** The operator starts the rollout, in some runs aborts it and starts again. */
  #addOperator(): void {
    const { aborts, abortAtSeconds: abortAt } = this.#settings;
    this.#world.addNode(OPERATOR, {
      start: (_disk, context) => {
        context.setTimer(SECOND, 'operate');
        return {
          onMessage: () => undefined,
          onDiskSynced: () => undefined,
          onTick: () => {
            if (this.#isDone) return;
            const seconds = context.nowMicroseconds / SECOND;
            const abort = aborts && seconds >= abortAt && seconds < abortAt + 1;
            const picked = Math.floor(context.random() * this.#nodeIds.length);
            const to = nodeName(this.#nodeIds[picked] ?? 1);
            context.send(to, { kind: abort ? 'abort-rollout' : 'start-rollout', request: 0 });
            context.setTimer(SECOND / 2, 'operate');
          },
        };
      },
    });
  }

  #isSettled(): boolean {
    return this.#nodeIds.every((nodeId) => {
      const process = this.#processes.get(nodeId);
      return process !== undefined && process.replica.control.swarmVersion === 2;
    });
  }

  #describe(): string {
    return [...this.#processes.values()]
      .map(({ nodeId, replica }) => {
        const { role, term, commit } = replica.status();
        const { rollout } = replica.control;
        const steps = rollout?.nodes.map(({ step }) => step).join(',') ?? 'none';
        return `node ${nodeId} ${role} term ${term} commit ${commit} ${rollout?.status} ${steps}`;
      })
      .join('; ');
  }
}
