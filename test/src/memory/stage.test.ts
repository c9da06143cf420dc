import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';

import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';
import { embeddingText, textHash } from '../../../src/memory/command.js';
import { Database } from '../../../src/memory/database.js';
import type { Memory } from '../../../src/memory/engine.js';
import { keepVectors } from '../../../src/memory/made-vectors.js';
import { stageV2 } from '../../../src/memory/stage.js';
import { openV1Engine, type V1Engine } from '../../../src/memory/v1-engine.js';
import { openV2Engine } from '../../../src/memory/v2-engine.js';
import { validateStores } from '../../../src/memory/validate.js';
import {
  applyAll,
  edge,
  fakeEmbedder,
  fakeVector,
  insert,
  MODEL,
  scratch,
  v1RowsOf,
} from './support.js';
import { usedMs } from '../../waiting.js';

function contents(source: V1Engine): Memory[] {
  const dump = source.dump();
  try {
    return [...dump.memories()];
  } finally {
    dump.close();
  }
}

function generated(memories: number): V1Engine {
  const directory = scratch('installation');
  generateV1Installation(directory, { memories, seed: 1 });
  return openV1Engine(`${directory}/.swarm/memory.db`);
}

describe('staging', () => {
  it('builds a store that holds the same and finds every text, while the source goes on', async () => {
    const source = generated(200);
    applyAll(
      source,
      insert('with', 'with a vector', {
        vector: { model: MODEL, values: fakeVector('with a vector') },
      }),
      insert('without', 'no vector at all'),
      insert('other', 'of another model', {
        vector: { model: 'other', values: fakeVector('x', 8) },
      }),
    );
    const embedder = fakeEmbedder();
    const path = scratch('v2.db');
    writeFileSync(`${path}.staging`, 'half a store of a run that was killed');
    const phases: string[] = [];
    let wrote = false;
    const result = await stageV2({
      source,
      path,
      embedder,
      onProgress: ({ phase, done, total }) => {
        phases.push(phase);
        expect(done).toBeLessThanOrEqual(total);
        if (!wrote) applyAll(source, insert('late', 'written while staging'));
        wrote = true;
      },
    });
    expect(result).toMatchObject({ appliedIndex: 3, embedded: 202, fetched: 0 });
    expect(result.counts).toMatchObject({ memories: 203, quarantined: 0 });
    expect(embedder.texts).not.toContain('with a vector');
    expect(embedder.texts).toContain('no vector at all');
    expect(embedder.texts).toContain('of another model');
    expect(new Set(phases)).toEqual(new Set(['copy', 'embed']));
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)))).toEqual([
      basename(path),
    ]);

    const v2 = openV2Engine(path);
    expect(v2.appliedIndex).toBe(3);
    v2.apply([{ index: 4, command: insert('late', 'written while staging') }], 4);
    const report = await validateStores(source, v2, { sampleQueries: 20, embedder });
    expect(report.mismatches).toEqual([]);
    expect(report).toMatchObject({ ok: true, appliedIndex: 4, queries: 20, queriesFound: 20 });
    expect(v1RowsOf(v2)).toEqual(v1RowsOf(source));
    source.close();
    v2.close();
  });

  it('asks peers for vectors first, and embeds what they lack or send broken', async () => {
    const source = generated(40);
    const donor = openV2Engine(scratch('donor.db'), { create: true });
    const texts = [...source.dump().memories()].map(({ content, metadata }) =>
      embeddingText(content, metadata),
    );
    for (const [i, text] of texts.slice(0, 30).entries()) {
      applyAll(
        donor,
        insert(`d${i}`, text, { vector: { model: MODEL, values: fakeVector(text) } }),
      );
    }
    const embedder = fakeEmbedder();
    let calls = 0;
    const result = await stageV2({
      source,
      path: scratch('v2.db'),
      embedder,
      fetchVectors: async (hashes) => {
        calls += 1;
        if (calls === 2) throw new Error('the peer is gone');
        const vectors = donor.vectorsByTextHash(hashes);
        vectors[0] = new Float32Array(3);
        vectors[1] = new Float32Array(384).fill(Number.NaN);
        return vectors;
      },
    });
    expect(result.embedded + result.fetched).toBe(40);
    expect(result.fetched).toBe(28);
    expect(embedder.texts.map(textHash)).toContain(textHash(texts[0] ?? ''));
    expect(calls).toBe(2);
    source.close();
    donor.close();
  });

  it('leaves nothing behind when it is aborted or fails', async () => {
    const source = generated(100);
    const path = scratch('v2.db');
    const abort = new AbortController();
    const aborted = stageV2({
      source,
      path,
      embedder: fakeEmbedder(),
      signal: abort.signal,
      onProgress: ({ phase }) => phase === 'embed' && abort.abort(new Error('enough')),
    });
    await expect(aborted).rejects.toThrow('enough');
    const failing = { ...fakeEmbedder(), embed: async () => Promise.reject(new Error('no model')) };
    await expect(stageV2({ source, path, embedder: failing })).rejects.toThrow('no model');
    expect(existsSync(path)).toBe(false);
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)))).toEqual(
      [],
    );
    expect(source.get('nobody')).toBeUndefined();
    source.close();
  });

  it('makes no vector again that one that failed had made, whatever became of their file', async () => {
    const source = generated(100);
    const path = scratch('v2.db');
    const madeVectors = scratch('made-vectors.db');
    const all = 100;
    const failing = fakeEmbedder();
    const embed = failing.embed;
    let batches = 0;
    const breaks = {
      ...failing,
      embed: async (texts: readonly string[]) => {
        if (++batches > 2) throw new Error('killed');
        return embed(texts);
      },
    };
    await expect(stageV2({ source, path, embedder: breaks, madeVectors })).rejects.toThrow(
      'killed',
    );
    const made = failing.texts.length;
    expect(made).toBeGreaterThan(0);
    const rest = fakeEmbedder();
    const result = await stageV2({ source, path, embedder: rest, madeVectors });
    expect(result.embedded).toBe(all - made);
    expect(rest.texts.filter((text) => failing.texts.includes(text))).toEqual([]);
    expect(existsSync(madeVectors)).toBe(false);
    const v2 = openV2Engine(path);
    const report = await validateStores(source, v2, { sampleQueries: 20, embedder: rest });
    expect(report).toMatchObject({ ok: true, queriesFound: 20 });
    v2.close();

    writeFileSync(madeVectors, 'this is no cache of vectors'.repeat(1_000));
    const other = scratch('other.db');
    const again = await stageV2({ source, path: other, embedder: fakeEmbedder(), madeVectors });
    expect(again.embedded).toBe(all);
    expect(existsSync(madeVectors)).toBe(false);
    source.close();
  });

  it('makes no vector again of a store that was discarded, but those that the disk has not kept', async () => {
    const source = generated(300);
    const [path, madeVectors] = [scratch('v2.db'), scratch('made-vectors.db')];
    await stageV2({ source, path, embedder: fakeEmbedder() });
    expect(await keepVectors(path, madeVectors, () => true)).toBe(false);
    expect(await keepVectors(path, madeVectors, () => false)).toBe(true);
    const texts = new Set(
      contents(source).map(({ content, metadata }) => embeddingText(content, metadata)),
    );
    const file = Database.open(madeVectors);
    expect(file.number('SELECT count(*) FROM made_vectors')).toBe(texts.size);
    const zeros = new Uint8Array(384 * 4);
    file.run('UPDATE made_vectors SET vector = ? WHERE rowid IN (1, 2, 3)', zeros);
    file.close();
    const rest = fakeEmbedder();
    const other = scratch('other.db');
    await stageV2({ source, path: other, embedder: rest, madeVectors });
    expect(rest.texts).toHaveLength(3);
    expect(existsSync(madeVectors)).toBe(false);
    const v2 = openV2Engine(other);
    const report = await validateStores(source, v2, { sampleQueries: 20, embedder: rest });
    expect(report).toMatchObject({ ok: true, queriesFound: 20 });
    v2.close();
    source.close();
  });

  it('lets a file go that is no store', async () => {
    const [path, madeVectors] = [scratch('v2.db'), scratch('made-vectors.db')];
    writeFileSync(path, 'this is no store'.repeat(1_000));
    expect(await keepVectors(path, madeVectors, () => false)).toBe(true);
  });

  it('lets the event loop through', async () => {
    const source = generated(1500);
    const gapsMs: number[] = [];
    let lastMs = usedMs();
    let runs = true;
    const tick = (): void => {
      const nowMs = usedMs();
      gapsMs.push(nowMs - lastMs);
      lastMs = nowMs;
      if (runs) setImmediate(tick);
    };
    tick();
    await stageV2({ source, path: scratch('v2.db'), embedder: fakeEmbedder() });
    runs = false;
    gapsMs.sort((a, b) => a - b);
    const typicalMs = gapsMs[Math.floor(gapsMs.length * 0.9)] ?? 0;
    console.log(
      `90 of 100 pieces take at most ${typicalMs.toFixed(1)} ms, the longest ${gapsMs.at(-1)?.toFixed(1)} ms`,
    );
    expect(typicalMs).toBeLessThan(50);
    expect(gapsMs.at(-1)).toBeLessThan(500);
    expect(gapsMs.length).toBeGreaterThan(20);
    source.close();
  });
});

async function pair() {
  const source = generated(60);
  const path = scratch('v2.db');
  const embedder = fakeEmbedder();
  await stageV2({ source, path, embedder });
  return { source, path, embedder, v2: openV2Engine(path) };
}

describe('validation', () => {
  it('names every kind of difference', async () => {
    const tampering: readonly [RegExp, string][] = [
      [
        /memories as read/,
        `UPDATE records SET body = replace(body, 'Ticket', 'Tciket') WHERE seq = 5`,
      ],
      [/memories: 60 in v1 but 59 in v2/, `DELETE FROM records WHERE seq = 5`],
      [/links as read/, `UPDATE edges SET weight = weight / 2 WHERE seq = 3`],
      [/links: .* in v1 but/, `DELETE FROM edges WHERE seq = 3`],
      [
        /task_trajectories/,
        `DELETE FROM kept_rows WHERE seq = (SELECT max(seq) FROM kept_rows WHERE table_name = 'task_trajectories')`,
      ],
      [
        /search: the text of memory/,
        `UPDATE vectors SET vector = zeroblob(1536) WHERE id = (SELECT min(id) FROM vectors)`,
      ],
    ];
    for (const [sentence, sql] of tampering) {
      const { source, v2, path, embedder } = await pair();
      v2.close();
      const database = Database.open(path);
      database.exec(sql);
      database.close();
      const opened = openV2Engine(path);
      const report = await validateStores(source, opened, { sampleQueries: 60, embedder });
      expect(report.ok).toBe(false);
      expect(report.mismatches.join('\n')).toMatch(sentence);
      expect(report.mismatches.length).toBeLessThanOrEqual(50);
      source.close();
      opened.close();
    }
  });

  it('refuses stores at different indexes, and stops when told', async () => {
    const { source, v2, embedder } = await pair();
    applyAll(source, insert('x', 'x'), insert('y', 'y'), edge('x', 'y'));
    await expect(validateStores(source, v2, { sampleQueries: 1, embedder })).rejects.toThrow(
      'the v1 store is at log index 3, the v2 store at 0',
    );
    v2.apply([], 3);
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(
      validateStores(source, v2, { sampleQueries: 1, embedder, signal }),
    ).rejects.toThrow('stop');
    const report = await validateStores(source, v2, { sampleQueries: 1, embedder });
    expect(report.mismatches.some((sentence) => sentence.includes('only in v1'))).toBe(true);
    source.close();
    v2.close();
  });
});
