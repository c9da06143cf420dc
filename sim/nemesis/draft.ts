import { SimulationError } from '../world/errors.js';
import type { RandomStream } from '../world/random.js';
import { limits } from './limits.js';
import type { FaultAction, TimedFault } from './schedule.js';

/** How a draft is bounded. */
export interface DraftOptions {
  readonly nodes: readonly string[];
  readonly durationMicroseconds: number;
  /** Nodes crashed, paused or without a disk at the same time. */
  readonly nodesDownMax: number;
  /** Nodes whose disk damages data at the same time. */
  readonly nodesDamagedMax: number;
  /** Targets such as `@leader` that some faults of one node aim at. */
  readonly targets: readonly string[];
  readonly releases: readonly string[];
}

/** What the faults of a schedule are drawn into: it knows what is under way at any time. */
export class Draft {
  readonly random: RandomStream;
  readonly options: DraftOptions;
  readonly #faults: TimedFault[] = [];
  /** Until when each thing is taken that only one fault may change at a time. */
  readonly #takenUntil = new Map<string, number>();
  readonly #outUntil = new Map<string, number>();
  readonly #damagingUntil = new Map<string, number>();

  constructor(random: RandomStream, options: DraftOptions) {
    this.random = random;
    this.options = options;
  }

  get nodes(): readonly string[] {
    return this.options.nodes;
  }

  /** What was planned, by time; what was planned first stays first at equal times. */
  get faults(): readonly TimedFault[] {
    return this.#faults.toSorted((a, b) => a.atMicroseconds - b.atMicroseconds);
  }

  /** Plans an action; past the duration everything is healed already. */
  plan(atMicroseconds: number, action: FaultAction): void {
    if (atMicroseconds >= this.options.durationMicroseconds) return;
    if (this.#faults.length >= limits.scheduleFaultsMax) {
      throw new SimulationError('limit-exceeded', `a schedule has ${this.#faults.length} actions`);
    }
    this.#faults.push({ atMicroseconds, action });
  }

  /** Takes a thing from now to the end; false when another fault has it. */
  take(thing: string, now: number, end: number): boolean {
    if ((this.#takenUntil.get(thing) ?? -1) >= now) return false;
    this.#takenUntil.set(thing, end);
    return true;
  }

  /** A node, or now and then one of the targets. */
  node(): string {
    return this.#orTarget(this.random.pick(this.nodes));
  }

  /** Two different nodes. */
  pair(): readonly [one: string, other: string] {
    const [one, other] = this.random.shuffle(this.nodes);
    return [one!, other ?? one!];
  }

  /** A node to crash or pause that is not out already; undefined when enough are out. */
  takeOut(now: number, end: number): string | undefined {
    const isOut = (node: string): boolean => (this.#outUntil.get(node) ?? -1) >= now;
    const inside = this.nodes.filter((node) => !isOut(node));
    const node = this.#orTarget(this.random.pick(inside.length > 0 ? inside : this.nodes));
    const out = [...this.#outUntil.values()].filter((until) => until >= now).length;
    if (out >= this.options.nodesDownMax || isOut(node)) return undefined;
    this.#outUntil.set(node, end);
    return node;
  }

  /** A node whose disk may begin to do damage; undefined when enough do or this one does. */
  takeDisk(now: number, end: number): string | undefined {
    const node = this.random.pick(this.nodes);
    const others = [...this.#damagingUntil].filter(
      ([name, until]) => name !== node && until >= now,
    );
    if (others.length >= this.options.nodesDamagedMax) return undefined;
    if (!this.take(`disk ${node}`, now, end)) return undefined;
    this.#damagingUntil.set(node, end);
    return node;
  }

  /** A share of 100, as a probability. */
  percent(least: number, most: number): number {
    return this.random.integer(least, most) / 100;
  }

  #orTarget(node: string): string {
    const { targets } = this.options;
    const aims = this.random.chance(1 / 3);
    return aims && targets.length > 0 ? this.random.pick(targets) : node;
  }
}
