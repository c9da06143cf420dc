/**
 * A value that is spread among validators in simulated time: messages are late, lost, come twice and in
 * another order, and some of the validators are faulty.
 *
 *     withholds    answers no call
 *     lies         answers with what is no part
 *     boasts       tells that it has all of it, and gives nothing
 *     silent       has nothing and tells nothing
 */
import { PARTS_CALL_TIMEOUT_MS } from '../../../../nodes/bft/limits.js';
import { fullBitmap, hasBit } from '../../../../consensus/bitmap.js';
import { type Ask, Collecting } from '../../../../nodes/bft/parts/collecting.js';
import { type Part, PartSet } from '../../../../nodes/bft/parts/part-set.js';
import type { RandomStream } from '../../../../sim/world/index.js';

const BEAT_MS = 50;
const TELL_EVERY_MS = 400;

export type SpreadFault = 'withholds' | 'lies' | 'boasts' | 'silent';

export interface SpreadOptions {
  readonly random: RandomStream;
  readonly value: Uint8Array;
  /** Names; the first one is the proposer. */
  readonly names: readonly string[];
  readonly faults: ReadonlyMap<string, SpreadFault>;
  readonly lossShare: number;
  readonly delayMsMax: number;
  /** Those who have it and do not say so, since it is decided and who asks does not know of whom. */
  readonly holders?: ReadonlySet<string>;
}

interface Node {
  readonly name: string;
  readonly set: PartSet;
  readonly collecting: Collecting | null;
  wrongCount: number;
  callCount: number;
  wholeAtMs: number | null;
}

/** See the head of this file. */
export class Spreading {
  readonly nodes: readonly Node[];
  nowMs = 0;
  /** Bytes of parts that each has sent. */
  readonly sentBytes = new Map<string, number>();
  readonly #options: SpreadOptions;
  readonly #whole: PartSet;
  #events: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor(options: SpreadOptions) {
    this.#options = options;
    this.#whole = PartSet.of(options.value);
    const { names, holders } = options;
    const proposer = names[0]!;
    this.nodes = names.map((name) => {
      const hasAll = holders === undefined ? name === proposer : holders.has(name);
      const others = names.filter((other) => other !== name);
      const { count } = this.#whole.about;
      const from = holders === undefined ? proposer : null;
      const collecting = hasAll
        ? null
        : new Collecting({ self: name, count, from, others, nowMs: 0 });
      const set = hasAll ? this.#whole : PartSet.empty(this.#whole.id)!;
      return { name, set, collecting, wrongCount: 0, callCount: 0, wholeAtMs: hasAll ? 0 : null };
    });
  }

  get correct(): readonly Node[] {
    return this.nodes.filter(({ name }) => !this.#options.faults.has(name));
  }

  /** Runs until all correct ones have the value, or for so long. */
  run(untilMs: number): void {
    for (const node of this.nodes) this.#every(BEAT_MS, () => this.#onBeat(node));
    for (const node of this.nodes) this.#every(TELL_EVERY_MS, () => this.#tell(node));
    const isOver = (): boolean => this.correct.every(({ set }) => set.isWhole);
    while (this.nowMs < untilMs && !isOver()) {
      const first = this.#events.reduce((a, b) => (b.atMs < a.atMs ? b : a));
      this.#events.splice(this.#events.indexOf(first), 1);
      this.nowMs = first.atMs;
      first.run();
    }
  }

  #every(ms: number, run: () => void): void {
    this.#after(ms, () => {
      run();
      this.#every(ms, run);
    });
  }

  #after(ms: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + ms, run });
  }

  /** To another validator: late, perhaps never, perhaps twice. */
  #send(run: () => void, mayComeTwice: boolean): void {
    const { random, lossShare, delayMsMax } = this.#options;
    const isLost = random.chance(lossShare);
    const isTwice = random.chance(lossShare) && mayComeTwice;
    const [delayMs, otherMs] = [random.integer(1, delayMsMax), random.integer(1, delayMsMax)];
    if (!isLost) this.#after(delayMs, run);
    if (isTwice) this.#after(otherMs, run);
  }

  #onBeat(node: Node): void {
    this.#pump(node);
    node.collecting?.revive(this.nowMs);
    this.#pump(node);
  }

  #pump({ name, set, collecting }: Node): void {
    if (collecting === null || this.#options.faults.has(name)) return;
    for (let ask = collecting.next(this.nowMs); ask !== null; ask = collecting.next(this.nowMs)) {
      this.#ask(this.#node(name), set, collecting, ask);
    }
  }

  #ask(node: Node, set: PartSet, collecting: Collecting, ask: Ask): void {
    node.callCount += 1;
    let isOver = false;
    const end = (isFailed: boolean): void => {
      if (isOver) return;
      isOver = true;
      collecting.ended(ask, isFailed);
      this.#pump(node);
    };
    this.#after(PARTS_CALL_TIMEOUT_MS, () => end(true));
    this.#send(() => {
      const parts = this.#answer(ask);
      if (parts === 'nothing') return;
      // An answer ends its call: it cannot come twice.
      this.#send(() => {
        if (isOver) return;
        end(!this.#take(node, set, collecting, ask, parts));
      }, false);
    }, true);
  }

  /** Places and parts; `nothing` if no answer comes. */
  #answer({ peer, places }: Ask): (readonly [number, Part])[] | 'nothing' {
    const fault = this.#options.faults.get(peer);
    if (fault === 'withholds') return 'nothing';
    if (fault === 'boasts' || fault === 'silent') return [];
    const { set } = this.#node(peer);
    const parts = places.flatMap((place) => {
      const part = fault === 'lies' ? this.#whole.part(place) : set.part(place);
      return part === undefined ? [] : [[place, part] as const];
    });
    const sent = parts.reduce((sum, [, { bytes }]) => sum + bytes.length, 0);
    this.sentBytes.set(peer, (this.sentBytes.get(peer) ?? 0) + sent);
    if (fault !== 'lies') return parts;
    return parts.map(([place, part]) => {
      const bytes = part.bytes.slice();
      bytes[0]! ^= 1;
      return [place, { ...part, bytes }] as const;
    });
  }

  #take(
    node: Node,
    set: PartSet,
    collecting: Collecting,
    { places }: Ask,
    parts: readonly (readonly [number, Part])[],
  ): boolean {
    for (const [place, part] of parts) {
      const added = set.add(place, part);
      if (added === 'wrong' || !places.includes(place)) {
        node.wrongCount += 1;
        return false;
      }
      collecting.got(place, this.nowMs);
      if (added === 'new') this.#tell(node);
      if (set.isWhole) node.wholeAtMs ??= this.nowMs;
    }
    return true;
  }

  #tell({ name, set }: Node): void {
    const fault = this.#options.faults.get(name);
    if (fault === 'silent' || fault === 'withholds') return;
    const bitmap = fault === undefined ? set.held : fullBitmap(this.#whole.about.count);
    for (const other of this.nodes) {
      if (other.name === name) continue;
      this.#send(() => {
        other.collecting?.told(name, bitmap, this.nowMs);
        this.#pump(other);
      }, true);
    }
  }

  #node(name: string): Node {
    return this.nodes.find((node) => node.name === name)!;
  }

  /** Whether one has exactly the value, or nothing of which it thinks that it is whole. */
  isSound({ set, collecting }: Node): boolean {
    const { held } = set;
    const { count } = this.#whole.about;
    for (let place = 0; place < count; place += 1) {
      const part = set.part(place);
      if (hasBit(held, place) !== (part !== undefined)) return false;
      const right = this.#whole.part(place)!.bytes;
      if (part !== undefined && Buffer.compare(part.bytes, right) !== 0) return false;
    }
    return collecting === null || collecting.isWhole === set.isWhole;
  }
}
