/** Watches the swarm while the load runs: feeds the table, follows the rollout, carries out kills. */

import { setTimeout as sleep } from 'node:timers/promises';

import type { SwarmClient, SwarmStatus } from '../../src/client/index.js';
import type { Cluster } from './cluster.js';
import type { Operation } from './history.js';
import type { KillPlan } from './kills.js';
import { limits } from './limits.js';
import type { LoadProcess } from './load-process.js';
import type { LiveTable, NodeView } from './table.js';

const WINDOW_SECONDS = 2;

export class Monitor {
  phase = 'starting';
  readonly #client: SwarmClient;
  readonly #cluster: Cluster;
  readonly #load: LoadProcess;
  readonly #table: LiveTable;
  readonly #kills: KillPlan | undefined;
  readonly #startMs = performance.now();
  #status: SwarmStatus | undefined;
  #failed = 0;
  #counted = 0;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(
    client: SwarmClient,
    cluster: Cluster,
    load: LoadProcess,
    table: LiveTable,
    kills: KillPlan | undefined,
  ) {
    this.#client = client;
    this.#cluster = cluster;
    this.#load = load;
    this.#table = table;
    this.#kills = kills;
  }

  /** As some member, the leader if it can be asked, said last. */
  get status(): SwarmStatus | undefined {
    return this.#status;
  }

  start(): void {
    this.#running = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      const leader = this.#cluster.nodes.find((node) => node.nodeId === this.#status?.leader);
      const route = leader?.serving === true ? { through: leader.peerId } : {};
      try {
        this.#status = await this.#client.status(route);
        this.#killIfDue(this.#status);
      } catch {
        // Nobody answers for now, which the load records; the table keeps the last state.
      }
      this.#table.show(this.#view(), performance.now());
      await sleep(limits.pollMs);
    }
  }

  #killIfDue(status: SwarmStatus): void {
    const allServing = this.#cluster.nodes.every((node) => node.serving);
    const kill = this.#kills?.choose(status, allServing, performance.now());
    if (kill === undefined || this.#kills === undefined) return;
    this.#kills.begin(kill, this.#cluster.killAndRestart(kill.nodeId));
    this.#table.say(
      `SIGKILL node ${kill.nodeId} (${kill.role}) while node ${kill.stepNodeId} is at ${kill.step}`,
    );
  }

  #view(): Parameters<LiveTable['show']>[0] {
    const { operations } = this.#load;
    for (; this.#counted < operations.length; this.#counted += 1) {
      if (operations[this.#counted]?.error !== null) this.#failed += 1;
    }
    return {
      seconds: (performance.now() - this.#startMs) / 1000,
      phase: this.phase,
      nodes: this.#nodes(),
      requests: operations.length,
      failed: this.#failed,
      recent: recent(operations),
      windowSeconds: WINDOW_SECONDS,
    };
  }

  #nodes(): NodeView[] {
    return this.#cluster.nodes.map(({ nodeId, peerId, serving }) => {
      const member = this.#status?.members.find((each) => each.nodeId === nodeId);
      const step = this.#status?.rollout?.nodes.find((each) => each.nodeId === nodeId)?.step;
      const role =
        this.#status?.leader === nodeId
          ? 'leader'
          : member?.status === 'joining'
            ? 'joining'
            : 'follower';
      return {
        nodeId,
        peerId,
        role: serving ? role : 'down',
        engine: member?.engine ?? '',
        step: step ?? '',
      };
    });
  }
}

/** The operations that ended in the last seconds; they arrive in the order in which they ended. */
function recent(operations: readonly Operation[]): Operation[] {
  // The monotonic clock is one for all processes of a machine.
  const since = Number(process.hrtime.bigint() / 1000n) - WINDOW_SECONDS * 1e6;
  const found: Operation[] = [];
  for (let at = operations.length - 1; at >= 0; at -= 1) {
    const operation = operations[at];
    if (operation === undefined || operation.returnMicroseconds < since) break;
    found.push(operation);
  }
  return found;
}
