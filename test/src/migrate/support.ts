/** What the tests of a whole migration share. */
import { DatabaseSync } from '@photostructure/sqlite';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';
import type { Embedder } from '../../../src/memory/index.js';
import {
  migrateDirectory,
  type MigrationOptions,
  rollBackDirectory,
} from '../../../src/migrate/index.js';
import { fakeEmbedder, scratch } from '../memory/support.js';

export const MEMORIES = 40;

/** A v1 installation without a home of its own. */
export function installation(): string {
  const directory = scratch('installation');
  generateV1Installation(directory, { memories: MEMORIES, seed: 5 });
  return directory;
}

export function change(directory: string, sql: string, name = '.swarm/memory.db'): void {
  const database = new DatabaseSync(join(directory, name), { enableForeignKeyConstraints: false });
  database.exec(sql);
  database.close();
}

export function addPattern(directory: string, id: string): void {
  const data = JSON.stringify({ title: id, description: 'd', content: `text of ${id}` });
  change(
    directory,
    `INSERT INTO patterns (id, type, pattern_data) VALUES ('${id}', 'reasoning_memory', '${data}')`,
  );
}

/** Every file and folder below, with its bytes and times. */
export function tree(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true }).map(String).sort();
  const described = ['.', ...entries].map((name) => {
    const path = join(directory, name);
    const { mode, mtimeMs } = lstatSync(path);
    const isFile = lstatSync(path).isFile();
    const bytes = isFile ? readFileSync(path).toString('base64') : '';
    return [name, `${mode} ${isFile ? mtimeMs.toFixed(2) : ''} ${bytes}`] as const;
  });
  return Object.fromEntries(described);
}

/** Without what comes and goes beside a store. */
export function withoutLog(files: Record<string, string>): Record<string, string> {
  const names = Object.keys(files).filter(
    (name) => !/\.agentic-flow\/.*-(wal|shm|lock|journal)$/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, files[name] ?? '']));
}

export const HOME = scratch('home');

export function options(directory: string, embedder: Embedder = fakeEmbedder()) {
  return { directory, embedder, home: HOME, env: {} } satisfies MigrationOptions;
}

/** Stops a migration when it begins to embed. */
export async function interrupt(directory: string, more: Partial<MigrationOptions> = {}) {
  const stop = new AbortController();
  const embedder = fakeEmbedder();
  const interrupted: Embedder = {
    ...embedder,
    embed: async (texts, priority) => {
      stop.abort(new Error('interrupted'));
      return embedder.embed(texts, priority);
    },
  };
  const report = await migrate(directory, {
    embedder: interrupted,
    signal: stop.signal,
    ...more,
  });
  expect(report).toMatchObject({ outcome: 'interrupted', exitCode: 1 });
  expect(report.error).toContain('run the same command again');
  return report;
}

export const migrate = (directory: string, more: Partial<MigrationOptions> = {}) =>
  migrateDirectory({ ...options(directory), ...more });

export const rollBack = (directory: string, keepBackup = false) =>
  rollBackDirectory({ directory, keepBackup });

export const storeOf = (directory: string): string => join(directory, '.agentic-flow/memory.v2.db');
