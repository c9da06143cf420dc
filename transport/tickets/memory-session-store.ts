import { SESSIONS_BYTES_MAX, SESSIONS_MAX, SESSION_BYTES_MAX } from './limits.js';
import { SessionIndex } from './session-index.js';
import { isUsable, usableUntilMs } from './session-lifetime.js';
import type { StoredSession } from './session-seal.js';

/** Sessions for the next connection to each peer, as long as the process lives. */
export class MemorySessionStore {
  readonly #now: () => number;
  readonly #index = new SessionIndex(SESSIONS_MAX, SESSIONS_BYTES_MAX);
  readonly #sessions = new Map<string, StoredSession>();

  /** `now`: milliseconds since the epoch. */
  constructor(options: { readonly now?: () => number } = {}) {
    this.#now = options.now ?? Date.now;
  }

  /** Keeps the session in place of an earlier one; one that is too large or too old is not kept. */
  put(peerId: string, session: Uint8Array): void {
    const nowMs = this.#now();
    const stored = {
      usableUntilMs: usableUntilMs(session, nowMs),
      session: Uint8Array.from(session),
    };
    if (session.length > SESSION_BYTES_MAX || !isUsable(stored, nowMs)) return;
    this.#sessions.set(peerId, stored);
    for (const gone of this.#index.add(peerId, session.length)) this.#sessions.delete(gone);
  }

  /** The session of a peer, once. */
  take(peerId: string): Uint8Array | undefined {
    const stored = this.#sessions.get(peerId);
    this.#sessions.delete(peerId);
    this.#index.remove(peerId);
    return stored !== undefined && isUsable(stored, this.#now()) ? stored.session : undefined;
  }
}
