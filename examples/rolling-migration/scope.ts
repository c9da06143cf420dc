import { deferredFailure } from './deferred.js';

/** What a run has started and must stop, however it ends. */
export class Scope {
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #exits: (() => void)[] = [];
  readonly #failure = deferredFailure();

  /** Called when the run is over, last registered first. */
  onEnd(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  /** Called when the process exits although the run is not over; cannot wait for anything. */
  onExit(exit: () => void): void {
    this.#exits.push(exit);
  }

  /** A promise whose rejection ends the run. */
  failsWith(failure: Promise<never>): void {
    failure.catch((reason: unknown) => this.#failure.reject(reason));
  }

  /** Waits for the work, or for the failure of something that it depends on. */
  async guard<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failure.promise]);
  }

  /** Stops everything; a thing that cannot be stopped does not keep the others running. */
  async end(): Promise<void> {
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      await end().catch(() => undefined);
    }
    this.#exits.length = 0;
  }

  exitNow(): void {
    for (const exit of this.#exits) exit();
  }
}
