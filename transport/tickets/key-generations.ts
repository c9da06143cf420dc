import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createFile, isLeftover, readBounded } from './durable-file.js';
import { KEY_FILE_BYTES_MAX, decodeKeyFile, encodeKeyFile } from './key-file.js';
import type { KeyRing } from './key-ring.js';
import { TicketError, toTicketError } from './ticket-error.js';

/** The keys on disk, and how often they were replaced before. */
export interface Generation {
  readonly number: number;
  /** Undefined when the file is damaged. */
  readonly ring: KeyRing | undefined;
}

/**
 * Ticket keys in files `PATH.1`, `PATH.2`, ...: the highest number counts, the others are removed.
 * A generation is made only where there is none and never changed, so that of two processes that
 * replace generation 7 at once one makes generation 8 and the other finds it.
 */
export class KeyGenerations {
  readonly #directory: string;
  readonly #name: string;

  constructor(path: string) {
    this.#directory = dirname(path);
    this.#name = `${basename(path)}.`;
  }

  /**
   * The latest keys; undefined when there are none. Throws `TicketError`: `unreadable`,
   * `newer-version`.
   */
  read(): Generation | undefined {
    // A file that another process replaces while it is looked for is found in the next round.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const number = this.#numbers().at(-1);
      if (number === undefined) return undefined;
      const ring = this.#readOne(number);
      if (ring !== 'missing') return { number, ring: ring === 'damaged' ? undefined : ring };
    }
    const path = this.#pathOf(0);
    throw new TicketError('unreadable', path, `${path} and its successors vanish when read`);
  }

  /** Whether the keys of this generation are still the latest, as far as two looks can tell. */
  isLatest(number: number): boolean {
    return existsSync(this.#pathOf(number)) && !existsSync(this.#pathOf(number + 1));
  }

  /**
   * Makes a generation and removes those before it, and what killed processes left. False when it
   * is there already. Throws `TicketError` with code `unwritable`.
   */
  publish(number: number, ring: KeyRing): boolean {
    const path = this.#pathOf(number);
    try {
      if (!createFile(path, encodeKeyFile(ring))) return false;
      const numbers = this.#numbers();
      if (numbers.at(-1) !== number) {
        rmSync(path, { force: true });
        return false;
      }
      for (const old of numbers.slice(0, -1)) rmSync(this.#pathOf(old), { force: true });
      this.#removeLeftovers();
      return true;
    } catch (error) {
      throw toTicketError('unwritable', path, error);
    }
  }

  #removeLeftovers(): void {
    for (const name of readdirSync(this.#directory)) {
      if (name.startsWith(this.#name) && isLeftover(name)) {
        rmSync(join(this.#directory, name), { force: true });
      }
    }
  }

  #pathOf(number: number): string {
    return join(this.#directory, `${this.#name}${number}`);
  }

  /** Generations on disk, in order. */
  #numbers(): number[] {
    try {
      return readdirSync(this.#directory)
        .filter((name) => name.startsWith(this.#name))
        .map((name) => name.slice(this.#name.length))
        .filter((suffix) => /^[1-9]\d{0,14}$/.test(suffix))
        .map(Number)
        .sort((one, other) => one - other);
    } catch (error) {
      throw toTicketError('unreadable', this.#directory, error);
    }
  }

  #readOne(number: number): KeyRing | 'missing' | 'damaged' {
    const path = this.#pathOf(number);
    try {
      const bytes = readBounded(path, KEY_FILE_BYTES_MAX);
      return bytes === undefined ? 'missing' : decodeKeyFile(bytes, path);
    } catch (error) {
      if (error instanceof TicketError && error.code === 'damaged') return 'damaged';
      throw toTicketError('unreadable', path, error);
    }
  }
}
