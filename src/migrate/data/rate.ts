/** Tells how far a step is and how fast it goes, a few times a second. */
import type { DataOptions, DataProgress } from './contract.js';

const TOLD_EVERY_MS = 200;

export class Rate {
  readonly #step: DataProgress['step'];
  readonly #tell: DataOptions['onProgress'];
  readonly #total: number;
  readonly #startedMs = performance.now();
  /** What was done before this run does not count as its speed. */
  readonly #before: number;
  #toldMs = 0;

  constructor(
    step: DataProgress['step'],
    tell: DataOptions['onProgress'],
    { total, before = 0 }: { total: number; before?: number },
  ) {
    this.#step = step;
    this.#tell = tell;
    this.#total = total;
    this.#before = before;
  }

  update(done: number): void {
    const now = performance.now();
    if (now - this.#toldMs < TOLD_EVERY_MS) return;
    this.#report(done, now);
  }

  end(done: number): void {
    this.#report(done, performance.now());
  }

  #report(done: number, now: number): void {
    this.#toldMs = now;
    const seconds = (now - this.#startedMs) / 1000;
    const rate = seconds > 0 ? (done - this.#before) / seconds : 0;
    // What v1 counted may be less than what could be read.
    this.#tell?.({ step: this.#step, done, total: Math.max(done, this.#total), rate });
  }
}
