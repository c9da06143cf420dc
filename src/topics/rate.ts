/** A bucket of tokens for messages and one for bytes. */
import { BURST_SECONDS } from './limits.js';

export class Rate {
  readonly #messagesPerSecond: number;
  readonly #bytesPerSecond: number;
  #messages: number;
  #bytes: number;
  #atMs: number;

  constructor(messagesPerSecond: number, bytesPerSecond: number, nowMs: number) {
    this.#messagesPerSecond = messagesPerSecond;
    this.#bytesPerSecond = bytesPerSecond;
    this.#messages = messagesPerSecond * BURST_SECONDS;
    this.#bytes = bytesPerSecond * BURST_SECONDS;
    this.#atMs = nowMs;
  }

  /** Takes a message, or says in how many milliseconds there is room for it; 0 when it was taken. */
  take(bytes: number, nowMs: number): number {
    const seconds = Math.max(0, nowMs - this.#atMs) / 1_000;
    this.#atMs = Math.max(this.#atMs, nowMs);
    this.#messages = refill(this.#messages, this.#messagesPerSecond, seconds);
    this.#bytes = refill(this.#bytes, this.#bytesPerSecond, seconds);
    const lackingSeconds = Math.max(
      (1 - this.#messages) / this.#messagesPerSecond,
      (bytes - this.#bytes) / this.#bytesPerSecond,
    );
    if (lackingSeconds > 0) return Math.ceil(lackingSeconds * 1_000);
    this.#messages -= 1;
    this.#bytes -= bytes;
    return 0;
  }
}

function refill(tokens: number, perSecond: number, seconds: number): number {
  return Math.min(perSecond * BURST_SECONDS, tokens + perSecond * seconds);
}
