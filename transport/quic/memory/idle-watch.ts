import { IDLE_GRACE_MS } from './limits.js';

/** What the watch asks of its connection. */
export interface Watched {
  /** 0: never ask a silent peer. Milliseconds. */
  readonly keepAliveMs: number;
  /** Sends something that shows whether the path is whole. */
  ask(): void;
  /** Nothing was heard for `idleTimeoutMs`. */
  onIdle(): void;
}

/** Asks a silent peer, and ends a connection that hears nothing (RFC 9000 10.1). */
export class IdleWatch {
  idleTimeoutMs: number;

  readonly #watched: Watched;
  #heardAt = performance.now();
  #askedAt = this.#heardAt;
  #isLastChance = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(watched: Watched, idleTimeoutMs: number) {
    this.#watched = watched;
    this.idleTimeoutMs = idleTimeoutMs;
    this.#arm();
  }

  heard(): void {
    this.#heardAt = performance.now();
    this.#isLastChance = false;
  }

  /** The smaller timeout of both sides counts. */
  limit(peerTimeoutMs: number): void {
    this.idleTimeoutMs = Math.min(this.idleTimeoutMs, peerTimeoutMs);
    this.restart();
  }

  /** Something has changed about when to look. */
  restart(): void {
    clearTimeout(this.#timer);
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    const { keepAliveMs } = this.#watched;
    const now = performance.now();
    const idleAt = this.#heardAt + this.idleTimeoutMs + (this.#isLastChance ? IDLE_GRACE_MS : 0);
    const askAt = Math.max(this.#heardAt, this.#askedAt) + keepAliveMs;
    const at = keepAliveMs > 0 ? Math.min(idleAt, askAt) : idleAt;
    this.#timer = setTimeout(
      () => {
        // What has come while the event loop was blocked is heard first.
        setImmediate(() => this.#look());
      },
      Math.max(at - now, 0) + 1,
    );
  }

  #look(): void {
    if (this.#isStopped) return;
    const { keepAliveMs } = this.#watched;
    const now = performance.now();
    const silentMs = now - this.#heardAt;
    if (silentMs >= this.idleTimeoutMs) {
      // A blocked event loop makes a peer look silent: it is asked once more.
      if (this.#isLastChance ? silentMs >= this.idleTimeoutMs + IDLE_GRACE_MS : keepAliveMs === 0) {
        this.#watched.onIdle();
        return;
      }
      this.#isLastChance = true;
      this.#askedAt = now;
      this.#watched.ask();
    } else if (keepAliveMs > 0 && now - Math.max(this.#heardAt, this.#askedAt) >= keepAliveMs) {
      this.#askedAt = now;
      this.#watched.ask();
    }
    this.#arm();
  }
}
