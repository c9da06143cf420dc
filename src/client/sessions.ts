/**
 * Sessions make a retried write happen once: a node keeps the last answer of each session, and a
 * session has at most one write outstanding (Raft dissertation, section 6.3). Writes that run at the
 * same time therefore each hold a session of their own.
 */

import { ClientError } from './errors.js';
import { SESSIONS_MAX, WAITING_WRITES_MAX } from './limits.js';

/** A session held by one write. */
export interface Session {
  readonly id: number | bigint;
  /** Sequence of the write that is outstanding or comes next. */
  sequence: number;
}

interface Waiter {
  resolve(session: Session | undefined): void;
  reject(error: ClientError): void;
}

export class SessionPool {
  readonly #free: Session[] = [];
  readonly #waiting: Waiter[] = [];
  readonly #sessionsMax: number;
  #held = 0;
  #closed = false;

  constructor(sessionsMax: number = SESSIONS_MAX) {
    this.#sessionsMax = sessionsMax;
  }

  /**
   * A free session, or undefined when the caller may open a new one, or a wait for either.
   * The caller ends the hold with `release` (which keeps the session) or `discard`.
   */
  async acquire(): Promise<Session | undefined> {
    if (this.#closed) throw new ClientError('closed', 'the client was closed');
    if (this.#held < this.#sessionsMax) {
      this.#held += 1;
      return this.#free.pop();
    }
    if (this.#waiting.length >= WAITING_WRITES_MAX) {
      throw new ClientError(
        'overloaded',
        `${WAITING_WRITES_MAX} writes already wait in this client; wait for some of them first`,
      );
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** The write was answered: the session may carry the next one. */
  release(session: Session): void {
    this.#end(session);
  }

  /** The fate of the write is unknown, or it never got a session: the next hold opens a new one. */
  discard(): void {
    this.#end(undefined);
  }

  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) {
      waiter.reject(new ClientError('closed', 'the client was closed'));
    }
  }

  #end(session: Session | undefined): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next.resolve(session);
      return;
    }
    this.#held -= 1;
    if (session !== undefined) this.#free.push(session);
  }
}
