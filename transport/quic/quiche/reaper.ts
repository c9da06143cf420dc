import { REAP_AFTER_MS } from '../limits.js';
import type { QuicheStream } from './quiche-stream.js';

/**
 * Looks after streams that this side has stopped until quiche has freed them: it does not do so by
 * itself when the peer's answer comes after everything else was acknowledged.
 */
export class Reaper {
  readonly #guard: (run: () => void) => void;
  readonly #stopped = new Map<QuicheStream, number>();
  #timer: NodeJS.Timeout | undefined;

  /** `guard` runs something that may throw. */
  constructor(guard: (run: () => void) => void) {
    this.#guard = guard;
  }

  add(stream: QuicheStream): void {
    this.#stopped.set(stream, performance.now());
    this.#timer ??= setTimeout(() => this.#guard(() => this.#look()), REAP_AFTER_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stopped.clear();
  }

  #look(): void {
    this.#timer = undefined;
    const before = performance.now() - REAP_AFTER_MS;
    for (const [stream, atMs] of this.#stopped) {
      if (atMs <= before + 1 && stream.reap()) this.#stopped.delete(stream);
    }
    if (this.#stopped.size === 0) return;
    this.#timer = setTimeout(() => this.#guard(() => this.#look()), REAP_AFTER_MS);
  }
}
