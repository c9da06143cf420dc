/**
 * Sessions make a retried write happen once: the swarm keeps the answers of a session that its client
 * still waits for (Raft dissertation, section 6.3). A session carries as many writes at a time as its
 * window holds, so one is enough for most clients; another is opened only when a write that got no
 * answer yet holds up the window, or when the members are of the previous release, whose sessions
 * carry one write at a time.
 *
 *   open --write answered or given up--> open --third of the time-out without use--> keep alive
 *     '--session-unknown--> lost: the next write opens another
 */

import { ClientError } from './errors.js';
import { KEEP_ALIVES_PER_TIMEOUT, WAITING_WRITES_MAX, WRITES_MAX } from './limits.js';

/** What a member told when it opened a session. */
export interface OpenedSession {
  readonly id: number | bigint;
  /** Without use for so long it is forgotten; null when members of the previous release keep it. */
  readonly timeoutMs: number | null;
  /** Writes that may be on their way at a time. */
  readonly window: number;
}

/** What the pool needs from its client. */
export interface SessionPorts {
  /** Says that the session is wanted; false when the swarm does not know it any more. */
  keep(session: OpenedSession): Promise<boolean>;
}

/** The place of one write in a session, until `end`. */
export interface Place {
  readonly session: OpenedSession;
  readonly sequence: number;
  /** The lowest sequence of the session that this client has no answer to. */
  readonly awaitedFrom: number;
  /** `answered` is false when the fate of the write is not known. */
  end(answered: boolean): void;
}

interface LiveSession {
  readonly opened: OpenedSession;
  nextSequence: number;
  /** In rising order, as they were given out. */
  readonly awaited: Set<number>;
  /** When the last answered request was sent. */
  usedAtMs: number;
  timer: NodeJS.Timeout | undefined;
}

interface Waiter {
  resolve(): void;
  reject(error: ClientError): void;
}

export class SessionPool {
  readonly #ports: SessionPorts;
  readonly #writesMax: number;
  readonly #live = new Set<LiveSession>();
  readonly #waiting: Waiter[] = [];
  #opening: Promise<void> | undefined;
  #writes = 0;
  #closed = false;

  constructor(ports: SessionPorts, writesMax: number = WRITES_MAX) {
    this.#ports = ports;
    this.#writesMax = writesMax;
  }

  /**
   * A place for one write, in a session that is there or that `open` opens. `withinMs` bounds the wait
   * for a session that another write is opening; `open` has bounds of its own. Rejects with what `open`
   * rejected with, or with `overloaded`, `closed` or `cancelled`.
   */
  async take(
    open: () => Promise<OpenedSession>,
    withinMs: number,
    signal?: AbortSignal,
  ): Promise<Place> {
    await this.#admit();
    try {
      const deadlineMs = performance.now() + withinMs;
      for (;;) {
        if (this.#closed) throw closedError();
        const session = this.#withRoom();
        if (session !== undefined) return this.#place(session);
        if (this.#opening === undefined) await this.#open(open);
        else await settled(this.#opening, deadlineMs - performance.now(), signal);
        if (signal?.aborted === true) throw new ClientError('cancelled', 'the write was cancelled');
        if (performance.now() > deadlineMs) {
          throw new ClientError('deadline-exceeded', 'no session could be opened in time');
        }
      }
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  /** The swarm does not know the session any more: no further write goes into it. */
  lose(opened: OpenedSession): void {
    for (const session of this.#live) {
      if (session.opened !== opened) continue;
      clearTimeout(session.timer);
      this.#live.delete(session);
    }
  }

  /** Ends all waits; returns the sessions that the swarm still holds for this client. */
  close(): OpenedSession[] {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(closedError());
    const left = [...this.#live].map(({ opened }) => opened);
    for (const opened of left) this.lose(opened);
    return left;
  }

  async #admit(): Promise<void> {
    if (this.#closed) throw closedError();
    if (this.#writes < this.#writesMax) {
      this.#writes += 1;
      return;
    }
    if (this.#waiting.length >= WAITING_WRITES_MAX) {
      throw new ClientError(
        'overloaded',
        `${WAITING_WRITES_MAX} writes already wait in this client; wait for some of them first`,
      );
    }
    // Whoever leaves hands its turn on, so that the count stays.
    await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#writes -= 1;
    else next.resolve();
  }

  #withRoom(): LiveSession | undefined {
    for (const session of this.#live) {
      if (session.nextSequence < awaitedFrom(session) + session.opened.window) return session;
    }
    return undefined;
  }

  async #open(open: () => Promise<OpenedSession>): Promise<void> {
    const sentAtMs = performance.now();
    const opening = open().then((opened) => {
      const session: LiveSession = {
        opened,
        nextSequence: 1,
        awaited: new Set(),
        usedAtMs: sentAtMs,
        timer: undefined,
      };
      if (this.#closed) return;
      this.#live.add(session);
      this.#keepLater(session);
    });
    this.#opening = opening;
    try {
      await opening;
    } finally {
      this.#opening = undefined;
    }
  }

  #place(session: LiveSession): Place {
    const sequence = session.nextSequence;
    session.nextSequence += 1;
    session.awaited.add(sequence);
    const takenAtMs = performance.now();
    return {
      session: session.opened,
      sequence,
      awaitedFrom: awaitedFrom(session),
      end: (answered) => {
        session.awaited.delete(sequence);
        if (answered) session.usedAtMs = Math.max(session.usedAtMs, takenAtMs);
        // Without a window nothing can follow a write that may be missing.
        else if (session.opened.window === 1) this.lose(session.opened);
        this.#leave();
      },
    };
  }

  /** Plans the next look at a session that the swarm would forget. */
  #keepLater(session: LiveSession, againInMs?: number): void {
    const { timeoutMs } = session.opened;
    if (timeoutMs === null) return;
    const intervalMs = timeoutMs / KEEP_ALIVES_PER_TIMEOUT;
    const dueInMs = againInMs ?? session.usedAtMs + intervalMs - performance.now();
    session.timer = setTimeout(() => void this.#keep(session, intervalMs), Math.max(dueInMs, 1));
    session.timer.unref();
  }

  async #keep(session: LiveSession, intervalMs: number): Promise<void> {
    const sentAtMs = performance.now();
    if (sentAtMs - session.usedAtMs < intervalMs) return this.#keepLater(session);
    let againInMs: number | undefined;
    try {
      if (!(await this.#ports.keep(session.opened))) this.lose(session.opened);
      session.usedAtMs = Math.max(session.usedAtMs, sentAtMs);
    } catch {
      // Nobody answered: sooner again, while there is time left.
      againInMs = intervalMs / 4;
    }
    if (this.#live.has(session)) this.#keepLater(session, againInMs);
  }
}

function awaitedFrom({ awaited, nextSequence }: LiveSession): number {
  for (const lowest of awaited) return lowest;
  return nextSequence;
}

/** Resolves when the opening has ended either way, or the time is up, or the caller gave up. */
async function settled(
  opening: Promise<void>,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(withinMs, 0));
    signal?.addEventListener('abort', end);
    opening.then(end, end);
  });
}

function closedError(): ClientError {
  return new ClientError('closed', 'the client was closed');
}
