/**
 * The files of the v2 store of a node: `memory-1.db`, `memory-2.db`, ... A store that is built again
 * gets a new name and never takes the name of one before: SQLite closes a connection for good only
 * when its statements are collected, and then removes the `-wal` file of that name.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { keepVectors } from '../../src/memory/index.js';

const STORE_NAME = /^memory-(\d+)\.db$/;
const ANY_NAME = /^memory-(\d+)\.db/;

export class V2Files {
  readonly directory: string;
  #lastNumber = 0;
  #discarding: Promise<void> = Promise.resolve();

  constructor(directory: string) {
    this.directory = directory;
  }

  /** The newest finished store; undefined when there is none. */
  current(): string | undefined {
    const newest = Math.max(0, ...this.#numbers(STORE_NAME));
    return newest === 0 ? undefined : this.#path(newest);
  }

  /** Where the next store is to be built. */
  next(): string {
    mkdirSync(this.directory, { recursive: true });
    this.#lastNumber = Math.max(this.#lastNumber, ...this.#numbers(ANY_NAME)) + 1;
    return this.#path(this.#lastNumber);
  }

  /** Where vectors are kept while there is no finished store that has them. */
  get madeVectors(): string {
    return join(this.directory, 'made-vectors.db');
  }

  /**
   * Removes every store, finished or not, and keeps the vectors of the newest finished one for the next
   * staging. None may be open. Once `isStopping` says so, what is left stays for the next start.
   */
  discard(isStopping: () => boolean): Promise<void> {
    const discarded = this.#discarding.then(async () => {
      const store = this.current();
      const path = this.madeVectors;
      if (store === undefined || (await keepVectors(store, path, isStopping))) {
        await this.discardStores();
      }
    });
    this.#discarding = discarded.catch(() => undefined);
    return discarded;
  }

  /** Resolves when nothing is being discarded: what is built meanwhile would be taken away again. */
  async atRest(): Promise<void> {
    await this.#discarding;
  }

  /** Removes every store, finished or not. None may be open. */
  async discardStores(): Promise<void> {
    if (!existsSync(this.directory)) return;
    this.#lastNumber = Math.max(this.#lastNumber, ...this.#numbers(ANY_NAME));
    for (const name of readdirSync(this.directory)) {
      if (ANY_NAME.test(name)) await rm(join(this.directory, name), { force: true });
    }
  }

  #numbers(pattern: RegExp): number[] {
    if (!existsSync(this.directory)) return [];
    return readdirSync(this.directory).flatMap((name) => {
      const number = pattern.exec(name)?.[1];
      return number === undefined ? [] : [Number(number)];
    });
  }

  #path(number: number): string {
    return join(this.directory, `memory-${number}.db`);
  }
}
