import { strict as assert } from 'node:assert';
import type { LocalAddress } from '../connection.js';
import type { Engine, EngineOptions } from '../engine.js';
import { Fabric } from './fabric.js';
import { openEngineOn } from './memory-engine.js';

/**
 * Engines that reach each other inside one process, without sockets. Everything is delivered in
 * turns of the event loop, in the order in which it was sent, so that what happens does not depend
 * on the clock.
 */
export interface MemoryNetwork {
  /** An engine on this network; the signature is that of every implementation of `Engine`. */
  readonly openMemoryEngine: (options: EngineOptions) => Promise<Engine>;
  /** One-way delay of what is sent from now on. Milliseconds; 0, in the next turn, at first. */
  latencyMs: number;
  /** Cuts the path between two addresses in both directions. */
  partition(a: LocalAddress, b: LocalAddress): void;
  /** Undoes `partition`: what waited is delivered. */
  heal(a: LocalAddress, b: LocalAddress): void;
}

export interface MemoryNetworkOptions {
  /** IP addresses of this network beside those of loopback. */
  readonly hosts?: readonly string[];
}

export function createMemoryNetwork(options: MemoryNetworkOptions = {}): MemoryNetwork {
  const fabric = new Fabric(options.hosts ?? []);
  return {
    openMemoryEngine: (engineOptions) => openEngineOn(fabric, engineOptions),
    get latencyMs() {
      return fabric.latencyMs;
    },
    set latencyMs(ms: number) {
      assert(Number.isFinite(ms) && ms >= 0, 'the latency must be a number of milliseconds');
      fabric.latencyMs = ms;
    },
    partition: (a, b) => fabric.partition(a, b),
    heal: (a, b) => fabric.heal(a, b),
  };
}
