import { DatabaseSync } from '@photostructure/sqlite';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';
import { copyV1Directory, inspectV1Directory } from '../../../src/v1/index.js';
import { openV1Engine } from '../../../src/memory/index.js';
import { scratch } from '../memory/support.js';

/** Names, sizes, times and hashes of all files: whatever touches the directory shows here. */
function fingerprint(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mtimeNs, size } = statSync(path, { bigint: true });
      return `${path} ${size} ${mtimeNs} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
    })
    .sort();
}

function installation(memories = 30): string {
  const directory = scratch('installation');
  generateV1Installation(directory, { memories, seed: 3 });
  return directory;
}

/** Gives up the rights of root, who may read everything, once all code is loaded. */
const COPY_AS_NOBODY = `
  const [, module, source, target] = process.argv;
  const { copyV1Directory } = await import(module);
  if (process.getuid?.() === 0) {
    process.setgroups([]);
    process.setgid(65534);
    process.setuid(65534);
  }
  const answer = await copyV1Directory(source, target).then(
    () => ({}),
    ({ code, path }) => ({ code, path }),
  );
  process.stdout.write(JSON.stringify(answer));
`;

/** Copies in a process of its own; resolves with the error's code and path, or with neither. */
async function copyAsNobody(source: string, target: string): Promise<unknown> {
  const module = new URL('../../../src/v1/index.js', import.meta.url).href;
  const script = ['--input-type=module', '--eval', COPY_AS_NOBODY, module, source, target];
  const { stdout } = await promisify(execFile)(process.execPath, script);
  return JSON.parse(stdout);
}

/** An installation with its database spoilt. */
const file = (write: (path: string) => void): string => {
  const directory = installation();
  write(join(directory, '.swarm', 'memory.db'));
  return directory;
};

/** An installation whose writer was killed: most of it is still in the write-ahead log. */
function unchecked(): string {
  const live = scratch('live');
  mkdirSync(join(live, '.swarm'), { recursive: true });
  const path = join(live, '.swarm', 'memory.db');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0');
  database.exec(`CREATE TABLE patterns (id TEXT PRIMARY KEY, type TEXT, pattern_data TEXT,
    confidence REAL, usage_count INTEGER, created_at TEXT, last_used TEXT)`);
  for (let i = 0; i < 50; i += 1)
    database.prepare(`INSERT INTO patterns (id, pattern_data) VALUES (?, '{}')`).run(`p${i}`);
  const killed = scratch('killed');
  mkdirSync(join(killed, '.swarm'), { recursive: true });
  for (const suffix of ['', '-wal'])
    cpSync(path + suffix, join(killed, '.swarm', `memory.db${suffix}`));
  database.close();
  return killed;
}

describe('a v1 directory', () => {
  it('is copied with what is in its write-ahead log, and not touched', async () => {
    for (const source of [installation(), unchecked()]) {
      const before = fingerprint(source);
      const target = scratch('copy');
      const { path, rows } = await copyV1Directory(source, target);
      const inspection = await inspectV1Directory(source);
      expect(fingerprint(source)).toEqual(before);
      expect(rows['patterns']).toBe(inspection.memory?.rows['patterns']);
      expect(rows['patterns']).toBeGreaterThanOrEqual(30);
      expect(path).toBe(join(target, '.swarm', 'memory.db'));
      expect(readdirSync(dirname(path))).toEqual(['memory.db']);
      const engine = openV1Engine(path);
      expect(engine.counts().memories).toBe(rows['patterns']);
      engine.close();
    }
  });

  it('is copied in a state that existed while a writer changes it', async () => {
    const source = installation();
    const database = new DatabaseSync(join(source, '.swarm', 'memory.db'));
    let written = 0;
    const timer = setInterval(() => {
      if (written >= 5) return;
      database.exec(`INSERT INTO memory_entries (key, value) VALUES ('w${written}', 'v')`);
      written += 1;
    }, 8);
    const { rows } = await copyV1Directory(source, scratch('copy'));
    clearInterval(timer);
    database.close();
    expect(rows['memory_entries']).toBe(7 + 5);
  });

  it('says that its writer never rests', async () => {
    const source = installation();
    const database = new DatabaseSync(join(source, '.swarm', 'memory.db'));
    // Between any two readings of this thread.
    let next = setImmediate(function write() {
      database.exec(`UPDATE metrics_log SET value = value + 1`);
      next = setImmediate(write);
    });
    await expect(copyV1Directory(source, scratch('copy'))).rejects.toMatchObject({ code: 'busy' });
    clearImmediate(next);
    database.close();
  });

  it('is refused with a reason, leaving nothing at the destination', async () => {
    const empty = scratch('empty');
    mkdirSync(empty);
    const cases: readonly [string, string][] = [
      [scratch('missing'), 'no-installation'],
      [empty, 'no-installation'],
      [file((path) => truncateSync(path, 0)), 'not-a-database'],
      [
        file((path) => writeFileSync(path, 'not a database, only some words in a file')),
        'not-a-database',
      ],
      [file((path) => truncateSync(path, 100)), 'damaged'],
      [file((path) => truncateSync(path, Math.floor(statSync(path).size * 0.6))), 'damaged'],
      [
        file((path) => {
          // A page of rows only: counts walk an index and notice nothing.
          const database = new DatabaseSync(path);
          const page = database
            .prepare(`SELECT pageno AS n FROM dbstat WHERE name = 'patterns' AND pagetype = 'leaf'`)
            .get() as { n: number };
          database.close();
          const bytes = readFileSync(path);
          bytes.fill(0xaa, 4096 * (page.n - 1), 4096 * page.n);
          writeFileSync(path, bytes);
        }),
        'damaged',
      ],
      [
        file((path) => {
          writeFileSync(path, '');
          const database = new DatabaseSync(path);
          database.exec('CREATE TABLE reasoning_memory (id, title, pattern_data)');
          database.close();
        }),
        'not-a-database',
      ],
    ];
    for (const [source, code] of cases) {
      const target = scratch('target');
      await expect(copyV1Directory(source, target)).rejects.toMatchObject({ code });
      expect(() => statSync(target)).toThrow();
    }
  });

  it('does not write over another store', async () => {
    const target = scratch('target');
    await copyV1Directory(installation(), target);
    const before = fingerprint(target);
    await expect(copyV1Directory(installation(), target)).rejects.toMatchObject({
      code: 'destination-taken',
    });
    expect(fingerprint(target)).toEqual(before);
  });

  it('says that it may not be read', async () => {
    const source = installation();
    const path = join(source, '.swarm', 'memory.db');
    const target = scratch('copy');
    // The folders may be entered, the target may be written: only the file is closed.
    chmodSync(dirname(source), 0o755);
    chmodSync(path, 0);
    mkdirSync(target);
    chmodSync(target, 0o777);
    const answer = await copyAsNobody(source, join(target, 'store'));
    expect(answer).toEqual({ code: 'no-permission', path });
    expect(readdirSync(target)).toEqual([]);
    chmodSync(path, 0o644);
    expect(await copyAsNobody(source, join(target, 'store'))).toEqual({});
  });

  it('is searched for every other store and setting', async () => {
    const source = installation();
    const make = (path: string, sql: string): void => {
      mkdirSync(dirname(join(source, path)), { recursive: true });
      const database = new DatabaseSync(join(source, path));
      database.exec(sql);
      database.close();
    };
    make(
      'agentdb.db',
      `CREATE TABLE episodes (id, session_id, task, reward); INSERT INTO episodes VALUES (1, 's', 't', 1)`,
    );
    make(
      'data/hub.db',
      'CREATE TABLE episodes (id, tenant_id, session_id, task, reward, vector_clock)',
    );
    make('.hive-mind/hive.db', 'CREATE TABLE swarms (id, objective)');
    make('.agentdb/reasoningbank.db', 'CREATE TABLE vectors (id, embedding, norm, metadata)');
    make('old/b.db', 'CREATE TABLE reasoning_memory (id, title, pattern_data)');
    make('mine/shop.db', 'CREATE TABLE orders (id)');
    make('.swarm/second.db', 'CREATE TABLE patterns (id, type, pattern_data, confidence)');
    mkdirSync(join(source, '.claude', 'agents'), { recursive: true });
    writeFileSync(join(source, '.claude', 'agents', 'coder.md'), '---');
    writeFileSync(join(source, '.mcp.json'), '{}');
    writeFileSync(join(source, '.hive-mind', 'memory.db'), '');
    const before = fingerprint(source);
    const { memory, others } = await inspectV1Directory(source);
    expect(fingerprint(source)).toEqual(before);
    expect(memory).toMatchObject({ state: 'ok', schema: 'A', rows: { patterns: 30 } });
    expect(
      others.map(({ path, examination }) => `${path} ${examination?.schema ?? ''}`.trim()),
    ).toEqual([
      '.agentdb/reasoningbank.db D',
      '.hive-mind/hive.db E',
      '.hive-mind/memory.db unknown',
      '.swarm/second.db A',
      'agentdb.db C',
      'data/hub.db F',
      'old/b.db B',
      '.claude/agents',
      '.mcp.json',
    ]);
  });
});
