import { LINGERING_CONNECTIONS_MAX, LINGER_ANSWERS_MAX, LINGER_MS } from '../limits.js';

interface Entry {
  readonly routes: readonly string[];
  readonly packet: Uint8Array;
  readonly until: number;
  answersLeft: number;
}

/**
 * The closing state of RFC 9000 10.2.1: a connection that this side closed keeps nothing but its
 * last packet, which answers a peer that goes on sending because it missed it.
 */
export class Lingering {
  readonly #entries = new Map<string, Entry>();
  /** In order of expiry, since all linger for the same time. */
  readonly #order = new Set<Entry>();

  /** `now` in milliseconds, of any clock that never goes back. */
  add(routes: readonly string[], packet: Uint8Array, now: number): void {
    this.#expire(now);
    const entry = { routes, packet, until: now + LINGER_MS, answersLeft: LINGER_ANSWERS_MAX };
    this.#order.add(entry);
    for (const route of routes) this.#entries.set(route, entry);
  }

  /** The packet to send back for a packet to this connection id, if any. */
  answer(route: string, now: number): Uint8Array | undefined {
    const entry = this.#entries.get(route);
    if (entry === undefined || entry.until < now || entry.answersLeft === 0) return undefined;
    entry.answersLeft -= 1;
    return entry.packet;
  }

  #expire(now: number): void {
    for (const entry of this.#order) {
      if (entry.until >= now && this.#order.size < LINGERING_CONNECTIONS_MAX) return;
      this.#order.delete(entry);
      for (const route of entry.routes) {
        if (this.#entries.get(route) === entry) this.#entries.delete(route);
      }
    }
  }
}
