import { REAP_AFTER_MS, REAP_EVERY_MS_MAX } from '../limits.js';
import type { QuicheStream } from './quiche-stream.js';

/**
 * Looks after streams that this side has stopped until quiche has freed them: it does not do so by
 * itself when the peer's answer comes after everything else was acknowledged.
 */
export class Reaper {
  readonly #guard: (run: () => void) => void;
  /** When each is looked after next, in milliseconds, and how long that was put off. */
  readonly #stopped = new Map<QuicheStream, { readonly atMs: number; readonly waitMs: number }>();
  #timer: NodeJS.Timeout | undefined;

  /** `guard` runs something that may throw. */
  constructor(guard: (run: () => void) => void) {
    this.#guard = guard;
  }

  add(stream: QuicheStream): void {
    this.#waitFor(stream, REAP_AFTER_MS);
    this.#timer ??= setTimeout(() => this.#guard(() => this.#look()), REAP_AFTER_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stopped.clear();
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    for (const [stream, { atMs, waitMs }] of this.#stopped) {
      if (atMs > nowMs + 1) continue;
      if (stream.reap()) this.#stopped.delete(stream);
      else this.#waitFor(stream, Math.min(waitMs * 2, REAP_EVERY_MS_MAX));
    }
    if (this.#stopped.size === 0) return;
    this.#timer = setTimeout(() => this.#guard(() => this.#look()), REAP_AFTER_MS);
  }

  #waitFor(stream: QuicheStream, waitMs: number): void {
    this.#stopped.set(stream, { atMs: performance.now() + waitMs, waitMs });
  }
}
