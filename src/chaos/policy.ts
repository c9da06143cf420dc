/**
 * What happens to the datagrams of real nodes on their way: the network of the simulator, with the
 * same faults, asked by a relay. Pure: time and seed come in.
 */
import { applyFault, type FaultAction } from '../../sim/nemesis/index.js';
import { Network, type NetworkOptions } from '../../sim/world/network.js';
import { RandomStream } from '../../sim/world/random.js';

/** Datagrams so far. */
export interface PolicyCounts {
  /** Passed on, copies of duplicated ones not counted. */
  passed: number;
  /** Lost by a share of loss. */
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
    this.#network = new Network(options, new RandomStream(seed, 'relay'));
    this.#nodes = nodes;
  }

  /** Does one action that concerns the network. Throws for one of processes. */
  apply(action: FaultAction): void {
    const refuse = (node: string): never => {
      throw new Error(`a network does not ${action.kind} ${node}`);
    };
    const processes = { crash: refuse, restart: refuse, pause: refuse, resume: refuse };
    applyFault({ network: this.#network, ...processes }, this.#nodes, action);
  }

  /** When the copies of a datagram arrive that is sent now, in microseconds; none if it is lost. */
  arrivals(from: string, to: string, nowMicroseconds: number): number[] {
    if (!this.#isBetweenNodes(from, to)) return [nowMicroseconds];
    const arrivals = this.#network.arrivals(from, to, nowMicroseconds);
    if (arrivals.length > 0) this.counts.passed += 1;
    else if (this.#network.isBlocked(from, to)) this.counts.blocked += 1;
    else this.counts.lost += 1;
    return arrivals;
  }

  /** Whether a datagram that is on its way still arrives. */
  arrives(from: string, to: string): boolean {
    if (!this.#network.isBlocked(from, to)) return true;
    this.counts.passed -= 1;
    this.counts.blocked += 1;
    return false;
  }

  #isBetweenNodes(from: string, to: string): boolean {
    return this.#nodes.includes(from) && this.#nodes.includes(to);
  }
}
