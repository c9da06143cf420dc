/** Part of the window that is forgotten at once. */
const SLICES = 8;

interface Slice {
  readonly sinceMs: number;
  readonly randoms: Set<string>;
}

/**
 * Remembers the ClientHellos whose early data was accepted, so that a recorded one is not accepted
 * again (RFC 8446 8.2). Pure: time comes in, from a clock that does not go back (it may stand).
 *
 * The window must be as long as TLS can take one ClientHello for fresh. BoringSSL compares the age
 * of the ticket as the client states it with its own count and lets them differ by 60 seconds either
 * way: what was recorded is accepted from 60 seconds before its time to 60 seconds after it, 120 in
 * all. `REPLAY_WINDOW_MS` in `limits.ts` adds a minute, because BoringSSL counts whole seconds of a
 * wall clock that may be set back.
 *
 * What is remembered is forgotten by slices: at the earliest after the window, at the latest an
 * eighth of it later.
 */
export class ReplayRegister {
  readonly #windowMs: number;
  readonly #entriesMax: number;
  /** Oldest first. */
  #slices: Slice[] = [];
  #count = 0;
  #nowMs = -Infinity;

  constructor(options: { readonly windowMs: number; readonly entriesMax: number }) {
    this.#windowMs = options.windowMs;
    this.#entriesMax = options.entriesMax;
  }

  /** ClientHellos that are remembered. */
  get size(): number {
    return this.#count;
  }

  /**
   * True once within the window for each `random` of a ClientHello, which is remembered with it.
   * False too when there is no room: then the handshake takes its usual length, which is safe.
   */
  isFresh(random: Uint8Array, nowMs: number): boolean {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    this.#forget();
    const key = Buffer.from(random).toString('latin1');
    if (this.#count >= this.#entriesMax) return false;
    if (this.#slices.some(({ randoms }) => randoms.has(key))) return false;
    this.#current().randoms.add(key);
    this.#count += 1;
    return true;
  }

  get #sliceMs(): number {
    return this.#windowMs / SLICES;
  }

  #forget(): void {
    const untilMs = this.#nowMs - this.#windowMs - this.#sliceMs;
    while (this.#slices[0] !== undefined && this.#slices[0].sinceMs <= untilMs) {
      this.#count -= this.#slices.shift()?.randoms.size ?? 0;
    }
  }

  #current(): Slice {
    const newest = this.#slices.at(-1);
    if (newest !== undefined && this.#nowMs < newest.sinceMs + this.#sliceMs) return newest;
    const slice = { sinceMs: this.#nowMs, randoms: new Set<string>() };
    this.#slices.push(slice);
    return slice;
  }
}

/**
 * Milliseconds from its start for which a process must refuse early data: an earlier process may
 * have accepted a ClientHello that this one has not in its register (RFC 8446 8.2). None if the
 * ticket keys were first used by this process; unknown counts as used before.
 */
export function earlyDataDelayMs(options: {
  /** Milliseconds since the epoch, as `TicketOptions.keysUsedSince`. */
  readonly keysUsedSince: number | undefined;
  /**
   * When this process started, in milliseconds since the epoch: of the process, since it may have
   * made its keys before its engine.
   */
  readonly startedAt: number;
  readonly windowMs: number;
}): number {
  const { keysUsedSince, startedAt, windowMs } = options;
  return keysUsedSince !== undefined && keysUsedSince >= startedAt ? 0 : windowMs;
}
