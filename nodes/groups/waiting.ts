/** Callers that wait: for the result of an entry, for a read, for a leader. */

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

/** Linearizable reads of a group: one question at a time, for all that came before it was asked. */
export class ReadQueue {
  #arrived: Waiting<void>[] = [];
  #asked: Waiting<void>[] = [];
  #context = '';
  #askedAtMs = 0;
  /** Confirmed, and waiting for their index to be applied. */
  #confirmed: { readonly index: number; readonly reads: Waiting<void>[] }[] = [];
  #count = 0;

  /** `prefix` is new with each start, so that no late answer of before is taken for one of now. */
  constructor(private readonly prefix: string) {}

  get size(): number {
    const confirmed = this.#confirmed.reduce((sum, { reads }) => sum + reads.length, 0);
    return this.#arrived.length + this.#asked.length + confirmed;
  }

  add(read: Waiting<void>): void {
    this.#arrived.push(read);
  }

  /** The context to ask with now; undefined if nothing is to be asked yet. */
  next(nowMs: number, retryMs: number): string | undefined {
    const isAsked = this.#asked.length > 0;
    if (isAsked ? nowMs - this.#askedAtMs < retryMs : this.#arrived.length === 0) return undefined;
    this.#asked = this.#asked.concat(this.#arrived);
    this.#arrived = [];
    this.#count += 1;
    this.#context = `${this.prefix}-${this.#count}`;
    this.#askedAtMs = nowMs;
    return this.#context;
  }

  /** The question was refused, or will not be answered: it is asked again at the next tick. */
  forget(context: string): void {
    if (context === this.#context) this.#askedAtMs = -Infinity;
  }

  confirm(context: string, index: number): void {
    if (context !== this.#context) return;
    this.#confirmed.push({ index, reads: this.#asked });
    this.#asked = [];
    this.#context = '';
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
    const taken: Waiting<void>[] = [];
    const keep = (reads: Waiting<void>[]): Waiting<void>[] => {
      taken.push(...reads.filter(isOver));
      return reads.filter((read) => !isOver(read));
    };
    this.#arrived = keep(this.#arrived);
    this.#asked = keep(this.#asked);
    this.#confirmed = this.#confirmed.map(({ index, reads }) => ({ index, reads: keep(reads) }));
    return taken;
  }
}
