/** Callers that wait: for the result of an entry, for a read, for a leader. */
import { ReadQueue } from '../read-queue.js';

/** The two ends of a promise, and when it is given up. */
export interface Waiting<Value> {
  readonly deadlineMs: number;
  resolve(value: Value): void;
  reject(error: Error): void;
}

interface Proposal<Result> extends Waiting<Result> {
  readonly term: number;
  readonly bytes: number;
}

/** Proposals that wait for the entry at their index to be applied. */
export class Proposals<Result> {
  readonly #waiting = new Map<number, Proposal<Result>>();
  #bytes = 0;

  get size(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a proposal that became the entry at `index` of `term`; returns one that it replaces. */
  add(index: number, proposal: Proposal<Result>): Waiting<Result> | undefined {
    // A leader of a later term that was here before may have had another one at this place.
    const replaced = this.take(index);
    this.#waiting.set(index, proposal);
    this.#bytes += proposal.bytes;
    return replaced;
  }

  /** Takes out whoever waits for the entry at `index`. */
  take(index: number): Proposal<Result> | undefined {
    const proposal = this.#waiting.get(index);
    if (proposal === undefined) return undefined;
    this.#waiting.delete(index);
    this.#bytes -= proposal.bytes;
    return proposal;
  }

  /** Takes out everybody for whom `isOver` holds. */
  takeWhere(isOver: (index: number, proposal: Waiting<Result>) => boolean): Waiting<Result>[] {
    const taken: Waiting<Result>[] = [];
    for (const [index, proposal] of this.#waiting) {
      if (!isOver(index, proposal)) continue;
      this.take(index);
      taken.push(proposal);
    }
    return taken;
  }
}

/** Linearizable reads of a group: some ask for an index, others wait for theirs to be applied. */
export class GroupReads {
  readonly #queue: ReadQueue<Waiting<void>>;
  #confirmed: { readonly index: number; readonly reads: Waiting<void>[] }[] = [];

  /** `prefix` is new with each start. */
  constructor(prefix: string) {
    this.#queue = new ReadQueue(prefix);
  }

  get size(): number {
    return this.#confirmed.reduce((sum, { reads }) => sum + reads.length, this.#queue.size);
  }

  add(read: Waiting<void>): void {
    this.#queue.add(read);
  }

  next(nowMs: number, retryMs: number): string | undefined {
    return this.#queue.next(nowMs, retryMs);
  }

  forget(context: string): void {
    this.#queue.forget(context);
  }

  confirm(context: string, index: number): void {
    const reads = this.#queue.takeAnswered(context);
    if (reads.length > 0) this.#confirmed.push({ index, reads });
  }

  /** Takes out the reads that see everything they must once `applied` is. */
  takeReadable(applied: number): Waiting<void>[] {
    if (this.#confirmed.length === 0) return [];
    const readable = this.#confirmed.filter(({ index }) => index <= applied);
    this.#confirmed = this.#confirmed.filter(({ index }) => index > applied);
    return readable.flatMap(({ reads }) => reads);
  }

  /** Takes out everybody for whom `isOver` holds. */
  takeWhere(isOver: (read: Waiting<void>) => boolean): Waiting<void>[] {
    const taken = this.#queue.takeWhere(isOver);
    this.#confirmed = this.#confirmed.map(({ index, reads }) => {
      taken.push(...reads.filter(isOver));
      return { index, reads: reads.filter((read) => !isOver(read)) };
    });
    return taken;
  }
}
