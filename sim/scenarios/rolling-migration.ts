/**
 * A swarm migrates from v1 to v2 under load while nodes crash and the network breaks. One seed
 * decides cluster size, timeouts, workload and faults. Then everything heals, and the run must end
 * wholly in v1 or wholly in v2, serving, with nothing acknowledged lost.
 */
import { assert } from '../../nodes/assert.js';
import { checkLinearizability } from '../checkers/linearizability.js';
import { memoryRegister } from '../checkers/models.js';
import { applySchedule, faultKinds, generateSchedule } from '../nemesis/index.js';
import type { Schedule } from '../nemesis/index.js';
import { RandomStream } from '../world/index.js';
import type { World } from '../world/index.js';
import type { ModelEngine } from './model-engine.js';
import { Observer } from './observer.js';
import { ScenarioFailure } from './scenario-failure.js';
import { swarmClient } from './swarm-client.js';
import type { RecordedOperation } from './swarm-client.js';
import { nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';
import type { SwarmNodeProcess } from './swarm-node.js';
import { addSwarmNodes, drawSwarmWorld } from './swarm-world.js';

export interface RunReport {
  readonly seed: number;
  readonly nodes: number;
  readonly finalVersion: 1 | 2;
  readonly operations: number;
  readonly leaderChanges: number;
  readonly switches: number;
  readonly faults: number;
  readonly events: number;
  readonly traceHash: string;
}

const SECOND = 1_000_000;
const OPERATOR = 'operator';

/** Runs one seed. Throws `ScenarioFailure` when an invariant or a promise is broken. */
export function runRollingMigration(seed: number): RunReport {
  const random = new RandomStream(seed, 'scenario');
  const nodeIds = Array.from({ length: random.pick([1, 3, 3, 5, 5]) }, (_, i) => i + 1);
  const names = nodeIds.map(nodeName);
  const chaosSeconds = random.integer(6, 20);
  const kinds = random.shuffle(faultKinds).slice(0, random.integer(1, faultKinds.length));
  const schedule = generateSchedule(seed, {
    nodes: names,
    durationMicroseconds: chaosSeconds * SECOND,
    kinds,
    meanPauseMicroseconds: random.integer(1, 4) * SECOND,
    meanFaultMicroseconds: random.integer(1, 3) * SECOND,
    nodesDownMax: nodeIds.length === 1 ? 1 : Math.floor((nodeIds.length - 1) / 2),
  });
  try {
    return new Run(seed, nodeIds, random, schedule).finish();
  } catch (error) {
    throw new ScenarioFailure(seed, schedule, error);
  }
}

class Run {
  readonly #observer = new Observer();
  readonly #history: RecordedOperation[] = [];
  readonly #processes: ReadonlyMap<number, SwarmNodeProcess>;
  readonly #world: World<SwarmMessage, unknown>;
  readonly #nodeIds: readonly number[];
  readonly #schedule: Schedule;
  readonly #seed: number;
  #isDone = false;

  constructor(seed: number, nodeIds: readonly number[], random: RandomStream, schedule: Schedule) {
    this.#seed = seed;
    this.#nodeIds = nodeIds;
    this.#schedule = schedule;
    this.#world = drawSwarmWorld(seed, random, { isLossless: false });
    this.#processes = addSwarmNodes(this.#world, random, { nodeIds, observer: this.#observer });
    this.#addClients(random.integer(1, 6));
    applySchedule(this.#world, schedule);
    this.#operate(random);
  }

  finish(): RunReport {
    const world = this.#world;
    const healedAt = this.#schedule.durationMicroseconds + SECOND;
    world.run({ untilMicroseconds: healedAt });
    const settled = (): boolean => this.#isSettled();
    // Liveness: once everything is healed, the swarm finishes within a minute of its own time.
    world.run({ untilMicroseconds: healedAt + 60 * SECOND, until: settled });
    assert(settled(), `the rollout ends after everything healed: ${this.#describe()}`);
    this.#isDone = true;
    const idle = (): boolean => this.#history.every((one) => one.returnMicroseconds !== null);
    world.run({ untilMicroseconds: world.nowMicroseconds + 30 * SECOND, until: idle });
    assert(idle(), 'every request is answered after everything healed');
    world.run({ untilMicroseconds: world.nowMicroseconds + 3 * SECOND });
    this.#checkConvergence();
    this.#checkHistory();
    const [first] = this.#processes.values();
    return {
      seed: this.#seed,
      nodes: this.#nodeIds.length,
      finalVersion: first?.replica.control.swarmVersion ?? 1,
      operations: this.#history.length,
      leaderChanges: this.#observer.leaderChanges,
      switches: this.#observer.switches,
      faults: this.#schedule.faults.length,
      events: world.events,
      traceHash: world.traceHash,
    };
  }

  #addClients(count: number): void {
    const sharedIds = ['a', 'b', 'c'];
    for (let clientId = 1; clientId <= count; clientId += 1) {
      const program = swarmClient({
        clientId,
        nodeIds: this.#nodeIds,
        sharedIds,
        history: this.#history,
        isDone: () => this.#isDone,
      });
      this.#world.addNode(`client-${clientId}`, program);
    }
  }

  /** The operator starts the rollout, in some runs aborts it and starts again. */
  #operate(random: RandomStream): void {
    const aborts = random.chance(0.4);
    const abortAt = random.integer(2, 10);
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

  #checkConvergence(): void {
    const processes = this.#nodeIds.map((nodeId) => {
      const process = this.#processes.get(nodeId);
      assert(process !== undefined, 'every node runs at the end');
      return process;
    });
    const nodes = processes.map((process) => {
      const { nodeId: node, engines } = process;
      return { node, active: process.activeVersion(), open: engines.versions() };
    });
    this.#observer.rolloutSafety.ended(nodes);
    const fingerprints = processes.map((process) => {
      const { nodeId, engines, replica } = process;
      assert(process.activeVersion() === 'v2', `node ${nodeId} answers from v2 at the end`);
      const engine = engines.active('v2') as ModelEngine;
      return `${replica.appliedIndex} ${engine.fingerprint()}`;
    });
    assert(new Set(fingerprints).size === 1, 'all nodes hold the same at the end');
  }

  #checkHistory(): void {
    const { verdict, key, counterexample } = checkLinearizability(memoryRegister, this.#history, {
      maxSteps: 5_000_000,
    });
    assert(verdict === 'linearizable', `the history is ${verdict} at ${key}: ${counterexample}`);
  }
}
