/**
 * Linearizable reads that wait, and the questions that are asked for them. A question is asked for
 * all that have come; what comes meanwhile waits for the next, so that any number of reads costs one
 * question a round trip.
 *
 * A question that is asked again stands for the reads of the one before and for what came since. The
 * answer to either will do for those it was asked for: where the way is slow, or applying is, every
 * answer comes after its question was asked again.
 */
export class ReadQueue<Read> {
  readonly #prefix: string;
  #arrived: Read[] = [];
  /** By the first question that was asked for them, oldest first. */
  #asked: { readonly question: number; reads: Read[] }[] = [];
  /** Questions are numbered from 1. */
  #question = 0;
  #askedAtMs = 0;

  /** `prefix` is new with each start, so that no late answer of before is taken for one of now. */
  constructor(prefix: string) {
    this.#prefix = `${prefix}-`;
  }

  /** Reads that wait. */
  get size(): number {
    return this.#asked.reduce((sum, { reads }) => sum + reads.length, this.#arrived.length);
  }

  add(read: Read): void {
    this.#arrived.push(read);
  }

  /** The context to ask with now; undefined if nothing is to be asked yet. */
  next(nowMs: number, retryMs: number): string | undefined {
    const isAsked = this.#asked.length > 0;
    if (isAsked ? nowMs - this.#askedAtMs < retryMs : this.#arrived.length === 0) return undefined;
    this.#question += 1;
    if (this.#arrived.length > 0) {
      this.#asked.push({ question: this.#question, reads: this.#arrived });
      this.#arrived = [];
    }
    this.#askedAtMs = nowMs;
    return this.#prefix + String(this.#question);
  }

  /** The question was refused, or will not be answered: the latest is asked again at the next tick. */
  forget(context: string): void {
    if (this.#numberOf(context) === this.#question) this.#askedAtMs = -Infinity;
  }

  /** Takes out the reads that this answer is for; none if it answers nothing of this queue. */
  takeAnswered(context: string): Read[] {
    const answered = this.#numberOf(context);
    if (answered === undefined) return [];
    const taken = this.#asked.filter(({ question }) => question <= answered);
    this.#asked = this.#asked.slice(taken.length);
    return taken.flatMap(({ reads }) => reads);
  }

  /** Takes out everybody for whom `isOver` holds. */
  takeWhere(isOver: (read: Read) => boolean): Read[] {
    const taken = this.#arrived.filter(isOver);
    this.#arrived = this.#arrived.filter((read) => !isOver(read));
    for (const batch of this.#asked) {
      taken.push(...batch.reads.filter(isOver));
      batch.reads = batch.reads.filter((read) => !isOver(read));
    }
    this.#asked = this.#asked.filter(({ reads }) => reads.length > 0);
    return taken;
  }

  #numberOf(context: string): number | undefined {
    if (!context.startsWith(this.#prefix)) return undefined;
    const number = Number(context.slice(this.#prefix.length));
    return number >= 1 && number <= this.#question ? number : undefined;
  }
}
