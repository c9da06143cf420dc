/** The search of a v2 store by its graph: recall, snapshots, and what is left after a crash. */
import { DatabaseSync } from '@photostructure/sqlite';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { openV2Engine, type V2Engine } from '../../../src/memory/v2-engine.js';
import { cosine } from '../../../src/memory/vector-bytes.js';
import { VectorSource } from './index/vector-source.js';
import { applyAll, insert, MODEL, recordsOf, scratch, seed } from './support.js';
import { LOG_DIMENSIONS, vectorCommand, vectorsAt } from './vector-log.js';

function follow(engine: V2Engine, start: number, to: number): void {
  for (let from = engine.appliedIndex + 1; from <= to; from += 100) {
    const last = Math.min(to, from + 99);
    const commands = Array.from({ length: last - from + 1 }, (_, at) => {
      return { index: from + at, command: vectorCommand(start, from + at) };
    });
    engine.apply(commands, last);
  }
}

function snapshotsOf(path: string): string[] {
  const folder = dirname(path);
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${basename(path)}-vectors-`) && !name.endsWith('.new'))
    .map((name) => join(folder, name));
}

let asked = 0;

/** Recall of the ten nearest against a comparison with what the log left; no hit is of before. */
function recall(engine: V2Engine, start: number): number {
  const vectors = vectorsAt(start, engine.appliedIndex);
  const queries = new VectorSource(start + 1, LOG_DIMENSIONS);
  let found = 0;
  for (let at = 0; at < 50; at += 1) {
    const values = at % 2 === 0 ? queries.next() : [...vectors.values()][at * 31]!;
    // A text of its own, so that no answer is remembered from before something was linked.
    asked += 1;
    const query = { text: `asked${asked}`, vector: { model: MODEL, values }, limit: 10 };
    const best = new Map(
      [...vectors].map(([id, other]) => [id, Math.max(0, cosine(values, other))]),
    );
    const wanted = [...best.keys()].sort((a, b) => best.get(b)! - best.get(a)!).slice(0, 10);
    for (const { id, score } of engine.search(query)) {
      expect(score).toBeCloseTo(best.get(id)!, 5);
      if (wanted.includes(id)) found += 1;
    }
  }
  return found / 500;
}

/** Until the graph has everything. */
async function linked(engine: V2Engine): Promise<void> {
  while (engine.vectorCounts()!.scanned > 0) await new Promise((done) => setTimeout(done, 5));
}

/** A closed store whose log went to 4,500, with its snapshot. */
async function stored(start: number, name = 'store.db'): Promise<string> {
  const path = scratch(name);
  const engine = openV2Engine(path, { create: true });
  follow(engine, start, 4500);
  await engine.prepareSearch();
  await linked(engine);
  engine.close();
  expect(snapshotsOf(path)).toHaveLength(1);
  return path;
}

// Generous, since the machine may be busy with other tests.
describe('the search of a v2 store', () => {
  it('finds the nearest, before, while and after they are linked', async () => {
    const start = seed();
    const engine = openV2Engine(scratch('store.db'), { create: true });
    await engine.prepareSearch();
    follow(engine, start, 6000);
    // Nothing is linked within a call of the engine.
    expect(engine.vectorCounts()).toMatchObject({ linked: 0 });
    expect(recall(engine, start)).toBeGreaterThanOrEqual(0.95);
    while (engine.vectorCounts()!.linked < 1000) await new Promise((done) => setTimeout(done, 5));
    expect(recall(engine, start)).toBeGreaterThanOrEqual(0.95);
    await linked(engine);
    expect(engine.vectorCounts()!.linked).toBe(vectorsAt(start, 6000).size);
    expect(recall(engine, start)).toBeGreaterThanOrEqual(0.95);
    // Every vector replaced, or taken away.
    follow(engine, start, 10_000);
    expect(recall(engine, start)).toBeGreaterThanOrEqual(0.95);
    await linked(engine);
    expect(recall(engine, start)).toBeGreaterThanOrEqual(0.95);
    engine.close();
  });

  it('finds what a filter allows, whether it scans them or walks the graph', async () => {
    const source = new VectorSource(seed(), LOG_DIMENSIONS);
    const engine = openV2Engine(scratch('filtered.db'), { create: true });
    const vectors = Array.from({ length: 5000 }, () => source.next());
    // Kept from before, while the graph is linked, and put into it later.
    for (let from = 0; from < vectors.length; from += 500) {
      const commands = vectors.slice(from, from + 500).map((values, at) => {
        const metadata = { every: [2, 10, 100].filter((n) => (from + at) % n === 0) };
        return insert(`m${from + at}`, 'text', { metadata, vector: { model: MODEL, values } });
      });
      applyAll(engine, ...commands);
    }
    const check = (): void => {
      for (const every of [2, 10, 100]) {
        let found = 0;
        for (let at = 0; at < 20; at += 1) {
          const values = source.next();
          const query = { text: '', vector: { model: MODEL, values }, limit: 10 };
          const hits = engine.search({ ...query, filter: { every } }).map(({ id }) => id);
          const best = [...vectors.keys()]
            .filter((number) => number % every === 0)
            .sort((a, b) => cosine(values, vectors[b]!) - cosine(values, vectors[a]!))
            .slice(0, 10)
            .map((number) => `m${number}`);
          expect(hits).toHaveLength(10);
          for (const id of hits) expect(Number(id.slice(1)) % every).toBe(0);
          found += hits.filter((id) => best.includes(id)).length;
        }
        expect(found / 200, `one of ${every}`).toBeGreaterThanOrEqual(0.95);
      }
    };
    check();
    while (engine.vectorCounts()!.linked < 2500) await new Promise((done) => setTimeout(done, 5));
    check();
    await linked(engine);
    check();
    // A memory that loses what the filter wants is not found any more.
    const [first] = engine.search({
      text: '',
      vector: { model: MODEL, values: vectors[100]! },
      limit: 1,
      filter: { every: 100 },
    });
    expect(first?.id).toBe('m100');
    applyAll(engine, insert('m100', 'text', { vector: { model: MODEL, values: vectors[100]! } }));
    const hits = engine.search({
      text: '',
      vector: { model: MODEL, values: vectors[100]! },
      limit: 49,
      filter: { every: 100 },
    });
    expect(hits.map(({ id }) => id)).not.toContain('m100');
    expect(hits).toHaveLength(49);
    engine.close();
  });

  it('writes a snapshot while it serves, and goes on where it ends', async () => {
    const start = seed();
    const path = scratch('serving.db');
    const engine = openV2Engine(path, { create: true });
    follow(engine, start, 3000);
    await engine.prepareSearch();
    while (snapshotsOf(path).length === 0) {
      // Searched and written to while the file is made.
      follow(engine, start, engine.appliedIndex + 3);
      const { id, vector } = vectorCommand(start, engine.appliedIndex);
      const [hit] = engine.search({ text: '', vector, limit: 1 });
      if (vector !== null) expect(hit).toMatchObject({ id, score: expect.closeTo(1, 6) as number });
      await new Promise((done) => setTimeout(done, 1));
    }
    expect(recall(engine, start)).toBeGreaterThanOrEqual(0.95);
    const before = engine.appliedIndex;
    engine.close();
    const again = openV2Engine(path);
    expect(recall(again, start)).toBeGreaterThanOrEqual(0.95);
    const { scanned, linked: inGraph } = again.vectorCounts()!;
    expect(scanned).toBeLessThan(before - 3000 + 10);
    expect(inGraph).toBeGreaterThanOrEqual(2500);
    again.close();
  });

  it('comes from the snapshot as it was, without linking anything', async () => {
    const start = seed();
    const path = await stored(start);
    const engine = openV2Engine(path);
    expect(recall(engine, start)).toBeGreaterThanOrEqual(0.95);
    expect(engine.vectorCounts()).toMatchObject({
      scanned: 0,
      linked: vectorsAt(start, 4500).size,
    });
    engine.close();
  });

  it('does not trust a snapshot that is cut, flipped, foreign, of another content or of later', async () => {
    const start = seed();
    const path = await stored(start);
    const [snapshot = ''] = snapshotsOf(path);
    const whole = readFileSync(snapshot);
    const other = await stored(start + 7, 'other.db');
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1]! ^= 4;
    const foreign = [
      whole.subarray(0, whole.length - 1000),
      flipped,
      readFileSync(snapshotsOf(other)[0]!),
      Buffer.from('SQLite format 3\0 and more of it that is no index'),
      Buffer.alloc(0),
    ];
    for (const bytes of foreign) {
      writeFileSync(snapshot, bytes);
      const engine = openV2Engine(path);
      expect(recall(engine, start)).toBeGreaterThanOrEqual(0.95);
      expect(engine.vectorCounts()).toMatchObject({ linked: 0 });
      engine.close();
    }
    // Something that no file can be read from or written to.
    rmSync(snapshot, { force: true });
    mkdirSync(snapshot);
    const blocked = openV2Engine(path);
    expect(recall(blocked, start)).toBeGreaterThanOrEqual(0.95);
    await linked(blocked);
    blocked.close();
    rmdirSync(snapshot);
    // The store went on without its journal, as a release would leave it that knows none.
    writeFileSync(snapshot, whole);
    const database = new DatabaseSync(path);
    database.exec(`UPDATE agentic_flow_meta SET value = value + 1 WHERE key = 'applied_index'`);
    database.close();
    const behind = openV2Engine(path);
    behind.search({ text: '', vector: vectorCommand(start, 1).vector, limit: 1 });
    expect(behind.vectorCounts()).toMatchObject({ linked: 0 });
    behind.close();
    expect(snapshotsOf(path)).toEqual([]);
  });

  it('leaves a snapshot whose originals turn out to be damaged, when searching or saving', async () => {
    const start = seed();
    const path = await stored(start);
    const [snapshot = ''] = snapshotsOf(path);
    const damaged = readFileSync(snapshot);
    const originals = damaged.length - 4000 * LOG_DIMENSIONS;
    for (let at = originals; at < damaged.length; at += 50) damaged[at]! ^= 1;
    writeFileSync(snapshot, damaged);
    const searched = openV2Engine(path);
    expect(recall(searched, start)).toBeGreaterThanOrEqual(0.95);
    expect(searched.vectorCounts()?.linked).toBe(0);
    expect(snapshotsOf(path)).toEqual([]);
    searched.close();
    writeFileSync(snapshot, damaged);
    const saved = openV2Engine(path);
    await saved.prepareSearch();
    expect(saved.vectorCounts()?.linked).toBeGreaterThan(0);
    follow(saved, start, saved.appliedIndex + 2500);
    while (saved.vectorCounts() !== undefined) await new Promise((done) => setTimeout(done, 5));
    expect(recall(saved, start)).toBeGreaterThanOrEqual(0.95);
    saved.close();
  });

  it('does not take the snapshot of a content that was replaced', async () => {
    const start = seed();
    const path = await stored(start);
    const [snapshot = ''] = snapshotsOf(path);
    const kept = scratch('kept.index');
    copyFileSync(snapshot, kept);
    const source = openV2Engine(scratch('source.db'), { create: true });
    follow(source, start + 1, 4500);
    const engine = openV2Engine(path);
    engine.restore(recordsOf(source), 4500);
    source.close();
    expect(recall(engine, start + 1)).toBeGreaterThanOrEqual(0.95);
    engine.close();
    copyFileSync(kept, snapshot);
    const again = openV2Engine(path);
    expect(recall(again, start + 1)).toBeGreaterThanOrEqual(0.95);
    again.close();
  });

  it('has a vector of two models, few of one and many of the other, after a restart', async () => {
    const start = seed();
    const path = await stored(start);
    const engine = openV2Engine(path);
    const values = Float32Array.of(1, 2, 3);
    const zero = { model: MODEL, values: new Float32Array(LOG_DIMENSIONS) };
    applyAll(
      engine,
      insert('other', 'text', { vector: { model: 'other', values } }),
      insert('zero', 'text', { vector: zero }),
    );
    engine.close();
    const again = openV2Engine(path);
    const query = { text: '', vector: { model: 'other', values }, limit: 3 };
    expect(again.search(query)).toMatchObject([{ id: 'other', matchedBy: 'vector' }]);
    expect(again.search({ text: '', vector: zero, limit: 1000 })).toHaveLength(1000);
    expect(again.vectorCounts()!.linked).toBe(vectorsAt(start, 4500).size);
    again.close();
  });

  it('is whole after SIGKILL, before, while and after a snapshot is written', async () => {
    const start = seed();
    const path = await stored(start);
    const unfinished = (): boolean => {
      return readdirSync(dirname(path)).some((name) => /store\.db-vectors.*\.new$/.test(name));
    };
    const inode = (): number => statSync(snapshotsOf(path)[0]!).ino;
    /** When to kill, as a question asked again and again; `told` is how many entries were applied. */
    const moments: readonly [string, (told: number, before: number) => boolean][] = [
      ['at once', (told) => told > 0],
      ['after some entries', (told) => told > 300],
      ['while a snapshot is written', (_, before) => unfinished() || inode() !== before],
      ['when a snapshot was written', (_, before) => inode() !== before],
      ['some entries after a snapshot', (told, before) => told > 1100 && inode() !== before],
    ];
    for (const [moment, isThen] of moments) {
      const first = openV2Engine(path).appliedIndex;
      const before = inode();
      const child = spawn(process.execPath, [
        new URL('vectors-child.js', import.meta.url).pathname,
        path,
        String(start),
      ]);
      child.stderr.pipe(process.stderr);
      let told = '';
      child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
      const acknowledged = (): number => Number(told.trim().split('\n').at(-1));
      while (!told.includes('\n') || !isThen(acknowledged() - first, before)) {
        await new Promise((done) => setTimeout(done, 1));
      }
      child.kill('SIGKILL');
      await once(child, 'close');
      const engine = openV2Engine(path);
      expect(engine.appliedIndex).toBeGreaterThanOrEqual(acknowledged());
      expect(recall(engine, start)).toBeGreaterThanOrEqual(0.95);
      // Caught up, not built anew.
      const { linked: inGraph, scanned } = engine.vectorCounts()!;
      console.log(`killed ${moment}, at ${acknowledged()}: ${inGraph} linked, ${scanned} to link`);
      expect(inGraph).toBeGreaterThan(1000);
      engine.close();
    }
  });
});
