import { SimulationError } from './errors.js';
import type { RandomStream } from './random.js';

/** How long something takes: uniform, or at least `minimum` with an exponential tail. */
export type Delay =
  | {
      readonly kind: 'uniform';
      readonly minimumMicroseconds: number;
      readonly maximumMicroseconds: number;
    }
  | {
      readonly kind: 'exponential';
      readonly minimumMicroseconds: number;
      readonly meanMicroseconds: number;
      readonly maximumMicroseconds: number;
    };

/** How every link of the network behaves. Probabilities are from 0 to 1, for each message. */
export interface NetworkOptions {
  readonly delay: Delay;
  readonly lossProbability: number;
  readonly duplicationProbability: number;
  /** Share of messages that may overtake others; the rest keep the order of their link. */
  readonly reorderingProbability: number;
}

/** A network without loss, duplicates or overtaking: 100 to 1,000 microseconds a message. */
export const reliableNetwork: NetworkOptions = {
  delay: { kind: 'uniform', minimumMicroseconds: 100, maximumMicroseconds: 1000 },
  lossProbability: 0,
  duplicationProbability: 0,
  reorderingProbability: 0,
};

/** Draws one delay in whole microseconds. */
export function drawDelay(delay: Delay, random: RandomStream): number {
  const { minimumMicroseconds: least, maximumMicroseconds: most } = delay;
  if (delay.kind === 'uniform') return random.integer(least, most);
  const drawn = -Math.log(1 - random.fraction()) * (delay.meanMicroseconds - least);
  return Math.min(most, Math.floor(least + drawn));
}

/** Refuses options that no network can have. */
function checkNetworkOptions(options: NetworkOptions): void {
  const { delay } = options;
  checkDelay(delay);
  for (const name of [
    'lossProbability',
    'duplicationProbability',
    'reorderingProbability',
  ] as const) {
    const probability = options[name];
    if (!(probability >= 0 && probability <= 1)) {
      throw new SimulationError('invalid-option', `${name} is ${probability}; use 0 to 1`);
    }
  }
}

/** Refuses a delay that is negative, not whole, or upside down. */
export function checkDelay(delay: Delay): void {
  const { minimumMicroseconds: least, maximumMicroseconds: most } = delay;
  const mean = delay.kind === 'exponential' ? delay.meanMicroseconds : least;
  const whole = Number.isSafeInteger(least) && Number.isSafeInteger(most);
  if (!whole || least < 0 || most < least || !(mean >= least && mean <= most)) {
    throw new SimulationError(
      'invalid-option',
      `a delay of ${least} to ${most} microseconds, mean ${mean}, is not possible`,
    );
  }
}

/**
 * Who reaches whom, and what happens to a message on the way. A blocked direction drops what is
 * sent and what is in flight; it does not tell the sender.
 */
export class Network {
  readonly #random: RandomStream;
  readonly #usual: NetworkOptions;
  #options: NetworkOptions;
  /** Blocked directions, `from` to the set of `to`. */
  readonly #blocked = new Map<string, Set<string>>();
  /** When the last message of a link that keeps order arrives, by `from` and `to`. */
  readonly #lastArrivals = new Map<string, Map<string, number>>();

  constructor(options: NetworkOptions, random: RandomStream) {
    checkNetworkOptions(options);
    this.#usual = options;
    this.#options = options;
    this.#random = random;
  }

  get options(): NetworkOptions {
    return this.#options;
  }

  /** Changes how links behave from now on, for example for a burst of loss. */
  change(options: Partial<NetworkOptions>): void {
    const changed = { ...this.#options, ...options };
    checkNetworkOptions(changed);
    this.#options = changed;
  }

  /** Returns to the behaviour that the world began with. Blocked directions stay blocked. */
  restoreBehaviour(): void {
    this.#options = this.#usual;
  }

  /** Drops all that goes from one node to another, in this direction only. */
  block(from: string, to: string): void {
    const targets = this.#blocked.get(from);
    if (targets === undefined) this.#blocked.set(from, new Set([to]));
    else targets.add(to);
  }

  /** Undoes one `block`. */
  unblock(from: string, to: string): void {
    this.#blocked.get(from)?.delete(to);
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.size > 0 && this.#blocked.get(from)?.has(to) === true;
  }

  /** Splits nodes into groups that do not reach each other, in either direction. */
  partition(groups: readonly (readonly string[])[]): void {
    for (const [index, group] of groups.entries()) {
      for (const other of groups.slice(index + 1)) {
        this.blockOneWay(group, other);
        this.blockOneWay(other, group);
      }
    }
  }

  /** Drops all that goes from any of one group to any of another; answers still pass. */
  blockOneWay(from: readonly string[], to: readonly string[]): void {
    for (const sender of from) for (const receiver of to) this.block(sender, receiver);
  }

  /** Cuts one node off from the others, in both directions. */
  isolate(node: string, others: readonly string[]): void {
    this.partition([[node], others.filter((other) => other !== node)]);
  }

  /** Two halves that only `middle` reaches, from both sides. */
  bridge(left: readonly string[], middle: string, right: readonly string[]): void {
    const without = (group: readonly string[]): string[] => group.filter((name) => name !== middle);
    this.partition([without(left), without(right)]);
  }

  /** Lets everybody reach everybody again. */
  heal(): void {
    this.#blocked.clear();
  }

  /** The times at which copies of a message sent now arrive: none when lost, two when doubled. */
  arrivals(from: string, to: string, nowMicroseconds: number): number[] {
    const options = this.#options;
    const random = this.#random;
    // All draws are made for every message, so that a blocked link does not move the others.
    const lost = random.chance(options.lossProbability);
    const doubled = random.chance(options.duplicationProbability);
    const overtakes = random.chance(options.reorderingProbability);
    const drawn = nowMicroseconds + drawDelay(options.delay, random);
    const copy = doubled ? nowMicroseconds + drawDelay(options.delay, random) : drawn;
    if (lost || this.isBlocked(from, to)) return [];
    const first = overtakes ? drawn : this.#inOrder(from, to, drawn);
    return doubled ? [first, Math.max(first, copy)] : [first];
  }

  #inOrder(from: string, to: string, drawn: number): number {
    let arrivals = this.#lastArrivals.get(from);
    if (arrivals === undefined) {
      arrivals = new Map();
      this.#lastArrivals.set(from, arrivals);
    }
    const arrival = Math.max(drawn, arrivals.get(to) ?? 0);
    arrivals.set(to, arrival);
    return arrival;
  }
}
