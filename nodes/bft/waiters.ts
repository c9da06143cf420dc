/** Who waits for a command that was submitted here. */
import type { Command } from './batch.js';
import { ValidatorError } from './error.js';
import type { Place } from './options.js';

interface Waiter {
  resolve(place: Place): void;
  reject(error: ValidatorError): void;
}

/** See the head of this file. */
export class Waiters {
  readonly #waiters = new Map<string, Waiter>();

  /** Resolves when the command is decided and applied here. */
  wait({ id }: Command): Promise<Place> {
    return new Promise((resolve, reject) => {
      this.#waiters.set(id, { resolve, reject });
    });
  }

  /** A height is applied. Places are those among the commands of the application. */
  decided(height: number, commands: readonly Command[]): void {
    let index = 0;
    for (const { id, kind } of commands) {
      this.#waiters.get(id)?.resolve({ height, index });
      this.#waiters.delete(id);
      if (kind === 'application') index += 1;
    }
  }

  /** These can never be decided any more. */
  expired(commands: readonly Command[]): void {
    for (const { id, lastHeight } of commands) {
      const message = `the command was not decided up to height ${lastHeight}; submit it again`;
      this.#waiters.get(id)?.reject(new ValidatorError('expired', message));
      this.#waiters.delete(id);
    }
  }

  rejectAll(error: ValidatorError): void {
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
  }
}
