/** The thread that moves the write-ahead log: how it knows its length, and who may be in its way. */
import { fork } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { Checkpoints } from '../../../src/memory/checkpoints.js';
import { Database } from '../../../src/memory/database.js';
import {
  CHECKPOINT_LOG_BYTES_MIN,
  CHECKPOINT_PAGES,
  WAL_BACKSTOP_PAGES,
} from '../../../src/memory/limits.js';
import { walFrames } from '../../../src/memory/wal-frames.js';
import { applyAll, engines, insert, scratch } from './support.js';
import { until } from '../../waiting.js';

const PAGE = 'x'.repeat(3000);

function open(path: string): Database {
  const database = Database.open(path, { create: true });
  database.useWriteAheadLog();
  database.exec('CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, text TEXT)');
  return database;
}

/** One page a row. */
function fill(database: Database, rows: number): void {
  database.transaction(() => {
    for (let row = 0; row < rows; row += 1) {
      database.run('INSERT INTO t (text) VALUES (?)', PAGE);
    }
  });
}

describe('the length of a log', () => {
  it('is that which SQLite tells, also after the log was begun anew', () => {
    const path = scratch('a.db');
    expect(walFrames(`${path}-wal`)).toBe(0);
    const database = open(path);
    for (const rows of [1, 10, 500, 3]) {
      fill(database, rows);
      const before = walFrames(`${path}-wal`);
      const [, log, moved] = database.all('PRAGMA wal_checkpoint(PASSIVE)')[0] ?? [];
      expect(before).toBe(log);
      expect(moved).toBe(log);
    }
    expect(walFrames(`${path}-wal`)).toBeLessThan(20);
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(500 * 4096);
    writeFileSync(`${path}.txt`, 'no log');
    expect(walFrames(`${path}.txt`)).toBe(0);
    database.close();
  });
});

describe('a log that is moved elsewhere', () => {
  it('is in the file soon, without a commit that moves it, and is begun anew', async () => {
    const path = scratch('a.db');
    const database = open(path);
    database.checkpointElsewhere();
    for (let rows = 0; rows < WAL_BACKSTOP_PAGES / 4; rows += 500) fill(database, 500);
    const pages = database.number('PRAGMA page_count');
    const least = (pages - CHECKPOINT_PAGES) * 4096;
    await until('the file has nearly all pages', async () => statSync(path).size >= least);
    const frames = walFrames(`${path}-wal`);
    expect(frames).toBeLessThan(WAL_BACKSTOP_PAGES);
    database.checkpoint();
    fill(database, 1);
    expect(walFrames(`${path}-wal`)).toBeLessThan(frames);
    database.close();
    const again = open(path);
    expect(again.number('SELECT count(*) FROM t')).toBe(WAL_BACKSTOP_PAGES / 4 + 1);
    expect(again.all('PRAGMA integrity_check')).toEqual([['ok']]);
    again.close();
  });

  it('waits for a reader, who sees its own moment, and no writer waits', async () => {
    const path = scratch('a.db');
    const database = open(path);
    database.checkpointElsewhere();
    fill(database, 10);
    const reader = Database.open(path, { readOnly: true });
    reader.exec('BEGIN');
    expect(reader.number('SELECT count(*) FROM t')).toBe(10);
    for (let rows = 0; rows < 3000; rows += 500) fill(database, 500);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(statSync(path).size).toBeLessThan(CHECKPOINT_LOG_BYTES_MIN);
    expect(reader.number('SELECT count(*) FROM t')).toBe(10);
    reader.exec('COMMIT');
    reader.close();
    const moved = async (): Promise<boolean> => {
      fill(database, 500);
      return statSync(path).size > 3000 * 4096;
    };
    await until('the file has the pages', moved);
    database.close();
  });

  it('is let go of before its owner leaves it, at whatever moment', () => {
    for (const rows of [1, 1100, 3000]) {
      const path = scratch('a.db');
      const database = open(path);
      database.checkpointElsewhere();
      fill(database, rows);
      database.checkpoint('TRUNCATE');
      expect(statSync(`${path}-wal`).size).toBe(0);
      fill(database, rows);
      // It wants the file for itself, which another connection would refuse.
      database.useSingleFile();
      expect(existsSync(`${path}-wal`)).toBe(false);
      expect(database.number('SELECT count(*) FROM t')).toBe(2 * rows);
      database.close();
    }
  });

  it("is its owner's again when the thread dies", async () => {
    const path = scratch('directory');
    mkdirSync(path);
    writeFileSync(`${path}-wal`, Buffer.alloc(CHECKPOINT_LOG_BYTES_MIN));
    let lost = 0;
    const checkpoints = new Checkpoints(path, () => {
      lost += 1;
    });
    checkpoints.committed();
    await until('it is told', async () => lost === 1);
    checkpoints.committed();
    checkpoints.stop();
    expect(lost).toBe(1);
  });
});

describe.each(['v1', 'v2'] as const)('a %s engine', (version) => {
  it('has all that it applied while its log was moved, and gives its folder back', async () => {
    const path = scratch('memory.db');
    let engine = engines[version](path, { create: true });
    for (let round = 0; round < 40; round += 1) {
      const some = Array.from({ length: 50 }, (_, i) => insert(`m${round}-${i}`, PAGE));
      expect(applyAll(engine, ...some)).not.toContain('invalid');
      if (round % 10 === 0) engine.sync();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    engine.close();
    engine = engines[version](path);
    expect(engine.counts().memories).toBe(2000);
    expect(engine.get('m39-49')?.content).toBe(PAGE);
    engine.close();
  });
});

it('a process that is killed while its log is moved has all that it had applied', async () => {
  const path = scratch('memory.db');
  for (let round = 0; round < 4; round += 1) {
    const child = fork(new URL('checkpoint-child.js', import.meta.url), [path]);
    let told = 0;
    child.on('message', (index) => {
      told = Number(index);
    });
    const goal = told + 800 * (round + 1);
    await until('it has applied some', async () => told >= goal);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    const engine = engines.v2(path);
    expect(engine.appliedIndex).toBeGreaterThanOrEqual(told);
    expect(engine.get(`m${told % 900}`)?.content).toHaveLength(20_000);
    engine.close();
    const database = Database.open(path, { readOnly: true });
    expect(database.all('PRAGMA integrity_check')).toEqual([['ok']]);
    database.close();
  }
});
