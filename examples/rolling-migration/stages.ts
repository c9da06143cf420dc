/** The rollout of the demo: to v2, back to v1 within the window, to v2 again; the load goes on meanwhile. */

import { setTimeout as sleep } from 'node:timers/promises';

import type { Rollout, SwarmClient } from '../../src/client/index.js';
import type { Cluster } from './cluster.js';
import { DemoError } from './demo-error.js';
import { limits } from './limits.js';
import type { Monitor } from './monitor.js';
import type { LiveTable } from './table.js';

/** What came of going back after finalization. Times are microseconds of the monotonic clock. */
export interface RollbackFacts {
  /** The window of the rollout was open from here on. */
  readonly finalizedMicroseconds: number;
  /** An operator asked for the rollback. */
  readonly askedMicroseconds: number;
  /** Every node has said that it answers from v1. */
  readonly backMicroseconds: number;
  readonly status: string;
  /** Version of the swarm, and the engine of each node, after it. */
  readonly swarmVersion: number;
  readonly engines: readonly string[];
}

export interface Ends {
  readonly status: string;
  readonly reason: string;
}

export class Stages {
  readonly #client: SwarmClient;
  readonly #cluster: Cluster;
  readonly #monitor: Monitor;
  readonly #table: LiveTable;

  constructor(client: SwarmClient, cluster: Cluster, monitor: Monitor, table: LiveTable) {
    this.#client = client;
    this.#cluster = cluster;
    this.#monitor = monitor;
    this.#table = table;
  }

  /** Runs what `rollout plan` prints, and waits until it is final or has gone back. */
  async forward(phase: string): Promise<Ends> {
    const patient = { deadlineMs: limits.operatorDeadlineMs };
    const { digest } = await this.#client.planRollout('v2', patient);
    this.#monitor.phase = phase;
    const started = await this.#client.startRollout('v2', digest, patient);
    const rollout = await this.#untilAtRest(started);
    const { status, reason } = rollout;
    this.#table.say(`the rollout is ${status}${reason === '' ? '' : `: ${reason}`}`);
    return { status, reason };
  }

  /** Lets the load write for a while after finalization, and goes back then: one log entry. */
  async backInWindow(): Promise<RollbackFacts> {
    const finalizedMicroseconds = now();
    this.#monitor.phase = 'window';
    await sleep(limits.windowSeconds * 1_000);
    const askedMicroseconds = now();
    this.#monitor.phase = 'rollback';
    const { status } = await this.#client.rollouts.change(
      { action: 'rollback', reason: 'the demo goes back within the window' },
      { deadlineMs: limits.operatorDeadlineMs },
    );
    const engines = await Promise.all(
      this.#cluster.nodes.map(({ peerId }) => this.#engineOnceBack(peerId)),
    );
    const backMicroseconds = now();
    const { swarmVersion } = await this.#client.status();
    this.#table.say(`the rollout is ${status}; every node answers from v1 again`);
    this.#monitor.phase = 'on v1 again';
    await sleep(limits.windowSeconds * 1_000);
    return {
      finalizedMicroseconds,
      askedMicroseconds,
      backMicroseconds,
      status,
      swarmVersion,
      engines,
    };
  }

  /** Gives up the way back, as an operator does who needs it no more. */
  async closeWindow(): Promise<Ends> {
    const { status, reason } = await this.#client.rollouts.change(
      { action: 'closeWindow' },
      { deadlineMs: limits.operatorDeadlineMs },
    );
    return { status, reason };
  }

  /** The engine of a node when it has applied the rollback, or when that takes too long. */
  async #engineOnceBack(only: string): Promise<string> {
    const deadlineMs = performance.now() + limits.catchUpTimeoutMs;
    for (;;) {
      const { engine } = await this.#client.counts({ only, deadlineMs: limits.catchUpTimeoutMs });
      if (engine === 'v1' || performance.now() > deadlineMs) return engine;
      await sleep(limits.pollMs / 10);
    }
  }

  async #untilAtRest(started: Rollout): Promise<Rollout> {
    const deadlineMs = performance.now() + limits.rolloutTimeoutMs;
    let rollout = started;
    while (!AT_REST.has(rollout.status) && performance.now() < deadlineMs) {
      await sleep(limits.pollMs / 2);
      const seen = this.#monitor.status?.rollout;
      // Until the monitor has seen the new one, it tells of the rollout before.
      if (seen !== null && seen?.id === started.id) rollout = seen;
    }
    if (AT_REST.has(rollout.status)) return rollout;
    const seconds = limits.rolloutTimeoutMs / 1_000;
    throw new DemoError('timeout', `the rollout is still ${rollout.status} after ${seconds} s`);
  }
}

const AT_REST: ReadonlySet<Rollout['status']> = new Set([
  'finalized',
  'completed',
  'rolledBack',
  'aborted',
]);

/** The clock of the load process: the monotonic clock is one for all processes of a machine. */
function now(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
