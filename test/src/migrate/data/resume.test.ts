import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Database } from '../../../../src/memory/database.js';
import { checkStore } from '../../../../src/memory/index.js';
import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import {
  addLateRows,
  ARCHIVE_NAME,
  migrateData,
  STORE_NAME,
} from '../../../../src/migrate/data/index.js';
import { fakeEmbedder, scratch } from '../../memory/support.js';
import { generated, NOW_MS, slowEmbedder } from './generated.js';
import { memoryReading, pattern } from './support.js';
import { sleep } from '../../../waiting.js';

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
const COUNT = 2000;
const TABLES: Readonly<Record<string, readonly string[]>> = {
  'memory.v2.db': ['records', 'edges', 'vectors', 'agentic_flow_expiry', 'quarantine', 'kept_rows'],
  'v1-rows.db': ['v1_stores', 'v1_rows', 'v1_lost'],
};

/** All rows of both files. */
function contents(work: string): unknown {
  return Object.entries(TABLES).map(([name, tables]) => {
    const database = Database.open(join(work, name), { readOnly: true });
    try {
      return tables.map((table) => {
        const order = table === 'vectors' || table === 'agentic_flow_expiry' ? 'id' : 'rowid';
        const rows = database.all(`SELECT * FROM ${table} ORDER BY ${order}`);
        return [table, rows.length, rows.map((row) => JSON.stringify(row.map(textOf))).join('\n')];
      });
    } finally {
      database.close();
    }
  });
}

function textOf(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

/** True if the child came to its end before it was killed. */
async function runFor(what: 'all' | 'late', work: string, ms: number): Promise<boolean> {
  const child = new URL('migrate-child.js', import.meta.url).pathname;
  const args = [child, what, work, String(COUNT), String(SEED), '40'];
  const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  running.stdout.on('data', (bytes: Buffer) => (said += String(bytes)));
  const ended = once(running, 'exit');
  // Its modules are loaded then: what is killed is the migration.
  await Promise.race([ended, once(running.stdout, 'data')]);
  await Promise.race([ended, sleep(ms)]);
  running.kill('SIGKILL');
  await ended;
  return said.includes('done');
}

test(`a migration killed at random moments ends as one that was not (SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  const [killed, undisturbed] = [scratch('killed'), scratch('undisturbed')];
  let kills = 0;
  // Later and later, so that it comes to its end.
  for (let isDone = false; !isDone; kills += 1) {
    isDone = await runFor('all', killed, random.fraction() * (300 + 150 * kills));
  }
  expect(kills).toBeGreaterThan(2);
  const readings = generated(COUNT, SEED);
  await migrateData({ readings, work: undisturbed, embedder: slowEmbedder(0), nowMs: NOW_MS });
  expect(contents(killed)).toEqual(contents(undisturbed));
  expect(await checkStore(join(killed, 'memory.v2.db'))).toMatchObject({ isWhole: true });
});

/** What the files hold, whatever order it came in. */
function unordered(work: string): unknown {
  const of = (name: string, sql: string): unknown => {
    const database = Database.open(join(work, name), { readOnly: true });
    try {
      return database.all(sql).map((row) => JSON.stringify(row.map(textOf)));
    } finally {
      database.close();
    }
  };
  return [
    of('memory.v2.db', 'SELECT id, body, created_at_ms FROM records ORDER BY 1'),
    of('memory.v2.db', 'SELECT * FROM vectors ORDER BY 1'),
    of('memory.v2.db', 'SELECT from_id, to_id, relation, weight FROM edges ORDER BY 1, 2, 3'),
    of('memory.v2.db', 'SELECT * FROM agentic_flow_expiry ORDER BY 1'),
    of(
      'v1-rows.db',
      `SELECT store, table_name, row_key, hash, outcome, target, reason, made FROM v1_rows
       ORDER BY 1, 2, 3, 4`,
    ),
  ];
}

test(`late rows killed at random moments end as those that were not (SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED + 1);
  const [killed, undisturbed] = [scratch('late-killed'), scratch('late-undisturbed')];
  const embedder = slowEmbedder(0);
  for (const work of [killed, undisturbed]) {
    const readings = generated(COUNT, SEED, 'early');
    await migrateData({ readings, work, embedder, nowMs: NOW_MS });
  }
  let kills = 0;
  for (let isDone = false; !isDone; kills += 1) {
    isDone = await runFor('late', killed, random.fraction() * (300 + 150 * kills));
  }
  expect(kills).toBeGreaterThan(1);
  const files = { store: join(undisturbed, STORE_NAME), archive: join(undisturbed, ARCHIVE_NAME) };
  const readings = generated(COUNT, SEED);
  const options = { ...files, work: undisturbed, embedder, nowMs: NOW_MS };
  const report = await addLateRows({ ...options, readings });
  expect(report.late).toBeGreaterThan(COUNT / 4);
  expect(unordered(killed)).toEqual(unordered(undisturbed));
  expect(await checkStore(join(killed, STORE_NAME))).toMatchObject({ isWhole: true });
});

test('vectors of texts that are still there are kept when v1 has changed', async () => {
  const before = Array.from({ length: 64 }, (_, at) => pattern(`p${at}`, `text ${at}`));
  const work = scratch('changed');
  const first = fakeEmbedder();
  const stop = new AbortController();
  const stopping = {
    ...first,
    // Three rounds are answered, and the fourth never.
    embed: async (texts: readonly string[]) => {
      if (first.texts.length < 48) return first.embed(texts);
      setTimeout(() => stop.abort(new Error('stopped')), 300);
      return new Promise<Float32Array[]>(() => undefined);
    },
  };
  const readings = [memoryReading({ patterns: { key: 'id', rows: before } })];
  const options = { readings, work, embedder: stopping, signal: stop.signal };
  await expect(migrateData(options)).rejects.toThrow('stopped');

  const after = [pattern('new', 'another text'), ...before.slice(5, 40)];
  const second = fakeEmbedder();
  const changed = [memoryReading({ patterns: { key: 'id', rows: after } })];
  const report = await migrateData({ readings: changed, work, embedder: second });
  expect(second.texts).toEqual(['title of new\nanother text']);
  expect(report).toMatchObject({ records: 36, embedded: 1, reused: 35, quarantinedCount: 0 });
});

test('a signal ends it at once, and an embedder that fails ends it with its error', async () => {
  const readings = generated(40, SEED);
  const stop = new AbortController();
  const never = { ...slowEmbedder(0), embed: () => new Promise<Float32Array[]>(() => undefined) };
  const work = scratch('stopped');
  setTimeout(() => stop.abort(new Error('stopped')), 300);
  const stopped = migrateData({ readings, work, embedder: never, signal: stop.signal });
  await expect(stopped).rejects.toThrow('stopped');
  const failing = { ...slowEmbedder(0), embed: () => Promise.reject(new Error('no model')) };
  await expect(migrateData({ readings, work, embedder: failing })).rejects.toThrow('no model');
  const wrong = { ...slowEmbedder(0), embed: async () => [new Float32Array(3)] };
  await expect(migrateData({ readings, work, embedder: wrong })).rejects.toMatchObject({
    code: 'embedder',
  });
  const report = await migrateData({ readings, work, embedder: slowEmbedder(0), nowMs: NOW_MS });
  expect(report.records).toBeGreaterThan(40);
});

test('what was begun for another model begins anew', async () => {
  const readings = generated(40, SEED);
  const work = scratch('model');
  await migrateData({ readings, work, embedder: slowEmbedder(0), nowMs: NOW_MS });
  const embedder = fakeEmbedder();
  const report = await migrateData({ readings, work, embedder, nowMs: NOW_MS });
  expect(report.embedded).toBe(new Set(embedder.texts).size);
  const check = await checkStore(join(work, 'memory.v2.db'));
  expect(check).toMatchObject({ isWhole: true, vectors: report.embedded + report.reused });
});
