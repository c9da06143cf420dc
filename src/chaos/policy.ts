/**
 * What happens to the datagrams of real nodes on their way: the network of the simulator, with the
 * same faults, asked by a relay. Pure: time and seed come in.
 */
import type { FaultAction } from '../../sim/nemesis/index.js';
import type { NetworkOptions } from '../../sim/world/index.js';
import { Network } from '../../sim/world/network.js';
import { ringPairs, starPairs } from '../../sim/world/shapes.js';
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
    if (this.#shape(action) || this.#changeLinks(action)) return;
    throw new Error(`a relay does not ${action.kind}`);
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

  #shape(action: FaultAction): boolean {
    const network = this.#network;
    switch (action.kind) {
      case 'partition':
        network.heal();
        network.partition(action.groups);
        return true;
      case 'isolate':
        network.heal();
        network.isolate(action.node, this.#nodes);
        return true;
      case 'one-way':
        network.heal();
        network.blockOneWay(action.from, action.to);
        return true;
      case 'bridge':
        network.heal();
        network.bridge(action.left, action.middle, action.right);
        return true;
      case 'ring':
        network.heal();
        network.blockPairs(ringPairs(action.order));
        return true;
      case 'star':
        network.heal();
        network.blockPairs(starPairs(action.center, action.leaves));
        return true;
      case 'heal':
        network.heal();
        return true;
      case 'cut-off':
        network.cutOff(action.node);
        return true;
      case 'rejoin':
        network.rejoin(action.node);
        return true;
      case 'heal-all':
        network.heal();
        network.restoreBehaviour();
        network.restoreLinks();
        for (const link of network.cloggedLinks()) link.isClogged = false;
        this.#release();
        return true;
      default:
        return false;
    }
  }

  #changeLinks(action: FaultAction): boolean {
    const network = this.#network;
    switch (action.kind) {
      case 'loss':
        network.change({ lossProbability: action.probability });
        return true;
      case 'loss-end':
        network.restoreBehaviour('lossProbability');
        return true;
      case 'duplication':
        network.change({ duplicationProbability: action.probability });
        return true;
      case 'duplication-end':
        network.restoreBehaviour('duplicationProbability');
        return true;
      case 'reordering':
        network.change({ reorderingProbability: action.probability });
        return true;
      case 'reordering-end':
        network.restoreBehaviour('reorderingProbability');
        return true;
      case 'delay':
        network.change({ delay: action.delay });
        return true;
      case 'delay-end':
        network.restoreBehaviour('delay');
        return true;
      case 'bandwidth': {
        const { bytesPerSecond, queueBytesMax } = action;
        network.change({ bytesPerSecond, queueBytesMax });
        return true;
      }
      case 'bandwidth-end':
        network.restoreBehaviour('bytesPerSecond', 'queueBytesMax');
        return true;
      case 'slow-link':
        network.changeLink(action.from, action.to, { delay: action.delay });
        return true;
      case 'slow-link-end':
        network.restoreLink(action.from, action.to);
        return true;
      case 'clog':
        network.link(action.from, action.to).isClogged = true;
        return true;
      case 'unclog':
        network.link(action.from, action.to).isClogged = false;
        this.#release();
        return true;
      default:
        return false;
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
