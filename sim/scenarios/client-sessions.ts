/**
 * Clients with several writes of a session on their way, under faults: writes arrive twice and out of
 * order, leaders change, sessions expire while a client is silent or cut off, and the clock of the
 * node that leads jumps by a day, forward and back. One seed decides everything. What must hold: no
 * write is applied twice, no acknowledged write is lost, all replicas hold equal sessions, and when
 * everybody has gone the sessions expire and the log comes to rest.
 */
import { assert } from '../../nodes/assert.js';
import { encodeControlState } from '../../nodes/wire/state-codec.js';
import {
  applySchedule,
  clockFaultKinds,
  generateSchedule,
  networkFaultKinds,
} from '../nemesis/index.js';
import type { Schedule } from '../nemesis/index.js';
import { RandomStream } from '../world/index.js';
import type { World } from '../world/index.js';
import type { ModelEngine } from './model-engine.js';
import { Observer } from './observer.js';
import { ScenarioFailure } from './scenario-failure.js';
import { sessionClient } from './session-client.js';
import type { SessionClient, SessionHistory } from './session-client.js';
import { nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';
import type { SwarmNodeProcess } from './swarm-node.js';
import { addSwarmNodes, drawSwarmWorld } from './swarm-world.js';

export interface SessionsReport {
  readonly seed: number;
  readonly nodes: number;
  readonly acknowledged: number;
  readonly unknown: number;
  /** Sessions that their clients found gone. */
  readonly lost: number;
  readonly clockJumps: number;
  readonly leaderChanges: number;
  readonly faults: number;
  readonly events: number;
  readonly traceHash: string;
}

/** Its nodes have no answer to a disk that fails or damages what it holds. */
const kindsSurvived = [
  ...networkFaultKinds,
  ...clockFaultKinds,
  'crash',
  'pause',
  'disk-stall',
] as const;

const SECOND = 1_000_000;
const DAY_MS = 24 * 3_600_000;

/** `calm`: clocks jump, and nothing else goes wrong; clients that keep their sessions lose none. */
export function runClientSessions(
  seed: number,
  options: { readonly calm?: boolean } = {},
): SessionsReport {
  const random = new RandomStream(seed, 'scenario');
  const nodeIds = Array.from({ length: random.pick([1, 3, 3, 5]) }, (_, i) => i + 1);
  const kinds = random.shuffle(kindsSurvived).slice(0, random.integer(1, kindsSurvived.length));
  const drawn = generateSchedule(seed, {
    nodes: nodeIds.map(nodeName),
    durationMicroseconds: random.integer(10, 30) * SECOND,
    kinds,
    meanPauseMicroseconds: random.integer(1, 4) * SECOND,
    meanFaultMicroseconds: random.integer(1, 3) * SECOND,
    nodesDownMax: nodeIds.length === 1 ? 1 : Math.floor((nodeIds.length - 1) / 2),
  });
  const calm = options.calm === true;
  const schedule = calm ? { ...drawn, faults: [] } : drawn;
  try {
    return new Run(seed, nodeIds, random, schedule, calm).finish();
  } catch (error) {
    throw new ScenarioFailure(seed, schedule, error);
  }
}

class Run {
  readonly #observer = new Observer();
  readonly #history: SessionHistory = { acknowledged: new Map(), unknown: new Set(), lost: [] };
  readonly #processes: ReadonlyMap<number, SwarmNodeProcess>;
  readonly #clients: SessionClient[] = [];
  readonly #clockErrorsMs = new Map<number, number>();
  readonly #world: World<SwarmMessage, unknown>;
  readonly #timeoutMs: number;
  #clockJumps = 0;
  #isDone = false;

  constructor(
    private readonly seed: number,
    private readonly nodeIds: readonly number[],
    random: RandomStream,
    private readonly schedule: Schedule,
    private readonly calm: boolean,
  ) {
    this.#timeoutMs = random.pick([2_000, 4_000, 8_000]);
    this.#world = drawSwarmWorld(seed, random, { isLossless: calm });
    this.#processes = addSwarmNodes(this.#world, random, {
      nodeIds,
      observer: this.#observer,
      sessionTimeoutMs: this.#timeoutMs,
      clockErrorMs: (nodeId) => this.#clockErrorsMs.get(nodeId) ?? 0,
    });
    this.#addClients(random);
    applySchedule(this.#world, schedule);
    this.#addClockSetter();
  }

  finish(): SessionsReport {
    const world = this.#world;
    world.run({ untilMicroseconds: this.schedule.durationMicroseconds + SECOND });
    this.#isDone = true;
    const idle = (): boolean => this.#clients.every((client) => client.isIdle);
    world.run({ untilMicroseconds: world.nowMicroseconds + 60 * SECOND, until: idle });
    assert(idle(), 'every write is answered or given up after everything healed');
    this.#checkRest();
    this.#checkHistory();
    const { acknowledged, unknown, lost } = this.#history;
    return {
      seed: this.seed,
      nodes: this.nodeIds.length,
      acknowledged: acknowledged.size,
      unknown: unknown.size,
      lost: lost.length,
      clockJumps: this.#clockJumps,
      leaderChanges: this.#observer.leaderChanges,
      faults: this.schedule.faults.length,
      events: world.events,
      traceHash: world.traceHash,
    };
  }

  #addClients(random: RandomStream): void {
    const count = random.integer(2, 6);
    for (let client = 1; client <= count; client += 1) {
      const options = {
        nodeIds: this.nodeIds,
        history: this.#history,
        timeoutMs: this.#timeoutMs,
        window: random.integer(1, 8),
        keepsAlive: client === 1 || random.chance(0.5),
        isDone: () => this.#isDone,
      };
      const program = sessionClient(options, (started) => this.#clients.push(started));
      this.#world.addNode(`client-${client}`, program);
    }
  }

  /** Sets the clock of whoever leads a day forward or back, again and again. */
  #addClockSetter(): void {
    this.#world.addNode('clock-setter', {
      start: (_disk, context) => {
        context.setTimer(SECOND, 'set');
        return {
          onMessage: () => undefined,
          onDiskSynced: () => undefined,
          onTick: () => {
            context.setTimer(SECOND + Math.floor(context.random() * 3 * SECOND), 'set');
            const forward = context.random() < 0.7;
            for (const [nodeId, { replica }] of this.#processes) {
              if (replica.status().role !== 'leader') continue;
              const errorMs = this.#clockErrorsMs.get(nodeId) ?? 0;
              this.#clockErrorsMs.set(nodeId, errorMs + (forward ? DAY_MS : -DAY_MS));
              this.#clockJumps += 1;
            }
          },
        };
      },
    });
  }

  /** Nobody uses a session any more: all expire, and then nothing is written into the log. */
  #checkRest(): void {
    const world = this.#world;
    const timeoutMicroseconds = this.#timeoutMs * 1_000;
    const expired = (): boolean => this.#all(({ replica }) => replica.control.sessions.size === 0);
    // Each change of leader may leave an eighth of the time-out out of the count.
    const untilMicroseconds = world.nowMicroseconds + 3 * timeoutMicroseconds + 5 * SECOND;
    world.run({ untilMicroseconds, until: expired });
    assert(expired(), 'sessions that nobody uses expire on every node');
    world.run({ untilMicroseconds: world.nowMicroseconds + 3 * SECOND });
    const lastIndexes = (): number[] => this.#map(({ replica }) => replica.status().lastIndex);
    const before = lastIndexes().join();
    const leadersBefore = this.#observer.leaderChanges;
    world.run({ untilMicroseconds: world.nowMicroseconds + 3 * timeoutMicroseconds });
    const isSameLeader = this.#observer.leaderChanges === leadersBefore;
    assert(!isSameLeader || lastIndexes().join() === before, 'an idle swarm writes no log');
    const states = this.#map(({ replica, engines }) => {
      const control = Buffer.from(encodeControlState(replica.control)).toString('hex');
      return `${control} ${(engines.active('v1') as ModelEngine).fingerprint()}`;
    });
    assert(new Set(states).size === 1, 'all nodes hold the same at the end');
  }

  #checkHistory(): void {
    const { acknowledged, lost } = this.#history;
    for (const [content, index] of acknowledged) {
      const written = this.#observer.writtenAt.get(content);
      assert(written === index, `the acknowledged write ${content} is in the log at ${index}`);
    }
    if (!this.calm) return;
    const kept = lost.filter(({ keepsAlive }) => keepsAlive);
    assert(kept.length === 0, `${kept[0]?.client} kept its session alive and lost it`);
  }

  #map<T>(of: (process: SwarmNodeProcess) => T): T[] {
    return this.nodeIds.map((nodeId) => {
      const process = this.#processes.get(nodeId);
      assert(process !== undefined, 'every node runs at the end');
      return of(process);
    });
  }

  #all(of: (process: SwarmNodeProcess) => boolean): boolean {
    return this.#map(of).every(Boolean);
  }
}
