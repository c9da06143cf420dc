/**
 * Deletes what has expired: the leader proposes it, so that every member deletes at the same place in the
 * log. What is due is told by the leader's clock, and by the memory as it is when the command is applied;
 * one that was put anew meanwhile stays.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { MemoryEngine } from '../src/memory/engine.js';
import type { Command, CommandResult } from './control-plane/command.js';
import { isOpen } from './control-plane/features.js';
import { EXPIRY_INTERVAL_MS, EXPIRY_PROPOSALS_MAX } from './limits.js';
import type { SwarmNode } from './node.js';

/** What the sweep needs of a node. */
export interface SweepPorts {
  /** The engine that answers, while this node leads, serves, and its members all know of expiry. */
  readonly engine: () => Pick<MemoryEngine, 'expired'> | undefined;
  readonly propose: (command: Command) => Promise<CommandResult>;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly log: (message: string) => void;
}

/** While a node leads, serves, and its swarm writes commands that know of expiry. */
export function sweepPorts(node: SwarmNode, log: (message: string) => void): SweepPorts {
  return {
    engine: () => {
      const { leader } = node.replica;
      const canSweep = node.serving && leader === node.file.nodeId;
      if (!canSweep || !isOpen(node.control, 'expiry')) return undefined;
      return node.engines.active(node.engines.activeVersion(node.control));
    },
    propose: (command) => node.driver.propose(command),
    nowMs: () => Date.now(),
    log,
  };
}

export class ExpirySweep {
  readonly #ports: SweepPorts;
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;

  /** Begins at once. */
  constructor(ports: SweepPorts) {
    this.#ports = ports;
    this.#running = this.#run();
  }

  /** Resolves when it asks nothing of the engine any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let isMore = false;
    while (!signal.aborted) {
      const waitMs = isMore ? 0 : EXPIRY_INTERVAL_MS;
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        isMore = await this.step();
      } catch (error) {
        // It stays hidden from readers, and is tried again.
        this.#ports.log(`what has expired cannot be deleted now: ${String(error)}`);
        isMore = false;
      }
    }
  }

  /** Proposes some of what is due, until each is applied. True if there may be more. */
  async step(): Promise<boolean> {
    const engine = this.#ports.engine();
    if (engine === undefined) return false;
    const timestampMs = this.#ports.nowMs();
    const due = engine.expired(timestampMs, EXPIRY_PROPOSALS_MAX);
    const proposals = due.map((id) => {
      return this.#ports.propose({ type: 'expireMemory', id, timestampMs });
    });
    // A leader that was deposed, or stops, leaves it to the next one.
    const answers = await Promise.allSettled(proposals);
    const areAllApplied = answers.every(({ status }) => status === 'fulfilled');
    return areAllApplied && due.length === EXPIRY_PROPOSALS_MAX;
  }
}
