/** SIGKILL in the middle of a step of the rollout, as `--kill` asks for it. */

import type { Rollout, SwarmStatus } from '../../src/client/index.js';
import type { KillMode } from './options.js';
import { limits } from './limits.js';
import { Random } from './random.js';

/** A node that was killed, and where the rollout stood. */
export interface Kill {
  readonly nodeId: number;
  readonly role: 'leader' | 'follower';
  /** Whether it was the node that migrates. */
  readonly migrating: boolean;
  /** Step under way when it was killed, and the node that was at it. */
  readonly step: string;
  readonly stepNodeId: number;
  /** From the SIGKILL until the restarted process served, in milliseconds. */
  downMs: number;
}

/** The work of the rollout that takes long enough to be hit: a kill belongs in the middle of it. */
const LONG_STEPS: ReadonlySet<string> = new Set(['stage', 'catchUp', 'validate']);

/** The node that the rollout is at, with its step; undefined between two nodes. */
function nodeUnderWay(rollout: Rollout): Rollout['nodes'][number] | undefined {
  return rollout.nodes.find((node) => node.step !== 'pending' && node.step !== 'done');
}

/** Decides when whom to kill; the caller asks it again and again while the rollout runs. */
export class KillPlan {
  readonly #mode: KillMode;
  readonly #random: Random;
  readonly #kills: Kill[] = [];
  /** Ends of `killAndRestart`, so that a run does not end before its nodes are back. */
  readonly #restarts: Promise<void>[] = [];
  #waitUntilMs = 0;

  constructor(mode: KillMode, seed: number) {
    this.#mode = mode;
    this.#random = new Random(seed ^ 0x6b696c6c);
  }

  get kills(): readonly Kill[] {
    return this.#kills;
  }

  /**
   * Whom to kill now, if anybody. Waits for a long step, but not for ever: when half of the nodes
   * are done, any step is right. `allServing` keeps a second kill away until the first is over.
   */
  choose(status: SwarmStatus, allServing: boolean, nowMs: number): Kill | undefined {
    const { rollout, leader } = status;
    const most = this.#mode === 'random' ? limits.randomKillsMax : 1;
    if (rollout?.status !== 'running' || leader === 0 || !allServing) return undefined;
    if (this.#kills.length >= most || nowMs < this.#waitUntilMs) return undefined;
    const current = nodeUnderWay(rollout);
    if (current === undefined) return undefined;
    const done = rollout.nodes.filter((node) => node.step === 'done').length;
    const anyStep = this.#mode === 'random' || done * 2 >= rollout.nodes.length;
    if (!anyStep && !LONG_STEPS.has(current.step)) return undefined;
    // The migrating node is not the leader, unless it is the only one left: leadership moves away.
    const target =
      this.#mode === 'leader'
        ? leader
        : this.#mode === 'migrating'
          ? current.nodeId
          : this.#random.pick(rollout.nodes).nodeId;
    return {
      nodeId: target,
      role: target === leader ? 'leader' : 'follower',
      migrating: target === current.nodeId,
      step: current.step,
      stepNodeId: current.nodeId,
      downMs: 0,
    };
  }

  /** Records a kill that is being carried out; `restarted` resolves when the node serves again. */
  begin(kill: Kill, restarted: Promise<void>): void {
    this.#kills.push(kill);
    const startMs = performance.now();
    const end = restarted.then(() => {
      kill.downMs = Math.round(performance.now() - startMs);
      this.#waitUntilMs = performance.now() + 500 + this.#random.below(1_000);
    });
    // Whoever waits for the restarts sees the failure.
    end.catch(() => undefined);
    this.#restarts.push(end);
  }

  /** Resolves when every killed node serves again; rejects when one does not come back. */
  async restarted(): Promise<void> {
    await Promise.all(this.#restarts);
  }
}
