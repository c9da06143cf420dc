/** Long work in short pieces, so that the event loop answers in between. */
import { CHUNK_MAX_MS } from './limits.js';

/** Resolves when everything else has run that waits. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Says when to pause, and pauses. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #startedMs = performance.now();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  get isDue(): boolean {
    return performance.now() - this.#startedMs >= CHUNK_MAX_MS;
  }

  /** Lets everything else run that waits. Throws the reason of the signal once it is aborted. */
  async pause(): Promise<void> {
    this.#signal?.throwIfAborted();
    await nextTurn();
    this.#signal?.throwIfAborted();
    this.#startedMs = performance.now();
  }
}
