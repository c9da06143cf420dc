/** Deletes what has expired, a bounded number in one transaction, with other work in between. */
import type { MemoryCommand } from '../engine.js';
import { isOperational } from '../errors.js';
import { SWEEP_INTERVAL_MAX_MS, SWEEP_RECORDS_MAX } from './limits.js';
import type { StoreFile } from './store-file.js';
import { nextTurn } from '../pace.js';

export interface SweepOptions {
  readonly nowMs: () => number;
  readonly canWrite: () => boolean;
  /** Brings what was accepted before into the file. */
  readonly prepare: () => void;
}

export class Sweep {
  readonly #file: StoreFile;
  readonly #options: SweepOptions;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(file: StoreFile, options: SweepOptions) {
    this.#file = file;
    this.#options = options;
    this.wake();
  }

  /** Something may expire earlier than was known. */
  wake(): void {
    clearTimeout(this.#timer);
    if (this.#isStopped || !this.#options.canWrite()) return;
    const { nextExpiryMs } = this.#file;
    if (nextExpiryMs === Infinity) return;
    const waitMs = Math.min(
      SWEEP_INTERVAL_MAX_MS,
      Math.max(0, nextExpiryMs - this.#options.nowMs()),
    );
    this.#timer = setTimeout(() => void this.#turn(), waitMs);
    this.#timer.unref();
  }

  /** Resolves when all that has expired is deleted; at once where nothing can be written. */
  async finish(): Promise<void> {
    while (!this.#isStopped && this.#step()) await nextTurn();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #turn(): Promise<void> {
    try {
      await this.finish();
    } catch (error) {
      // It stays hidden, and is tried again.
      if (!isOperational(error)) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, SWEEP_INTERVAL_MAX_MS).unref();
      });
    }
    this.wake();
  }

  /**
   * True if there may be more. What is told expired and what is deleted is one step, so nothing that was
   * put anew is deleted. No sync: after a power cut it has expired all the same.
   */
  #step(): boolean {
    if (!this.#options.canWrite()) return false;
    this.#options.prepare();
    const timestampMs = this.#options.nowMs();
    const keys = this.#file.expired(timestampMs, SWEEP_RECORDS_MAX);
    if (keys.length === 0) return false;
    const commands = keys.map((id): MemoryCommand => ({ type: 'deleteMemory', id, timestampMs }));
    this.#file.apply(commands);
    return true;
  }
}
