/**
 * What happens to the datagrams of real nodes on their way: the network of the simulator, with the
 * same faults, asked by a relay. Pure: time and seed come in.
 */
import type { FaultAction } from '../../sim/nemesis/index.js';
import type { NetworkOptions } from '../../sim/world/index.js';
import { Network } from '../../sim/world/network.js';

/** Datagrams so far. */
export interface PolicyCounts {
  /** Passed on; copies are not counted. */
  passed: number;
  /** Lost by chance, or for want of room in a queue. */
  lost: number;
  /** Dropped since their direction was blocked, on entry or under way. */
  blocked: number;
}

export class Policy {
  readonly counts: PolicyCounts = { passed: 0, lost: 0, blocked: 0 };
  readonly #network: Network;
  readonly #nodes: readonly string[];

  /** Faults and `options` concern traffic between `nodes`; that of anyone else passes at once. */
  constructor(seed: number, nodes: readonly string[], options: NetworkOptions) {
    this.#network = new Network(options, seed);
    this.#nodes = nodes;
  }

  /** Does one action of the network. Throws for one that is done to a process. */
  apply(action: FaultAction): void {
    const network = this.#network;
    switch (action.kind) {
      case 'partition':
        network.heal();
        return network.partition(action.groups);
      case 'isolate':
        network.heal();
        return network.isolate(action.node, this.#nodes);
      case 'one-way':
        network.heal();
        return network.blockOneWay(action.from, action.to);
      case 'bridge':
        network.heal();
        return network.bridge(action.left, action.middle, action.right);
      case 'heal':
        return network.heal();
      case 'loss':
        return network.change({ lossProbability: action.probability });
      case 'loss-end':
        return network.restoreBehaviour();
      default:
        throw new Error(`a network does not ${action.kind}`);
    }
  }

  /** When the copies of a datagram arrive that is sent now, in microseconds; none if it is lost. */
  arrivals(from: string, to: string, nowMicroseconds: number, bytes: number): number[] {
    if (!this.#isBetweenNodes(from, to)) return [nowMicroseconds];
    const link = this.#network.link(from, to);
    const passage = this.#network.pass(link, nowMicroseconds, bytes);
    if (passage.lost !== undefined) {
      this.counts[passage.lost === 'blocked' ? 'blocked' : 'lost'] += 1;
      return [];
    }
    this.counts.passed += 1;
    const { arrivalMicroseconds, duplicateMicroseconds, replayMicroseconds } = passage;
    const copies = [duplicateMicroseconds, replayMicroseconds].filter((at) => at >= 0);
    return [arrivalMicroseconds, ...copies];
  }

  /** Whether a datagram that is on its way still arrives. */
  arrives(from: string, to: string): boolean {
    return !this.#network.isBlocked(from, to);
  }

  #isBetweenNodes(from: string, to: string): boolean {
    return this.#nodes.includes(from) && this.#nodes.includes(to);
  }
}
