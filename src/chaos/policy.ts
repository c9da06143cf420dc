/**
 * What happens to the datagrams of real nodes on their way: the network of the simulator, with the
 * same faults, asked by a relay. Pure: time and seed come in.
 */
import type { FaultAction } from '../../sim/nemesis/index.js';
import { changeNetwork, healNetwork } from '../../sim/nemesis/network-actions.js';
import type { NetworkOptions } from '../../sim/world/index.js';
import { Network } from '../../sim/world/network.js';
import { limits } from './limits.js';

/** Datagrams so far, of nodes and of clients. */
export interface PolicyCounts {
  /** Passed on; copies are not counted. */
  passed: number;
  /** Lost by chance, or for want of room in a queue. */
  lost: number;
  /** Dropped since their direction was blocked, on entry or under way. */
  blocked: number;
}

/** A datagram that a clogged direction holds. */
interface Held {
  readonly from: string;
  readonly to: string;
  readonly deliver: () => void;
}

export class Policy {
  readonly counts: PolicyCounts = { passed: 0, lost: 0, blocked: 0 };
  readonly #network: Network;
  readonly #nodes: readonly string[];
  #held: Held[] = [];

  /**
   * Faults and `options` concern traffic between `nodes`. That of anyone else passes at once, unless
   * a node is cut off from everybody.
   */
  constructor(seed: number, nodes: readonly string[], options: NetworkOptions) {
    this.#network = new Network(options, seed);
    this.#nodes = nodes;
  }

  /** Does one action of the network. Throws for one that is done to something else. */
  apply(action: FaultAction): void {
    const network = this.#network;
    if (changeNetwork(network, this.#nodes, action)) return;
    switch (action.kind) {
      case 'clog':
        network.link(action.from, action.to).isClogged = true;
        return;
      case 'unclog':
        network.link(action.from, action.to).isClogged = false;
        break;
      case 'heal-all':
        healNetwork(network);
        for (const link of network.cloggedLinks()) link.isClogged = false;
        break;
      default:
        throw new Error(`a relay does not ${action.kind}`);
    }
    this.#release();
  }

  /** When the copies of a datagram arrive that is sent now, in microseconds; none if it is lost. */
  arrivals(from: string, to: string, nowMicroseconds: number, bytes: number): number[] {
    const network = this.#network;
    if (!this.#isBetweenNodes(from, to)) {
      const isBlocked = network.isBlocked(from, to);
      this.counts[isBlocked ? 'blocked' : 'passed'] += 1;
      return isBlocked ? [] : [nowMicroseconds];
    }
    const passage = network.pass(network.link(from, to), nowMicroseconds, bytes);
    if (passage.lost !== undefined) {
      this.counts[passage.lost === 'blocked' ? 'blocked' : 'lost'] += 1;
      return [];
    }
    this.counts.passed += 1;
    const { arrivalMicroseconds, duplicateMicroseconds, replayMicroseconds } = passage;
    const copies = [duplicateMicroseconds, replayMicroseconds].filter((at) => at >= 0);
    return [arrivalMicroseconds, ...copies];
  }

  /** A datagram has arrived: delivers it, holds it, or drops it. */
  arrive(from: string, to: string, deliver: () => void): void {
    if (this.#network.isBlocked(from, to)) {
      this.counts.passed -= 1;
      this.counts.blocked += 1;
    } else if (!this.#isBetweenNodes(from, to) || !this.#network.link(from, to).isClogged) {
      deliver();
    } else if (this.#held.length < limits.relayHeldMax) {
      this.#held.push({ from, to, deliver });
    } else {
      this.counts.passed -= 1;
      this.counts.lost += 1;
    }
  }

  /** Lets go what no direction holds any more, in the order in which it came. */
  #release(): void {
    const held = this.#held;
    this.#held = [];
    for (const { from, to, deliver } of held) this.arrive(from, to, deliver);
  }

  #isBetweenNodes(from: string, to: string): boolean {
    return this.#nodes.includes(from) && this.#nodes.includes(to);
  }
}
