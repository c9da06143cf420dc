import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, describe, expect, it } from 'vitest';

import { openReading, type V1Store } from '../../../src/v1/index.js';
import { copyDatabase } from '../../../src/v1/copy-file.js';
import { scratch } from '../memory/support.js';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function startWriter(path: string, mode: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('writer.js', import.meta.url));
  const child = spawn(process.execPath, [script, path, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout!, 'data');
  return child;
}

function folder(name: string): string {
  const path = scratch(name);
  mkdirSync(path);
  return path;
}

const store = (path: string): V1Store => ({
  path,
  name: 'memory.db',
  family: 'reasoningbank',
  format: 'unknown',
  state: 'ok',
  bytes: 1,
  walBytes: 0,
  rows: {},
  findings: [],
});

describe('a copy of a database that a program writes to', () => {
  it.each(['WAL', 'DELETE'])('is a state of one moment (journal mode %s)', async (mode) => {
    const path = join(folder('live'), 'memory.db');
    const child = await startWriter(path, mode);
    let last = 0;
    for (let round = 0; round < 12; round += 1) {
      const copy = join(folder('copy'), 'copy.db');
      await copyDatabase(path, copy);
      const database = new DatabaseSync(copy);
      expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
      const { broken, highest } = database
        .prepare(
          `SELECT sum(n <> 10) AS broken, max(batch) AS highest
           FROM (SELECT batch, count(*) AS n FROM numbers GROUP BY batch)`,
        )
        .get() as { broken: number | null; highest: number | null };
      // Whole transactions only.
      expect(broken ?? 0).toBe(0);
      expect(highest ?? 0).toBeGreaterThanOrEqual(last);
      last = highest ?? 0;
      database.close();
      await pause(20);
    }
    expect(last).toBeGreaterThan(0);
    expect(child.exitCode).toBeNull();
  });

  it('is what openReading reads', async () => {
    const path = join(folder('live'), 'memory.db');
    await startWriter(path, 'WAL');
    for (let round = 0; round < 5; round += 1) {
      const reading = await openReading(store(path), folder('work'));
      const rows = [...reading.rows('numbers')];
      expect(rows.length % 10).toBe(0);
      expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
      expect(reading.lost()).toEqual([]);
      reading.close();
    }
  });

  it('includes the rollback journal of a transaction that was killed', async () => {
    const source = join(folder('live'), 'memory.db');
    const database = new DatabaseSync(source);
    database.exec('PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; CREATE TABLE t (a, b)');
    const insert = database.prepare('INSERT INTO t VALUES (?, ?)');
    database.exec('BEGIN');
    for (let i = 0; i < 500; i += 1) insert.run(i, 'before '.repeat(50));
    database.exec('COMMIT');
    // Pages of this transaction are in the file already, since the cache is too small for them.
    database.exec(`BEGIN; UPDATE t SET b = 'after'`);
    const killed = join(folder('killed'), 'memory.db');
    cpSync(source, killed);
    cpSync(`${source}-journal`, `${killed}-journal`);
    database.exec('ROLLBACK');
    database.close();
    const reading = await openReading(store(killed), folder('work'));
    const values = [...reading.rows('t')].map(({ row }) => row['b']);
    expect(new Set(values)).toEqual(new Set(['before '.repeat(50)]));
    expect(values).toHaveLength(500);
    reading.close();
    rmSync(killed);
  });
});
