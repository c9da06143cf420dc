/**
 * The files of the v2 store of a node: `memory-1.db`, `memory-2.db`, ... A store that is built again
 * gets a new name and never takes the name of one before: SQLite closes a connection for good only
 * when its statements are collected, and then removes the `-wal` file of that name.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { removeMadeVectors } from '../../src/memory/index.js';

const STORE_NAME = /^memory-(\d+)\.db$/;
const ANY_NAME = /^memory-(\d+)\.db/;

export class V2Files {
  readonly directory: string;
  #lastNumber = 0;

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

  /** Where a staging keeps the vectors that it has made, until its store is finished. */
  get madeVectors(): string {
    return join(this.directory, 'made-vectors.db');
  }

  /** Removes every store, finished or not, and what was made for one. None may be open. */
  async discard(): Promise<void> {
    await this.discardStores();
    removeMadeVectors(this.madeVectors);
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
