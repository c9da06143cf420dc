/** How long the peer has to answer before a connection is declared silent. */
const GRACE_MS = 200;

/** What the timer of a connection asks of it. */
export interface TimerOwner {
  /** Milliseconds until something is due, 0 when it is overdue, null when nothing is. */
  dueMs(): number | null;
  /** True when what is due would end the connection as silent, though it is wanted. */
  isSilent(): boolean;
  /** Makes the peer send something. */
  ask(): void;
  /** Something is due, and what the sockets held has been heard. */
  onDue(): void;
}

/**
 * One timer for all that a connection does without a packet: retransmission, acknowledgement,
 * idleness.
 *
 * A blocked event loop must not end connections. Timers run before sockets are read, so that the
 * packets that prove the peer alive may still be in the socket when the time is up: they are heard
 * first. And since this side asked nothing while it stood still, a silent peer is asked once more.
 */
export class ConnectionTimer {
  readonly #owner: TimerOwner;
  #timer: NodeJS.Timeout | undefined;
  #firesAt = 0;
  /** The peer has been asked, and nothing was heard since. */
  #isAsking = false;
  #isStopped = false;

  constructor(owner: TimerOwner) {
    this.#owner = owner;
  }

  /** Looks when something is due; called after each flush. */
  arm(): void {
    const dueMs = this.#owner.dueMs();
    if (dueMs === null || this.#isStopped) return;
    if (this.#isAsking) {
      if (dueMs === 0) return;
      this.#isAsking = false;
    }
    const at = performance.now() + dueMs;
    if (this.#timer !== undefined) {
      // A timer that fires too early only looks again; setting one for each packet would cost more.
      if (this.#firesAt <= at + 1) return;
      clearTimeout(this.#timer);
    }
    this.#set(at, dueMs + 1);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #set(at: number, ms: number): void {
    this.#firesAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      setImmediate(() => this.#look());
    }, ms);
  }

  #look(): void {
    if (this.#isStopped) return;
    if ((this.#owner.dueMs() ?? 0) > 0) {
      this.arm();
      return;
    }
    // A flush in between may have set the timer again for the same thing.
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isAsking && this.#owner.isSilent()) {
      this.#isAsking = true;
      this.#set(performance.now() + GRACE_MS, GRACE_MS);
      this.#owner.ask();
    } else {
      this.#isAsking = false;
      this.#owner.onDue();
    }
  }
}
