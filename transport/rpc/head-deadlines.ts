import type { HeadWatch, IncomingExchange } from './incoming-exchange.js';

/**
 * Streams of a connection whose heads have begun to come and are not whole, oldest first. One timer
 * for all of them; most heads come in one piece and are never in here. (A stream that brought nothing
 * at all is not either: it holds nothing but its place among those that its own peer may open.)
 */
export class HeadDeadlines implements HeadWatch {
  readonly #waitMs: number;
  readonly #openedAt = new Map<IncomingExchange, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  watchHead(exchange: IncomingExchange): void {
    if (this.#openedAt.has(exchange)) return;
    this.#openedAt.set(exchange, performance.now());
    this.#timer ??= setTimeout(() => this.#onTimer(), this.#waitMs).unref();
  }

  unwatchHead(exchange: IncomingExchange): void {
    this.#openedAt.delete(exchange);
  }

  /** The connection is over. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#openedAt.clear();
  }

  #onTimer(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [exchange, openedAt] of this.#openedAt) {
      const leftMs = openedAt + this.#waitMs - now;
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#onTimer(), leftMs).unref();
        return;
      }
      exchange.onHeadLate(this.#waitMs);
    }
  }
}
