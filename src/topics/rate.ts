/** How fast messages may come, by their number and by their bytes. */
import { TokenBucket } from '../../transport/token-bucket.js';
import { BURST_SECONDS } from './limits.js';

export class Rate {
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  #latestMs: number;

  constructor(messagesPerSecond: number, bytesPerSecond: number, nowMs: number) {
    this.#messages = new TokenBucket(messagesPerSecond, messagesPerSecond * BURST_SECONDS, nowMs);
    this.#bytes = new TokenBucket(bytesPerSecond, bytesPerSecond * BURST_SECONDS, nowMs);
    this.#latestMs = nowMs;
  }

  /** Takes a message, or says in how many milliseconds there is room for it; 0 when it was taken. */
  take(bytes: number, nowMs: number): number {
    // A clock that is set back and forth earns nothing.
    this.#latestMs = Math.max(this.#latestMs, nowMs);
    const messageMs = this.#messages.take(this.#latestMs);
    const bytesMs = this.#bytes.take(this.#latestMs, bytes);
    if (messageMs === 0 && bytesMs > 0) this.#messages.add(1);
    if (bytesMs === 0 && messageMs > 0) this.#bytes.add(bytes);
    return Math.max(messageMs, bytesMs);
  }
}
