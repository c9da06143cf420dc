/** The two ways of one rollout: forward until it is final, and back within its window. */
import { setTimeout as sleep } from 'node:timers/promises';

import { DemoError } from '../../examples/rolling-migration/demo-error.js';
import type { Rollout, RolloutOptions, SwarmClient } from '../../src/client/index.js';
import { limits } from './limits.js';
import { now } from './faults.js';
import type { Span } from './measure.js';
import type { Kind } from './options.js';
import type { SoakSwarm } from './swarm.js';

/** A batch, from the first cordon to the moment when all its nodes are done. */
export interface BatchTime {
  readonly nodes: readonly number[];
  readonly seconds: number;
}

/** What one way of one rollout came to. */
export interface Turn extends Span {
  readonly kind: Kind;
  readonly direction: 'forward' | 'back';
  readonly status: Rollout['status'];
  readonly reason: string;
  /** Empty on the way back. */
  readonly batches: readonly BatchTime[];
  /** Transitions of nodes, and acknowledgements of the fence, per node of the swarm. */
  readonly transitionsPerNode: number;
}

const AT_REST: ReadonlySet<Rollout['status']> = new Set([
  'paused',
  'finalized',
  'completed',
  'rolledBack',
  'aborted',
]);

export class Turns {
  readonly #client: SwarmClient;
  readonly #swarm: SoakSwarm;
  readonly #plan: RolloutOptions;

  constructor(client: SwarmClient, swarm: SoakSwarm, plan: RolloutOptions) {
    this.#client = client;
    this.#swarm = swarm;
    this.#plan = plan;
  }

  /** Runs the plan that leads to `to`, until it is final or has gone back by itself. */
  async forward(kind: Kind, to: string): Promise<Turn> {
    const options = { plan: this.#plan, deadlineMs: limits.operatorDeadlineMs };
    const fromMicroseconds = now();
    const started = await this.#patiently(async () => {
      const { digest } = await this.#client.rollouts.plan(to, options);
      return this.#client.rollouts.start(to, digest, options);
    });
    const watch = new BatchWatch(started);
    const end = await this.#untilAtRest(started, (seen) => watch.see(seen));
    return this.#turn(kind, 'forward', fromMicroseconds, [started, end], watch.times());
  }

  /** Rolls back what is final, and waits until every node is what it was. */
  async back(kind: Kind, from: string): Promise<Turn> {
    const fromMicroseconds = now();
    const change = { action: 'rollback', reason: 'the soak goes back within the window' } as const;
    const deadlineMs = limits.operatorDeadlineMs;
    const asked = await this.#patiently(() => this.#client.rollouts.change(change, { deadlineMs }));
    const end = await this.#untilAtRest(asked, () => undefined);
    if (kind === 'engine') await this.#untilEngine(from);
    else await this.#untilRelease(from);
    return this.#turn(kind, 'back', fromMicroseconds, [asked, end], []);
  }

  #turn(
    kind: Kind,
    direction: Turn['direction'],
    fromMicroseconds: number,
    [start, end]: readonly [Rollout, Rollout],
    batches: readonly BatchTime[],
  ): Turn {
    const { status, reason, nodes } = end;
    const transitions = transitionsOf(end) - (direction === 'forward' ? 0 : transitionsOf(start));
    return {
      kind,
      direction,
      fromMicroseconds,
      toMicroseconds: now(),
      status,
      reason,
      batches,
      transitionsPerNode: transitions / Math.max(1, nodes.length),
    };
  }

  /** The plan names the leader, which a kill may change between plan and start: then once more. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + limits.recoveryTimeoutMs;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (performance.now() > deadlineMs) throw error;
        await sleep(limits.pollMs * 10);
      }
    }
  }

  async #untilAtRest(started: Rollout, see: (rollout: Rollout) => void): Promise<Rollout> {
    const deadlineMs = performance.now() + limits.rolloutTimeoutMs;
    let rollout = started;
    see(rollout);
    const isMoving = (): boolean =>
      started.goal === 'forward' ? !AT_REST.has(rollout.status) : !BACK.has(rollout.status);
    while (isMoving()) {
      if (performance.now() > deadlineMs) {
        const seconds = limits.rolloutTimeoutMs / 1_000;
        const steps = rollout.nodes.map(({ nodeId, step }) => `${nodeId}: ${step}`).join(', ');
        throw new DemoError(
          'timeout',
          `the rollout is still ${rollout.status} after ${seconds} s (${steps})`,
        );
      }
      await sleep(limits.pollMs);
      const seen = await this.#client.rollouts
        .status({ deadlineMs: limits.askDeadlineMs })
        .catch(() => undefined);
      // A member that was away may tell of an older state, or of the rollout before.
      if (seen?.rollout?.id !== started.id || seen.rollout.epoch < rollout.epoch) continue;
      rollout = seen.rollout;
      see(rollout);
    }
    return rollout;
  }

  async #untilEngine(wanted: string): Promise<void> {
    await this.#untilAll(`answer from ${wanted}`, async (only) => {
      const { engine } = await this.#client.counts({ only, deadlineMs: limits.askDeadlineMs });
      return engine === wanted;
    });
  }

  async #untilRelease(wanted: string): Promise<void> {
    await this.#untilAll(`run ${wanted}`, async (only) => {
      const { members } = await this.#client.status({ only, deadlineMs: limits.askDeadlineMs });
      return members.every(({ release }) => release === wanted);
    });
  }

  async #untilAll(what: string, holds: (peerId: string) => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + limits.recoveryTimeoutMs;
    for (const { nodeId, peerId } of this.#swarm.nodes) {
      while (!(await holds(peerId).catch(() => false))) {
        if (performance.now() > deadlineMs) {
          const seconds = limits.recoveryTimeoutMs / 1_000;
          throw new DemoError('timeout', `node ${nodeId} does not ${what} after ${seconds} s`);
        }
        await sleep(limits.pollMs);
      }
    }
  }
}

/** Each transition of a node raises its epoch by one. */
function transitionsOf({ nodes, fenced }: Rollout): number {
  return nodes.reduce((sum, { epoch }) => sum + epoch, 0) + fenced.length;
}

const BACK: ReadonlySet<Rollout['status']> = new Set(['rolledBack', 'aborted']);

/** When each batch of a plan began and ended, as somebody sees it who asks again and again. */
class BatchWatch {
  readonly #batches: readonly (readonly number[])[];
  readonly #beganMs = new Map<number, number>();
  readonly #endedMs = new Map<number, number>();

  constructor({ plan }: Rollout) {
    this.#batches = plan?.batches ?? [];
  }

  see({ nodes }: Rollout): void {
    const stepOf = new Map(nodes.map(({ nodeId, step }) => [nodeId, step]));
    const atMs = performance.now();
    for (const [position, batch] of this.#batches.entries()) {
      const steps = batch.map((nodeId) => stepOf.get(nodeId) ?? 'removed');
      const hasBegun = steps.some((step) => step !== 'pending');
      const isOver = steps.every((step) => step === 'done' || step === 'removed');
      if (hasBegun && !this.#beganMs.has(position)) this.#beganMs.set(position, atMs);
      if (isOver && !this.#endedMs.has(position)) this.#endedMs.set(position, atMs);
    }
  }

  times(): BatchTime[] {
    return this.#batches.flatMap((nodes, position) => {
      const [began, ended] = [this.#beganMs.get(position), this.#endedMs.get(position)];
      if (began === undefined || ended === undefined) return [];
      return [{ nodes, seconds: Math.round(ended - began) / 1_000 }];
    });
  }
}
