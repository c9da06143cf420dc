import { drawDelay } from './delay.js';
import { checkNetworkOptions, Link, usualReplayDelay, type NetworkOptions } from './link.js';
import { limits } from './limits.js';
import { RandomStream } from './random.js';
import { bridgePairs, isolatePairs, oneWayPairs, splitPairs, type Pair } from './shapes.js';

/** Why a message did not arrive. */
export type LossCause =
  /** By chance. */
  | 'loss'
  | 'blocked'
  /** A slow link, a clogged link, a slow reader or a paused process had no room left. */
  | 'queue-full'
  /** The connection was reset, or an end changed its address, while it was on its way. */
  | 'connection-lost'
  /** There was no process at the other end. */
  | 'down';

/** What the network decides about a message. One object is used again for every message. */
interface Passage {
  lost: LossCause | undefined;
  arrivalMicroseconds: number;
  /** When a duplicate arrives; -1 when there is none. */
  duplicateMicroseconds: number;
  /** When it is replayed; -1 when it is not. */
  replayMicroseconds: number;
}

/**
 * Who reaches whom, and what happens to a message on the way. A blocked direction drops what is
 * sent and what is in flight; it does not tell the sender.
 */
export class Network {
  readonly #seed: number;
  readonly #replayRandom: RandomStream;
  #replayTimes = 0;
  readonly #usual: NetworkOptions;
  #options: NetworkOptions;
  readonly #links = new Map<string, Map<string, Link>>();
  /** Blocked directions, `from` to the set of `to`. */
  readonly #blocked = new Map<string, Set<string>>();
  /** Nodes that nobody reaches and that reach nobody. */
  readonly #cutOff = new Set<string>();
  readonly #passage: Passage = {
    lost: undefined,
    arrivalMicroseconds: 0,
    duplicateMicroseconds: -1,
    replayMicroseconds: -1,
  };

  constructor(options: NetworkOptions, seed: number) {
    checkNetworkOptions(options);
    this.#usual = options;
    this.#options = options;
    this.#seed = seed;
    this.#replayRandom = new RandomStream(seed, 'replays');
  }

  get options(): NetworkOptions {
    return this.#options;
  }

  /** Changes how links behave from now on, for example for a burst of loss. */
  change(options: Partial<NetworkOptions>): void {
    const changed = { ...this.#options, ...options };
    checkNetworkOptions(changed);
    this.#options = changed;
    for (const link of this.#eachLink()) this.#tune(link);
  }

  /**
   * Returns to the behaviour that the world began with: in all, or in the options named. Blocked
   * directions and links of their own behaviour stay.
   */
  restoreBehaviour(...names: readonly (keyof NetworkOptions)[]): void {
    const named = names.length === 0 ? undefined : new Set<string>(names);
    const kept = Object.entries(this.#options).filter(([name]) => named?.has(name) === false);
    const restored = Object.entries(this.#usual).filter(([name]) => named?.has(name) !== false);
    this.#options = Object.fromEntries([...kept, ...restored]) as unknown as NetworkOptions;
    for (const link of this.#eachLink()) this.#tune(link);
  }

  /** Gives one direction a behaviour of its own, in the options named; the others follow. */
  changeLink(from: string, to: string, options: Partial<NetworkOptions>): void {
    const link = this.link(from, to);
    const override = { ...link.override, ...options };
    checkNetworkOptions({ ...this.#options, ...override });
    link.override = override;
    this.#tune(link);
  }

  /** Lets one direction behave as the rest of the network again. */
  restoreLink(from: string, to: string): void {
    const link = this.link(from, to);
    link.override = undefined;
    this.#tune(link);
  }

  /** Lets all links behave as the rest of the network again. */
  restoreLinks(): void {
    for (const link of this.#eachLink()) {
      link.override = undefined;
      this.#tune(link);
    }
  }

  /** Replays that are still to come do not come. */
  endReplays(): void {
    this.#replayTimes += 1;
  }

  /** Marks a replay in place of a connection; another one after each `endReplays`. */
  get replayConnection(): number {
    return -1 - this.#replayTimes;
  }

  /** Drops all that goes from one node to another, in this direction only. */
  block(from: string, to: string): void {
    const targets = this.#blocked.get(from);
    if (targets === undefined) this.#blocked.set(from, new Set([to]));
    else targets.add(to);
    this.#refresh(from, to);
  }

  /** Undoes one `block`. */
  unblock(from: string, to: string): void {
    this.#blocked.get(from)?.delete(to);
    this.#refresh(from, to);
  }

  /** Blocks these directions, besides those that are blocked already. */
  blockPairs(pairs: readonly Pair[]): void {
    for (const [from, to] of pairs) this.block(from, to);
  }

  /** Cuts a node off from all others, whatever else is blocked, until it rejoins. */
  cutOff(node: string): void {
    this.#cutOff.add(node);
    this.#refreshAll();
  }

  /** Undoes one `cutOff`. */
  rejoin(node: string): void {
    this.#cutOff.delete(node);
    this.#refreshAll();
  }

  isBlocked(from: string, to: string): boolean {
    if (this.#blocked.get(from)?.has(to) === true) return true;
    return from !== to && (this.#cutOff.has(from) || this.#cutOff.has(to));
  }

  /** Splits nodes into groups that do not reach each other, in either direction. */
  partition(groups: readonly (readonly string[])[]): void {
    this.blockPairs(splitPairs(groups));
  }

  /** Drops all that goes from any of one group to any of another; answers still pass. */
  blockOneWay(from: readonly string[], to: readonly string[]): void {
    this.blockPairs(oneWayPairs(from, to));
  }

  /** Cuts one node off from the others, in both directions. */
  isolate(node: string, others: readonly string[]): void {
    this.blockPairs(isolatePairs(node, others));
  }

  /** Two halves that only `middle` reaches, from both sides. */
  bridge(left: readonly string[], middle: string, right: readonly string[]): void {
    this.blockPairs(bridgePairs(left, middle, right));
  }

  /** Undoes every `block`. Nodes that are cut off stay so. */
  unblockAll(): void {
    this.#blocked.clear();
    this.#refreshAll();
  }

  /** Lets everybody reach everybody again, those that were cut off too. */
  heal(): void {
    this.#blocked.clear();
    this.#cutOff.clear();
    this.#refreshAll();
  }

  /** The state of one direction. */
  link(from: string, to: string): Link {
    let links = this.#links.get(from);
    if (links === undefined) {
      links = new Map();
      this.#links.set(from, links);
    }
    let link = links.get(to);
    if (link === undefined) {
      link = new Link(from, to, this.#seed, this.#options, this.isBlocked(from, to));
      links.set(to, link);
    }
    return link;
  }

  /** Links that hold what arrives. */
  cloggedLinks(): Link[] {
    return [...this.#eachLink()].filter(({ isClogged }) => isClogged);
  }

  /** Decides about a message that is sent now. The answer is good until the next call. */
  pass(link: Link, nowMicroseconds: number, bytes: number): Readonly<Passage> {
    const { options, random } = link;
    const passage = this.#passage;
    // All draws are made for every message, so that a blocked link keeps step with its draws.
    const isLost = random.chance(options.lossProbability);
    const isDoubled = random.chance(options.duplicationProbability);
    const overtakes = random.chance(options.reorderingProbability);
    const delay = drawDelay(options.delay, random);
    const copyDelay = isDoubled ? drawDelay(options.delay, random) : 0;
    passage.duplicateMicroseconds = -1;
    passage.replayMicroseconds = -1;
    passage.lost = isLost ? 'loss' : link.isBlocked ? 'blocked' : undefined;
    if (passage.lost !== undefined) return passage;
    const leaves = this.#leaves(link, nowMicroseconds, bytes);
    if (leaves < 0) {
      passage.lost = 'queue-full';
      return passage;
    }
    let arrival = leaves + delay;
    if (!overtakes) {
      if (arrival < link.lastArrivalMicroseconds) arrival = link.lastArrivalMicroseconds;
      else link.lastArrivalMicroseconds = arrival;
    }
    passage.arrivalMicroseconds = arrival;
    if (isDoubled) passage.duplicateMicroseconds = Math.max(arrival, leaves + copyDelay);
    if (options.replayProbability !== undefined) this.#replay(options, nowMicroseconds);
    return passage;
  }

  /** When the message has left the sender; -1 when it finds no room in the queue of the link. */
  #leaves(link: Link, nowMicroseconds: number, bytes: number): number {
    if (link.needsPathValidation) {
      link.needsPathValidation = false;
      const roundTrip =
        drawDelay(link.options.delay, link.random) + drawDelay(link.options.delay, link.random);
      link.freeAtMicroseconds = Math.max(link.freeAtMicroseconds, nowMicroseconds + roundTrip);
    }
    const starts = Math.max(nowMicroseconds, link.freeAtMicroseconds);
    const { bytesPerSecond = 0, queueBytesMax = limits.queueBytesMax } = link.options;
    if (bytesPerSecond === 0) return starts;
    const waitingBytes = ((starts - nowMicroseconds) * bytesPerSecond) / 1_000_000;
    if (waitingBytes + bytes > queueBytesMax) return -1;
    const leaves = starts + Math.ceil((bytes * 1_000_000) / bytesPerSecond);
    link.freeAtMicroseconds = leaves;
    return leaves;
  }

  #replay(options: NetworkOptions, nowMicroseconds: number): void {
    const random = this.#replayRandom;
    if (!random.chance(options.replayProbability ?? 0)) return;
    const delay = drawDelay(options.replayDelay ?? usualReplayDelay, random);
    this.#passage.replayMicroseconds = nowMicroseconds + delay;
  }

  #tune(link: Link): void {
    link.options =
      link.override === undefined ? this.#options : { ...this.#options, ...link.override };
  }

  #refresh(from: string, to: string): void {
    const link = this.#links.get(from)?.get(to);
    if (link !== undefined) link.isBlocked = this.isBlocked(from, to);
  }

  #refreshAll(): void {
    for (const link of this.#eachLink()) link.isBlocked = this.isBlocked(link.from, link.to);
  }

  *#eachLink(): Generator<Link> {
    for (const links of this.#links.values()) yield* links.values();
  }
}
