/** How far a campaign is, on standard error: one line that changes, or a line now and then. */
import type { SeedOutcome } from '../../../sim/explore/campaign.js';

const TERMINAL_INTERVAL_MS = 200;
const LOG_INTERVAL_MS = 5_000;

export class Progress {
  readonly #name: string;
  readonly #total: number;
  readonly #isShown: boolean;
  readonly #isTerminal = process.stderr.isTTY === true;
  readonly #startMs = performance.now();
  #shownMs = performance.now();
  #seeds = 0;
  #failed = 0;
  #events = 0;

  /** `total`: seeds to run, or Infinity. */
  constructor(name: string, total: number, isShown: boolean) {
    this.#name = name;
    this.#total = total;
    this.#isShown = isShown;
  }

  add({ result }: SeedOutcome): void {
    this.#seeds += 1;
    this.#events += result.events;
    if (result.failure !== undefined) this.#failed += 1;
    const nowMs = performance.now();
    const intervalMs = this.#isTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS;
    if (nowMs - this.#shownMs < intervalMs) return;
    this.#shownMs = nowMs;
    const seconds = (nowMs - this.#startMs) / 1_000;
    const of = Number.isFinite(this.#total) ? ` of ${this.#total}` : '';
    this.say(
      `${this.#seeds}${of} seeds, ${this.#failed} failed, ` +
        `${Math.round(this.#seeds / seconds)} seeds/s, ${Math.round(this.#events / seconds)} events/s`,
    );
  }

  /** Nothing for an empty text. */
  say(text: string): void {
    if (!this.#isShown || text === '') return;
    const line = `${this.#name}: ${text}`;
    process.stderr.write(this.#isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
  }

  end(): void {
    if (this.#isShown && this.#isTerminal) process.stderr.write('\r\u001b[K');
  }
}
