/**
 * What searches of available namespaces look in: a v2 store of this process alone, built anew at each
 * start from what the replicas hold, and following them. It keeps nothing that matters.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { MemoryCommand, SearchHit, SearchQuery } from '../../src/memory/engine.js';
import { memoryKey, openV2Engine, parseMemoryKey } from '../../src/memory/index.js';
import type { V2Engine } from '../../src/memory/index.js';
import { INDEXED_PER_TURN } from './limits.js';
import type { StoredValue } from './stored-value.js';

const FOLDER = 'index';

export interface IndexSource {
  ids(namespace: string): readonly string[];
  /** What is found under an id; undefined when nothing is there. */
  value(namespace: string, id: string): StoredValue | undefined;
}

interface Changed {
  readonly namespace: string;
  readonly id: string;
  readonly number: number;
}

export class AvailableIndex {
  readonly #engine: V2Engine;
  readonly #source: IndexSource;
  /** Keys whose value may have changed, in the order in which that was noted. */
  readonly #changed = new Map<string, Changed>();
  #noted = 0;
  #applied = 0;
  #working: Promise<void> | undefined;
  #isClosed = false;
  #failure: unknown;

  /** Throws `MemoryError` when the folder cannot be written. */
  constructor(directory: string, source: IndexSource) {
    const folder = join(directory, FOLDER);
    // Names are never used twice: SQLite may still hold files of before by their names.
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `${randomBytes(8).toString('hex')}.db`);
    this.#engine = openV2Engine(path, { create: true });
    this.#source = source;
  }

  /** Something may have changed under these ids, or under any; the index follows in its own time. */
  changed(namespace: string, ids: readonly string[] | null): void {
    for (const id of ids ?? this.#allOf(namespace)) {
      const key = memoryKey(namespace, id);
      if (this.#changed.has(key)) continue;
      this.#noted += 1;
      this.#changed.set(key, { namespace, id, number: this.#noted });
    }
    if (this.#changed.size > 0 && !this.#isClosed) this.#working ??= this.#follow();
  }

  /** What was changed before is found. */
  async search(query: SearchQuery): Promise<SearchHit[]> {
    const noted = this.#noted;
    while (this.#next() <= noted) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise(setImmediate);
    }
    return this.#engine.search(query);
  }

  /** The number of the change that is applied next. */
  #next(): number {
    for (const { number } of this.#changed.values()) return number;
    return Infinity;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#working;
    this.#engine.close();
  }

  /** Those that are there, and those that were. */
  #allOf(namespace: string): Set<string> {
    const ids = new Set(this.#source.ids(namespace));
    for (let after: string | undefined; ;) {
      const within = { namespace, limit: 1_000, ...(after === undefined ? {} : { after }) };
      const { memories, next } = this.#engine.list(within);
      for (const { id } of memories) {
        const name = parseMemoryKey(id);
        if (name !== undefined) ids.add(name.id);
      }
      if (next === null) return ids;
      after = next;
    }
  }

  async #follow(): Promise<void> {
    try {
      while (this.#changed.size > 0 && !this.#isClosed) {
        await new Promise(setImmediate);
        this.#applySome();
      }
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#working = undefined;
    }
  }

  #applySome(): void {
    const commands: MemoryCommand[] = [];
    for (const [key, { namespace, id }] of this.#changed) {
      if (commands.length >= INDEXED_PER_TURN) break;
      this.#changed.delete(key);
      const value = this.#source.value(namespace, id);
      if (value === undefined) {
        commands.push({ type: 'deleteMemory', id: key, timestampMs: 0 });
        continue;
      }
      const { content, metadata, vector, atMs } = value;
      const memory = { id: key, content, metadata, vector, timestampMs: atMs };
      commands.push({ type: 'insertMemory', ...memory });
    }
    const first = this.#applied + 1;
    const logged = commands.map((command, at) => ({ index: first + at, command }));
    this.#applied += commands.length;
    this.#engine.apply(logged, this.#applied);
    this.#engine.forgetOutcomes(this.#applied);
  }
}
