/** Both sides keep a connection alive; one of them is enough, and the dialled one waits longer. */
const KEEP_ALIVE_SHARE_SERVER = 1.5;

/** When a connection was heard last, when it is asked for a sign, and when it counts as silent. */
export class Liveness {
  readonly #isServer: boolean;
  #idleTimeoutMs: number;
  #keepAliveMs = Number.POSITIVE_INFINITY;
  heardAtMs: number;

  /** Milliseconds of a clock that never goes back. */
  constructor(isServer: boolean, idleTimeoutMs: number, nowMs: number) {
    this.#isServer = isServer;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.heardAtMs = nowMs;
  }

  get idleTimeoutMs(): number {
    return this.#idleTimeoutMs;
  }

  /**
   * The handshake is over. The smaller of both timeouts counts (RFC 9000 10.1); 0 of the peer means
   * that it has none. `keepAliveMs` 0: never ask.
   */
  onEstablished(peerIdleTimeoutMs: number, keepAliveMs: number): void {
    if (peerIdleTimeoutMs > 0) {
      this.#idleTimeoutMs = Math.min(this.#idleTimeoutMs, peerIdleTimeoutMs);
    }
    if (keepAliveMs === 0) return;
    const share = this.#isServer ? KEEP_ALIVE_SHARE_SERVER : 1;
    this.#keepAliveMs = Math.min(keepAliveMs, this.#idleTimeoutMs / 3) * share;
  }

  /** True when the peer is to be asked for a sign of life. */
  isDue(nowMs: number): boolean {
    return nowMs - this.heardAtMs >= this.#keepAliveMs;
  }

  /** True when it would be given up, although it is kept alive. */
  isSilent(nowMs: number): boolean {
    const isKept = this.#keepAliveMs !== Number.POSITIVE_INFINITY;
    return isKept && nowMs - this.heardAtMs >= this.#idleTimeoutMs;
  }
}
