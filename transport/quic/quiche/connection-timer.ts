/** A timer that fires so much later than it was set for says that the event loop was blocked. */
const LATE_MS = 100;
/** How long the peer has, after that, to show that it is there. */
const LATE_GRACE_MS = 200;

/** What the timer of a connection asks of it. */
export interface TimerOwner {
  /** Milliseconds until something is due, 0 when it is overdue, null when nothing is. */
  dueMs(): number | null;
  /** Something is due, and what the sockets held has been heard. */
  onDue(): void;
  /** Something is overdue because this side stood still: make the peer send something. */
  onLate(): void;
}

/**
 * One timer for all that a connection does without a packet: retransmission, acknowledgement, idleness.
 *
 * Timers run before sockets are read. After a blocked event loop the packets that prove the peer alive are
 * still in the socket, and must be heard before the connection is declared silent; and when this side
 * stood still for long, the peer may have been waiting for it: it is asked, and given time to answer.
 */
export class ConnectionTimer {
  readonly #owner: TimerOwner;
  #timer: NodeJS.Timeout | undefined;
  #firesAt = 0;
  #graceUntil = 0;
  #isStopped = false;

  constructor(owner: TimerOwner) {
    this.#owner = owner;
  }

  /** Looks when something is due; called after each flush. */
  arm(): void {
    const dueMs = this.#owner.dueMs();
    if (dueMs === null || this.#isStopped) return;
    const now = performance.now();
    if (dueMs === 0 && now < this.#graceUntil) return;
    const at = now + dueMs;
    if (this.#timer !== undefined) {
      // A timer that fires too early only looks again; setting one for each packet would cost more.
      if (this.#firesAt <= at + 1) return;
      clearTimeout(this.#timer);
    }
    this.#set(at, dueMs + 1, () => this.#onTimer(performance.now() - at > LATE_MS));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #set(at: number, ms: number, run: () => void): void {
    this.#firesAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      run();
    }, ms);
  }

  #onTimer(isLate: boolean): void {
    if (!isLate) {
      setImmediate(() => this.#look());
      return;
    }
    this.#graceUntil = performance.now() + LATE_GRACE_MS;
    this.#set(this.#graceUntil, LATE_GRACE_MS, () => this.#look());
    this.#owner.onLate();
  }

  #look(): void {
    if (this.#isStopped) return;
    if ((this.#owner.dueMs() ?? 0) > 0) this.arm();
    else this.#owner.onDue();
  }
}
