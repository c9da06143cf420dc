/**
 * Clients with several writes of a session on their way, under faults: writes arrive twice and out of
 * order, leaders change, sessions expire while a client is silent or cut off, and the clock of the
 * node that leads jumps by a day, forward and back. One seed decides everything. What must hold: no
 * write is applied twice, no acknowledged write is lost, all replicas hold equal sessions, and when
 * everybody has gone the sessions expire and the log comes to rest.
 */
import { encodeControlState } from '../../nodes/wire/state-codec.js';
import type { Json, Plan, TimedOperation } from '../explore/plan.js';
import { advance, resultOf } from '../explore/run-world.js';
import { observeWorld } from '../explore/observe.js';
import type { RunOptions, RunResult, Scenario } from '../explore/scenario.js';
import { SettingsReader } from '../explore/settings.js';
import { require } from '../explore/failure.js';
import { applySchedule, generateSchedule } from '../nemesis/index.js';
import { RandomStream } from '../world/index.js';
import type { World } from '../world/index.js';
import type { ModelEngine } from './model-engine.js';
import { Observer } from './observer.js';
import { sessionClient } from './session-client.js';
import type { SessionClient, SessionHistory } from './session-client.js';
import { describeSwarmMessage, nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';
import type { SwarmNodeProcess } from './swarm-node.js';
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
import {
  type SessionOperation,
  drawSessionOperations,
  invalid,
  readSessionOperation,
  tasksOf,
} from './swarm-operations.js';
import type { SwarmSettings } from './swarm-world.js';

const SECOND = 1_000_000;
const DAY_MS = 24 * 3_600_000;
/** Whoever sets clocks; the clients have higher numbers. */
const CLOCK_SETTER = 0;
/** How long clocks go on jumping after everything else has healed. */
const JUMPS_AFTER_MICROSECONDS = 60 * SECOND;
const PROBES = ['session-lost', 'write-unknown', 'leader-changed', 'clock-set-back'] as const;

interface Settings extends SwarmSettings {
  readonly nodes: number;
  readonly sessionTimeoutMs: number;
  /** Clients that keep their sessions alive must not lose one: only clocks go wrong. */
  readonly isCalm: boolean;
}

export const clientSessions: Scenario = {
  name: 'client-sessions',
  summary: 'Clients with several writes of a session on their way, under faults and wrong clocks',
  probes: PROBES,
  draw: (seed) => draw(seed, false),
  run: (plan, options = {}) => new Run(plan, options).finish(),
  simplify: simplifySwarmPlan,
};

export const calmSessions: Scenario = {
  ...clientSessions,
  name: 'calm-sessions',
  probes: PROBES.filter((probe) => probe !== 'leader-changed'),
  summary: 'As client-sessions, but only clocks go wrong: who keeps a session alive keeps it',
  draw: (seed) => draw(seed, true),
};

function draw(seed: number, isCalm: boolean): Plan {
  const random = new RandomStream(seed, 'scenario');
  const nodes = random.pick([1, 3, 3, 5]);
  const kinds = drawFaultKinds(random);
  const drawn = generateSchedule(seed, {
    nodes: swarmNodeIds(nodes).map(nodeName),
    durationMicroseconds: random.integer(10, 30) * SECOND,
    kinds,
    meanPauseMicroseconds: random.integer(1, 4) * SECOND,
    meanFaultMicroseconds: random.integer(1, 3) * SECOND,
    nodesDownMax: nodes === 1 ? 1 : Math.floor((nodes - 1) / 2),
  });
  const sessionTimeoutMs = random.pick([2_000, 4_000, 8_000]);
  const swarm = drawSwarmSettings(random, { isLossless: isCalm });
  const settings = { nodes, ...swarm, sessionTimeoutMs, isCalm };
  const clients = random.integer(2, 6);
  const schedule = isCalm ? { ...drawn, faults: [] } : drawn;
  const scenario = (isCalm ? calmSessions : clientSessions).name;
  const { durationMicroseconds } = schedule;
  const operations = [
    ...drawJumps(seed, durationMicroseconds + JUMPS_AFTER_MICROSECONDS),
    ...drawSessionOperations(seed, clients, durationMicroseconds + SECOND, sessionTimeoutMs),
  ].sort((a, b) => a.atMicroseconds - b.atMicroseconds);
  return { scenario, seed, settings, schedule, operations };
}

/** Sets the clock of whoever leads then a day forward or back, again and again. */
function drawJumps(seed: number, untilMicroseconds: number): TimedOperation[] {
  const random = new RandomStream(seed, 'clock jumps');
  const jumps: TimedOperation[] = [];
  for (let at = SECOND; at < untilMicroseconds; at += random.integer(SECOND, 4 * SECOND)) {
    const byMs = random.chance(0.7) ? DAY_MS : -DAY_MS;
    const operation = { setClockOfLeaderByMs: byMs };
    jumps.push({ atMicroseconds: at, client: CLOCK_SETTER, operation });
  }
  return jumps;
}

function readSettings(plan: Plan): Settings {
  const reader = new SettingsReader(plan.settings);
  const settings = {
    nodes: reader.integer('nodes', 1, SWARM_NODES_MAX),
    ...readSwarmSettings(reader),
    sessionTimeoutMs: reader.integer('sessionTimeoutMs', 100, 3_600_000),
    isCalm: reader.boolean('isCalm'),
  };
  reader.end();
  return settings;
}

/** By how much an operation sets a clock; undefined for one of a client. */
function readJump(operation: Json, position: number): number | undefined {
  if (typeof operation !== 'object' || operation === null) return undefined;
  if (!('setClockOfLeaderByMs' in operation)) return undefined;
  const byMs = operation.setClockOfLeaderByMs;
  if (Number.isSafeInteger(byMs) && Math.abs(byMs as number) <= 365 * DAY_MS) return byMs as number;
  throw invalid(position, '{"setClockOfLeaderByMs": milliseconds, at most a year}');
}

function readClientOperation(operation: Json, position: number): SessionOperation | undefined {
  const isJump = readJump(operation, position) !== undefined;
  return isJump ? undefined : readSessionOperation(operation, position);
}

class Run {
  readonly #plan: Plan;
  readonly #options: RunOptions;
  readonly #settings: Settings;
  readonly #nodeIds: readonly number[];
  readonly #observer = new Observer();
  readonly #history: SessionHistory = { acknowledged: new Map(), unknown: new Set(), lost: [] };
  readonly #processes: ReadonlyMap<number, SwarmNodeProcess>;
  readonly #clients: SessionClient[] = [];
  readonly #clockErrorsMs = new Map<number, number>();
  readonly #world: World<SwarmMessage, unknown>;
  #clockJumps = 0;
  #clockSetBack = false;
  #isDone = false;

  constructor(plan: Plan, options: RunOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#settings = readSettings(plan);
    this.#nodeIds = swarmNodeIds(this.#settings.nodes);
    this.#world = swarmWorld(plan.seed, this.#settings);
    this.#processes = addSwarmNodes(this.#world, this.#settings, {
      nodeIds: this.#nodeIds,
      observer: this.#observer,
      sessionTimeoutMs: this.#settings.sessionTimeoutMs,
      clockErrorMs: (nodeId) => this.#clockErrorsMs.get(nodeId) ?? 0,
    });
    this.#addClients();
    observeWorld(this.#world, options.observe, describeSwarmMessage);
    applySchedule(this.#world, plan.schedule);
    for (const [position, { atMicroseconds, operation }] of plan.operations.entries()) {
      const byMs = readJump(operation, position);
      if (byMs === undefined) continue;
      this.#world.at(atMicroseconds, 'set clock', () => this.#setClockOfLeader(byMs));
    }
  }

  finish(): RunResult {
    const { acknowledged, unknown, lost } = this.#history;
    return resultOf(
      this.#world,
      () => this.#check(),
      () => ({
        counts: {
          acknowledged: acknowledged.size,
          unknown: unknown.size,
          lost: lost.length,
          clockJumps: this.#clockJumps,
          leaderChanges: this.#observer.leaderChanges,
          faults: this.#plan.schedule.faults.length,
        },
        probes: this.#probes(),
      }),
    );
  }

  #check(): void {
    const world = this.#world;
    this.#advance(this.#plan.schedule.durationMicroseconds + SECOND);
    this.#isDone = true;
    const idle = (): boolean => this.#clients.every((client) => client.isIdle);
    this.#advance(world.nowMicroseconds + 60 * SECOND, idle);
    require(idle(), 'liveness', 'every write is answered or given up after everything healed');
    this.#checkRest();
    this.#checkHistory();
  }

  #advance(untilMicroseconds: number, until?: () => boolean): void {
    const options = { untilMicroseconds, ...(until === undefined ? {} : { until }) };
    advance(this.#world, options, this.#options.eventsMax);
  }

  #probes(): ReadonlySet<string> {
    const { lost, unknown } = this.#history;
    const leaderChanged = this.#observer.leaderChanges > 1;
    const reached = [lost.length > 0, unknown.size > 0, leaderChanged, this.#clockSetBack];
    return new Set(PROBES.filter((_, i) => reached[i]));
  }

  #setClockOfLeader(byMs: number): void {
    for (const [nodeId, { replica }] of this.#processes) {
      if (replica.status().role !== 'leader') continue;
      this.#clockErrorsMs.set(nodeId, (this.#clockErrorsMs.get(nodeId) ?? 0) + byMs);
      this.#clockJumps += 1;
      if (byMs < 0) this.#clockSetBack = true;
    }
  }

  #addClients(): void {
    for (const [client, tasks] of tasksOf(this.#plan.operations, readClientOperation)) {
      // A stream each, so that one client less leaves the others as they are.
      const random = this.#world.randomStream(`client ${client}`);
      const options = {
        nodeIds: this.#nodeIds,
        tasks,
        history: this.#history,
        timeoutMs: this.#settings.sessionTimeoutMs,
        window: random.integer(1, 8),
        keepsAlive: client === 1 || random.chance(0.5),
        isDone: () => this.#isDone,
      };
      const program = sessionClient(options, (started) => this.#clients.push(started));
      this.#world.addNode(`client-${client}`, program);
    }
  }

  /** Nobody uses a session any more: all expire, and then nothing is written into the log. */
  #checkRest(): void {
    const world = this.#world;
    const timeoutMicroseconds = this.#settings.sessionTimeoutMs * 1_000;
    const expired = (): boolean => this.#all(({ replica }) => replica.control.sessions.size === 0);
    // Each change of leader may leave an eighth of the time-out out of the count.
    const untilMicroseconds = world.nowMicroseconds + 3 * timeoutMicroseconds + 5 * SECOND;
    this.#advance(untilMicroseconds, expired);
    require(expired(), 'session-expiry', 'sessions that nobody uses expire on every node');
    this.#advance(world.nowMicroseconds + 3 * SECOND);
    const lastIndexes = (): number[] => this.#map(({ replica }) => replica.status().lastIndex);
    const before = lastIndexes().join();
    const leadersBefore = this.#observer.leaderChanges;
    this.#advance(world.nowMicroseconds + 3 * timeoutMicroseconds);
    const isSameLeader = this.#observer.leaderChanges === leadersBefore;
    const isIdle = !isSameLeader || lastIndexes().join() === before;
    require(isIdle, 'quiescence', 'an idle swarm writes no log');
    const states = this.#map(({ replica, engines }) => {
      const control = Buffer.from(encodeControlState(replica.control)).toString('hex');
      return `${control} ${(engines.active('v1') as ModelEngine).fingerprint()}`;
    });
    require(new Set(states).size === 1, 'convergence', 'all nodes hold the same at the end');
  }

  #checkHistory(): void {
    const { acknowledged, lost } = this.#history;
    for (const [content, index] of acknowledged) {
      const written = this.#observer.writtenAt.get(content);
      const sentence = `the acknowledged write ${content} is in the log at ${index}`;
      require(written === index, 'durability', sentence);
    }
    if (!this.#settings.isCalm) return;
    const kept = lost.filter(({ keepsAlive }) => keepsAlive);
    const sentence = `${kept[0]?.client} kept its session alive and lost it`;
    require(kept.length === 0, 'session-kept', sentence);
  }

  #map<T>(of: (process: SwarmNodeProcess) => T): T[] {
    return this.#nodeIds.map((nodeId) => {
      const process = this.#processes.get(nodeId);
      require(process !== undefined, 'liveness', 'every node runs at the end');
      return of(process);
    });
  }

  #all(of: (process: SwarmNodeProcess) => boolean): boolean {
    return this.#map(of).every(Boolean);
  }
}
