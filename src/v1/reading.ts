/** Opens stores of v1 by throwaway copies, to read their rows and to tell what is in them. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { copyDatabase } from './copy-file.js';
import { DatabaseReading } from './database-reading.js';
import { V1Error } from './errors.js';
import { LOG_ATTEMPTS_MAX } from './limits.js';
import { isJsonFormat, JsonReading, readJsonFile } from './json-reading.js';
import { repairLog } from './log-repair.js';
import { type OpenCopy, openCopy } from './open-copy.js';
import { familyOf } from './schemas.js';
import type { StoreFormat, V1Reading, V1Store } from './rows.js';

const NOTHING: OpenCopy = {
  state: 'not-a-database',
  database: undefined,
  schema: 'unknown',
  tables: [],
  findings: [],
};

/**
 * Copies the store with its log, a pair that existed at one moment also while v1 writes, into a new
 * folder in `folder`, and opens the copy. A store without readable rows gives a reading without tables.
 * Throws V1Error `busy`, `no-permission`, `disk-full`, `too-large`, `unsupported`.
 */
export async function openReading(store: V1Store, folder: string): Promise<V1Reading> {
  if (isJsonFormat(store.format)) {
    return new JsonReading(store, store.format, await readJsonFile(store.path));
  }
  const { copy, dispose } = await openStoreCopy(store.path, folder);
  return new DatabaseReading(store, copy, dispose);
}

async function openStoreCopy(
  path: string,
  folder: string,
): Promise<{ copy: OpenCopy; dispose: () => void }> {
  const own = mkdtempSync(join(folder, 'reading-'));
  const dispose = (): void => rmSync(own, { recursive: true, force: true });
  try {
    const to = join(own, 'copy.db');
    const leftOut = await copyWithSoundLog(path, to);
    const bytes = sizeOf(to) + sizeOf(`${to}-wal`);
    const copy = bytes === 0 ? NOTHING : openCopy(to, bytes);
    return { copy: leftOut === 0 ? copy : withDamagedLog(copy, leftOut), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/**
 * SQLite writes pages of a long transaction twice; a copy taken in between looks damaged, the next one
 * does not. Returns how many frames of the log had to be left out.
 */
async function copyWithSoundLog(path: string, to: string): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    await copyDatabase(path, to);
    const leftOut = repairLog(`${to}-wal`);
    if (leftOut === 0 || attempt >= LOG_ATTEMPTS_MAX) return leftOut;
  }
}

/** Pages are as old as the last frame before the damage; what was on them since is lost. */
function withDamagedLog(copy: OpenCopy, pages: number): OpenCopy {
  const finding = `${pages} pages in the write-ahead log are damaged; what they changed is lost`;
  return { ...copy, state: 'damaged', findings: [finding, ...copy.findings] };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Tells what a file is; never throws for what is wrong with the file itself. */
export async function examineStore(
  file: { readonly path: string; readonly name: string; readonly format?: StoreFormat },
  folder: string,
): Promise<V1Store> {
  const { path, name, format = 'unknown' } = file;
  const bytes = sizeOf(path);
  const walBytes = sizeOf(`${path}-wal`);
  const family = familyOf(format, name);
  const base: V1Store = {
    path,
    name,
    family,
    format,
    state: 'empty-file',
    bytes,
    walBytes,
    rows: {},
    findings: ['the file has 0 bytes'],
  };
  if (bytes === 0 && walBytes === 0) return base;
  // SQLite itself takes a file of one byte for one of none: nothing would be missed.
  if (bytes === 1 && walBytes === 0 && !isJsonFormat(format)) {
    return { ...base, state: 'damaged', findings: ['the file was cut off behind its first byte'] };
  }
  try {
    return isJsonFormat(format) ? await examineJson(base) : await examineDatabase(base, folder);
  } catch (error) {
    if (!(error instanceof V1Error)) throw error;
    return { ...base, state: 'unreadable', findings: [error.message] };
  }
}

async function examineJson(base: V1Store): Promise<V1Store> {
  if (!isJsonFormat(base.format)) return base;
  const reading = new JsonReading(base, base.format, await readJsonFile(base.path));
  const rows = countRows(reading);
  const isCut = reading.lost().length > 0 || reading.findings.length > 0;
  const isEmpty = Object.keys(rows).length === 0;
  const state = isCut ? 'damaged' : isEmpty ? 'empty' : 'ok';
  return { ...base, state, rows, findings: reading.findings };
}

async function examineDatabase(base: V1Store, folder: string): Promise<V1Store> {
  const { copy, dispose } = await openStoreCopy(base.path, folder);
  const reading = new DatabaseReading(base, copy, dispose);
  try {
    const rows = copy.state === 'ok' ? reading.counts() : countRows(reading);
    const lost = reading.lost().map(({ table, reason }) => `${table}: ${reason}`);
    const isEmpty = Object.values(rows).every((count) => count === 0);
    const state = copy.state === 'ok' && isEmpty ? 'empty' : copy.state;
    return {
      ...base,
      family: familyOf(copy.schema, base.name),
      format: copy.schema,
      state,
      rows,
      findings: [...copy.findings, ...lost],
    };
  } finally {
    reading.close();
  }
}

function countRows(reading: V1Reading): Record<string, number> {
  const rows: [string, number][] = reading.tables.map((table) => {
    let count = 0;
    const found = reading.rows(table);
    while (found.next().done !== true) count += 1;
    return [table, count];
  });
  return Object.fromEntries(rows);
}
