import { DatabaseSync } from '@photostructure/sqlite';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  hashTree,
  readSourceRows,
  storesNotCarried,
} from '../../../examples/rolling-migration/source.js';

let directory: string;
let source: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'demo-source-'));
  source = join(directory, 'v1');
  mkdirSync(join(source, '.swarm'), { recursive: true });
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function writeDatabase(path: string): void {
  const database = new DatabaseSync(path);
  database.exec(
    'PRAGMA journal_mode = WAL; CREATE TABLE patterns (id TEXT PRIMARY KEY, pattern_data TEXT);' +
      'CREATE TABLE pattern_links (src_id TEXT, dst_id TEXT, relation TEXT, weight REAL);' +
      "INSERT INTO patterns VALUES ('a', '{}'), ('b', '{}');" +
      "INSERT INTO pattern_links VALUES ('a', 'b', 'entails', 0.5);",
  );
  // A copy taken while it is open is what a killed writer leaves: all rows in the log.
  cpSync(path, `${path}.killed`);
  cpSync(`${path}-wal`, `${path}.killed-wal`);
  database.close();
}

describe('the v1 installation', () => {
  it('is read with its write-ahead log, and not touched', async () => {
    const path = join(source, '.swarm', 'memory.db');
    writeDatabase(join(directory, 'memory.db'));
    renameSync(join(directory, 'memory.db.killed'), path);
    renameSync(join(directory, 'memory.db.killed-wal'), `${path}-wal`);
    const before = await hashTree(source);
    const scratch = join(directory, 'scratch');
    mkdirSync(scratch);
    expect(readSourceRows(source, scratch)).toEqual({
      memoryIds: ['a', 'b'],
      links: [{ from: 'a', to: 'b', relation: 'entails', weight: 0.5 }],
      trajectories: 0,
      entries: 0,
    });
    expect(await hashTree(source)).toBe(before);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('is listed with what stays where it is', async () => {
    writeDatabase(join(source, '.swarm', 'memory.db'));
    writeFileSync(join(source, '.env'), 'KEY=value');
    expect(await storesNotCarried(source)).toEqual(['.env (environment)']);
  });

  it('must be there and be a database', () => {
    expect(() => readSourceRows(source, directory)).toThrow(/no v1 installation in/);
    writeFileSync(
      join(source, '.swarm', 'memory.db'),
      'these are forty bytes that are no database',
    );
    expect(() => readSourceRows(source, directory)).toThrow(/cannot be read as a v1 database/);
  });
});

describe('the hash of a directory', () => {
  const changes: readonly [string, () => void][] = [
    ['a byte', () => appendFileSync(join(source, 'file'), 'x')],
    ['a new file', () => writeFileSync(join(source, '.swarm', 'memory.db-shm'), '')],
    ['a new directory', () => mkdirSync(join(source, 'empty'))],
    ['a name', () => renameSync(join(source, 'file'), join(source, 'other'))],
    ['a file less', () => rmSync(join(source, 'file'))],
  ];
  for (const [name, change] of changes) {
    it(`changes with ${name}`, async () => {
      writeFileSync(join(source, 'file'), 'content');
      const before = await hashTree(source);
      expect(await hashTree(source)).toBe(before);
      change();
      expect(await hashTree(source)).not.toBe(before);
    });
  }
});
