/**
 * Writes of many callers in one transaction with one sync. A write waits until there are enough
 * operations or it has waited long enough; what comes while a batch is synced becomes the next one.
 *
 *   idle --first write--> waiting --enough, or long enough--> writing --synced--> idle, or waiting
 *                                                                  \--not synced--> refusing, for good
 */
import { MemoryError } from '../errors.js';

export interface GroupCommitOptions<Write, Outcome> {
  /** Operations of a batch; a single write may have more. */
  readonly operationsMax: number;
  /** Longest wait of a write for others. */
  readonly delayMs: number;
  /** One transaction, an outcome for each write; throws and has changed nothing. */
  readonly commit: (writes: readonly Write[]) => Outcome[];
  /** Makes everything committed so far survive a power cut. */
  readonly sync: () => Promise<void>;
}

interface Waiting<Write, Outcome> {
  readonly write: Write;
  readonly operations: number;
  readonly sinceMs: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** How often something was written. */
export interface CommitCounts {
  readonly batches: number;
  readonly operations: number;
  readonly syncs: number;
}

export class GroupCommit<Write, Outcome> {
  readonly #options: GroupCommitOptions<Write, Outcome>;
  #queue: Waiting<Write, Outcome>[] = [];
  #queuedOperations = 0;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #isWriting = false;
  /** Up to here, everything is written without waiting for more. */
  #isHurried = false;
  #refusal: MemoryError | undefined;
  readonly #idle: (() => void)[] = [];
  #counts = { batches: 0, operations: 0, syncs: 0 };

  constructor(options: GroupCommitOptions<Write, Outcome>) {
    this.#options = options;
  }

  get counts(): CommitCounts {
    return this.#counts;
  }

  /** Why writes are refused, once they are. */
  get refusal(): MemoryError | undefined {
    return this.#refusal;
  }

  /** Resolves when the write would survive a power cut. */
  add(write: Write, operations: number): Promise<Outcome> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    return new Promise((resolve, reject) => {
      const sinceMs = performance.now();
      this.#queue.push({ write, operations, sinceMs, resolve, reject });
      this.#queuedOperations += operations;
      this.#schedule();
    });
  }

  /**
   * Commits and syncs one write before it returns, ahead of what waits. Throws what `commit` throws, and
   * the refusal once there is one.
   */
  addNow(write: Write, operations: number, sync: () => void): Outcome {
    if (this.#refusal !== undefined) throw this.#refusal;
    let outcome: Outcome;
    try {
      [outcome] = this.#options.commit([write]) as [Outcome];
      this.#counts.batches += 1;
      this.#counts.operations += operations;
      sync();
    } catch (error) {
      if (!(error instanceof MemoryError) || error.code !== 'io') throw error;
      throw this.#refuse(error);
    }
    this.#counts.syncs += 1;
    return outcome;
  }

  /** Resolves when nothing waits and nothing is being written any more. */
  async flush(): Promise<void> {
    while (this.#queue.length > 0 || this.#isWriting) {
      this.#isHurried = true;
      this.#schedule();
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  #schedule(): void {
    if (this.#isWriting || this.#queue.length === 0) return;
    const waitMs = this.#isDue() ? 0 : this.#restMs();
    if (waitMs > 0) {
      this.#timer ??= setTimeout(() => this.#wake(), waitMs);
      return;
    }
    // What arrives in this turn of the event loop still comes along.
    this.#immediate ??= setImmediate(() => this.#wake());
  }

  #wake(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    if (!this.#isWriting) void this.#run();
  }

  #isDue(): boolean {
    return this.#isHurried || this.#queuedOperations >= this.#options.operationsMax;
  }

  #restMs(): number {
    const [oldest] = this.#queue;
    if (oldest === undefined) return 0;
    return Math.ceil(oldest.sinceMs + this.#options.delayMs - performance.now());
  }

  async #run(): Promise<void> {
    this.#isWriting = true;
    while (this.#queue.length > 0 && (this.#isDue() || this.#restMs() <= 0)) {
      await this.#write(this.#takeBatch());
    }
    this.#isWriting = false;
    if (this.#queue.length === 0) this.#isHurried = false;
    else this.#schedule();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #takeBatch(): Waiting<Write, Outcome>[] {
    let operations = 0;
    let count = 0;
    for (const waiting of this.#queue) {
      if (count > 0 && operations + waiting.operations > this.#options.operationsMax) break;
      operations += waiting.operations;
      count += 1;
    }
    this.#queuedOperations -= operations;
    return this.#queue.splice(0, count);
  }

  async #write(batch: readonly Waiting<Write, Outcome>[]): Promise<void> {
    const written = this.#commit(batch);
    if (written.length === 0) return;
    try {
      await this.#options.sync();
      this.#counts.syncs += 1;
    } catch (error) {
      this.#refuse(error);
      for (const [{ reject }] of written) reject(this.#refusal);
      return;
    }
    for (const [{ resolve }, outcome] of written) resolve(outcome);
  }

  /** Those that are committed; the others are told. One that cannot be written spoils no other. */
  #commit(
    batch: readonly Waiting<Write, Outcome>[],
  ): (readonly [Waiting<Write, Outcome>, Outcome])[] {
    if (this.#refusal !== undefined) {
      for (const { reject } of batch) reject(this.#refusal);
      return [];
    }
    try {
      const outcomes = this.#options.commit(batch.map(({ write }) => write));
      this.#counts.batches += 1;
      for (const { operations } of batch) this.#counts.operations += operations;
      return batch.map((waiting, at) => [waiting, outcomes[at] as Outcome]);
    } catch (error) {
      if (error instanceof MemoryError && error.code === 'io') {
        this.#refuse(error);
        for (const { reject } of batch) reject(this.#refusal);
        return [];
      }
      if (batch.length > 1) return batch.flatMap((waiting) => this.#commit([waiting]));
      for (const { reject } of batch) reject(error);
      return [];
    }
  }

  /**
   * After a failure to write or sync nobody knows what the disk has: the system forgets what it could not
   * write, and a later sync succeeds without it.
   */
  #refuse(cause: unknown): MemoryError {
    const detail = cause instanceof Error ? cause.message : String(cause);
    this.#refusal ??= new MemoryError(
      'closed',
      `nothing more is written since the disk failed (${detail}); what was acknowledged is safe; check ` +
        'the disk, then close the store and open it again',
      cause instanceof MemoryError ? cause.path : undefined,
      cause,
    );
    return this.#refusal;
  }
}
