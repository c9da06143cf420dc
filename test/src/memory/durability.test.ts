/** What is left after a killed process and on a full disk. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

import { Database } from '../../../src/memory/database.js';
import { translateError } from '../../../src/memory/errors.js';
import { openV1Engine } from '../../../src/memory/v1-engine.js';
import { openV2Engine } from '../../../src/memory/v2-engine.js';
import type { MemoryEngine } from '../../../src/memory/engine.js';
import { applyAll, insert, scratch } from './support.js';

const ENGINES: readonly (readonly [
  string,
  (path: string, o?: { create?: boolean }) => MemoryEngine,
])[] = [
  ['v1', openV1Engine],
  ['v2', openV2Engine],
];

describe.each(ENGINES)('the %s store', (version, open) => {
  it('is whole after SIGKILL at any moment', async () => {
    const path = scratch('killed.db');
    open(path, { create: true }).close();
    let before = 0;
    for (const afterMs of [1, 20, 60]) {
      const child = spawn(
        process.execPath,
        [new URL('kill-child.js', import.meta.url).pathname, version, path],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      let told = '';
      child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      child.kill('SIGKILL');
      await once(child, 'close');
      const acknowledged = Number(told.trim().split('\n').at(-1));
      const engine = open(path);
      const { appliedIndex } = engine;
      expect(appliedIndex).toBeGreaterThanOrEqual(acknowledged);
      expect(appliedIndex).toBeGreaterThan(before);
      // Entry i inserts memory i and links it to the one before.
      expect(engine.counts()).toMatchObject({ memories: appliedIndex, links: appliedIndex - 1 });
      expect(engine.get(`m${appliedIndex}`)?.content).toBe(`content ${appliedIndex}`);
      expect(engine.get(`m${appliedIndex + 1}`)).toBeUndefined();
      before = appliedIndex;
      engine.close();
    }
    const database = Database.open(path);
    expect(database.get('PRAGMA integrity_check')).toEqual(['ok']);
    database.close();
  });

  it('says that the disk is full, keeps what it has, and goes on when there is room', () => {
    const path = scratch('full.db');
    const engine = open(path, { create: true });
    applyAll(engine, insert('a', 'first'));
    engine.close();
    // The limit of pages stands for the end of the disk: SQLite reports both as SQLITE_FULL.
    const limited = limitedEngine(open, path, 4);
    const before = limited.appliedIndex;
    expect(() => {
      for (let i = 0; i < 1000; i += 1) applyAll(limited, insert(`big${i}`, 'x'.repeat(50_000)));
    }).toThrow(
      expect.objectContaining({
        code: 'disk-full',
        path,
        message: expect.stringContaining('free space'),
      }),
    );
    const reached = limited.appliedIndex;
    expect(limited.counts().memories).toBe(1 + reached - before);
    limited.close();

    const again = open(path);
    expect(again.appliedIndex).toBe(reached);
    expect(again.get('a')?.content).toBe('first');
    applyAll(again, insert('b', 'x'.repeat(50_000)));
    expect(again.get('b')?.content).toHaveLength(50_000);
    again.close();
  });
});

/** An engine whose every connection may only grow the file by so many pages. */
function limitedEngine(
  open: (path: string) => MemoryEngine,
  path: string,
  pages: number,
): MemoryEngine {
  const original = Database.prototype.useWriteAheadLog;
  Database.prototype.useWriteAheadLog = function limited(this: Database): void {
    original.call(this);
    const used = this.number('PRAGMA page_count');
    this.exec(`PRAGMA max_page_count = ${used + pages}`);
  };
  try {
    return open(path);
  } finally {
    Database.prototype.useWriteAheadLog = original;
  }
}

const raised = (code: string, more: object = {}): Error =>
  Object.assign(new Error('words'), { code, ...more });

describe('errors', () => {
  it('name the file and what to do', () => {
    const table: readonly [Error, string][] = [
      [raised('ENOSPC'), 'disk-full'],
      [raised('EACCES'), 'read-only'],
      [raised('EROFS'), 'read-only'],
      [raised('ENOENT'), 'not-found'],
      [raised('ERR_SQLITE_ERROR', { errcode: 13 }), 'disk-full'],
      [raised('ERR_SQLITE_ERROR', { errcode: 10, sqliteExtendedCode: 4874 }), 'disk-full'],
      [raised('ERR_SQLITE_ERROR', { errcode: 5 }), 'locked'],
      [raised('ERR_SQLITE_ERROR', { errcode: 1032 }), 'read-only'],
      [raised('ERR_SQLITE_ERROR', { errcode: 11 }), 'damaged'],
      [
        Object.assign(new Error('database disk image is malformed'), { code: 'ERR_SQLITE_ERROR' }),
        'damaged',
      ],
    ];
    for (const [error, code] of table) {
      expect(translateError(error, '/data/x.db')).toMatchObject({ code, path: '/data/x.db' });
      expect((translateError(error, '/data/x.db') as Error).message).toContain('/data/x.db');
    }
    const bug = raised('ERR_SQLITE_ERROR', { errcode: 1 });
    expect(translateError(bug, 'x')).toBe(bug);
  });

  it('tell a store that another process holds', () => {
    const path = scratch('held.db');
    openV2Engine(path, { create: true }).close();
    const holder = Database.open(path);
    holder.exec('BEGIN IMMEDIATE');
    const engine = openV2Engine(path);
    const database = Database.open(path);
    database.exec('PRAGMA busy_timeout = 1');
    expect(() => database.transaction(() => undefined)).toThrow(
      expect.objectContaining({ code: 'locked' }),
    );
    holder.close();
    engine.close();
    database.close();
  });
});
