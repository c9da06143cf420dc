/** Reads a JSON store of v1 as tables of rows. */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

import { translateFileError, V1Error } from './errors.js';
import { dataItems, type JsonItem, memoryItems, metricsItems, sessionItems } from './json-rows.js';
import { COPY_TRIES_MS, COPY_SETTLE_MS, FINDINGS_MAX, JSON_BYTES_MAX } from './limits.js';
import type { ForeignKey, LostRows, StoreFormat, V1Reading, V1Row, V1Store } from './rows.js';

export type JsonFormat = Extract<StoreFormat, `${string}-json`>;

export function isJsonFormat(format: StoreFormat): format is JsonFormat {
  return format.endsWith('-json');
}

/** Reads the file as it was at one moment; throws V1Error `too-large`, `busy`, `no-permission`. */
export async function readJsonFile(path: string): Promise<Uint8Array> {
  const untilMs = performance.now() + COPY_TRIES_MS;
  while (performance.now() < untilMs) {
    try {
      const before = statSync(path, { bigint: true });
      if (before.size > JSON_BYTES_MAX) throw tooLarge(path, Number(before.size));
      const bytes = readFileSync(path);
      await new Promise((resolve) => {
        setTimeout(resolve, COPY_SETTLE_MS);
      });
      const after = statSync(path, { bigint: true });
      const isSame = before.mtimeNs === after.mtimeNs && after.size === BigInt(bytes.length);
      if (isSame) return bytes;
    } catch (error) {
      throw translateFileError(error, path);
    }
  }
  const sentence = `${path} is being written to all the time; stop agentic-flow v1 and try again`;
  throw new V1Error('busy', sentence, path);
}

function tooLarge(path: string, bytes: number): V1Error {
  const sentence = `${path} has ${bytes} bytes; JSON files of up to ${JSON_BYTES_MAX} are read, divide it`;
  return new V1Error('too-large', sentence, path);
}

export class JsonReading implements V1Reading {
  readonly store: V1Store;
  readonly tables: readonly string[];
  /** What is wrong, in sentences. */
  readonly findings: readonly string[];
  readonly #format: JsonFormat;
  readonly #columns = new Map<string, Set<string>>();
  readonly #lost: readonly LostRows[];
  #bytes: Uint8Array;

  constructor(store: V1Store, format: JsonFormat, bytes: Uint8Array) {
    this.store = store;
    this.#format = format;
    this.#bytes = bytes;
    const broken = new Map<string, string[]>();
    const lost: LostRows[] = [];
    for (const item of this.#items()) {
      if ('cut' in item) {
        const reason = 'the file was cut off; how many rows followed is not known, at least 1';
        lost.push({ table: item.table, count: 1, reason });
        continue;
      }
      const columns = this.#columns.get(item.table) ?? new Set();
      this.#columns.set(item.table, columns);
      for (const name of Object.keys(item.row)) columns.add(name);
      if (item.isBroken) broken.set(item.table, [...(broken.get(item.table) ?? []), item.key]);
    }
    this.tables = [...this.#columns.keys()];
    this.#lost = lost;
    this.findings = [
      ...lost.map(({ table, reason }) => `${table}: ${reason}`),
      ...[...broken].map(([table, keys]) => brokenSentence(table, keys)),
    ];
  }

  #items(): IterableIterator<JsonItem> {
    if (this.#bytes.length === 0) return [][Symbol.iterator]();
    const stem = basename(this.store.path).replace(/\.json$/, '');
    if (this.#format === 'session-json') return sessionItems(this.#bytes, stem);
    if (this.#format === 'metrics-json') return metricsItems(this.#bytes, stem);
    return stem.endsWith('-data') ? dataItems(this.#bytes) : memoryItems(this.#bytes);
  }

  foreignKeys(): readonly ForeignKey[] {
    return [];
  }

  columns(table: string): readonly string[] {
    return [...(this.#columns.get(table) ?? [])];
  }

  *rows(table: string): IterableIterator<V1Row> {
    for (const item of this.#items()) {
      if (item.table === table && !('cut' in item)) yield { table, key: item.key, row: item.row };
    }
  }

  lost(): readonly LostRows[] {
    return this.#lost;
  }

  isPoisonedLink(): boolean {
    return false;
  }

  close(): void {
    this.#bytes = new Uint8Array();
  }
}

function brokenSentence(table: string, keys: readonly string[]): string {
  const named = keys.slice(0, FINDINGS_MAX).map((key) => JSON.stringify(key));
  const what = keys.length === 1 ? '1 element is' : `${keys.length} elements are`;
  return `${table}: ${what} not what v1 writes: ${named.join(', ')}`;
}
