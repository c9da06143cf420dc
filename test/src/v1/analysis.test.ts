import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';

import { Random } from '../../../examples/rolling-migration/random.js';
import { v1HashEmbedding } from '../../../src/memory/v1-hash-embedding.js';
import { bytesOfVector } from '../../../src/memory/vector-bytes.js';
import { analyse, openReading, originOf } from '../../../src/v1/index.js';
import { folder, makeDatabase, SCHEMAS, storeAt } from './stores.js';

/** What agentdb 1 stores without a model, by its own formula. */
function agentdbHash(text: string, dimensions = 384): Float32Array {
  let hash = 0;
  for (let i = 0; i < text.length; i += 1) {
    hash = (hash << 5) - hash + text.charCodeAt(i);
    hash |= 0;
  }
  const vector = Float32Array.from({ length: dimensions }, (_, i) => {
    const seed = hash + i * 31;
    return Math.sin(seed) * Math.cos(seed * 0.5);
  });
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

function noise(random: Random, dimensions: number): Float32Array {
  return Float32Array.from({ length: dimensions }, () => (random.below(2001) - 1000) / 1000);
}

describe('a stand-in for an embedding', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 100_000);
  const random = new Random(seed);
  const texts = Array.from({ length: 2000 }, (_, i) => `text ${i} ${random.below(1e9)}`);

  it.each([384, 1024, 768])('of agentic-flow is told by its form (%d dimensions)', (dimensions) => {
    const missed = texts.filter((text) => originOf(v1HashEmbedding(text, dimensions)) !== 'hash');
    expect(missed, `seed ${seed}`).toEqual([]);
  });

  it('of agentdb is told by its form', () => {
    const missed = texts.filter((text) => originOf(agentdbHash(text)) !== 'agentdb-hash');
    expect(missed, `seed ${seed}`).toEqual([]);
  });

  it('is not what a model or a program computes', () => {
    for (let i = 0; i < 500; i += 1) expect(originOf(noise(random, 384))).toBe('other');
    const wave = v1HashEmbedding('a text', 384);
    const near = wave.map((value) => value + (random.below(201) - 100) / 50_000);
    expect(originOf(near)).toBe('other');
    expect(originOf(Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0))).toBe('other');
  });

  it('or no vector at all', () => {
    expect(originOf(new Float32Array(384))).toBe('no-vector');
    expect(originOf(new Float32Array(384).fill(0.05))).toBe('no-vector');
    expect(originOf(wildVector())).toBe('no-vector');
    expect(originOf(new Float32Array())).toBe('no-vector');
  });

  function wildVector(): Float32Array {
    const vector = noise(random, 384);
    vector[200] = Number.NaN;
    return vector;
  }
});

describe('the analysis of an installation', () => {
  it('counts what is fake, poisoned, broken and double', async () => {
    const one = makeDatabase(
      join(folder('one'), 'memory.db'),
      `${SCHEMAS['A']};
       INSERT INTO patterns VALUES ('P1', 'm', '{"a":', 0.5, 0, '', NULL), ('p2', 'm', '[]', 0.5, 0, '', NULL),
         ('p3', 'm', 'null', 0.5, 0, '', NULL);
       CREATE TABLE pattern_embeddings (id TEXT PRIMARY KEY, model, dims, vector BLOB);
       INSERT INTO pattern_embeddings VALUES ('bad', 'm', 1, x'0102'), ('none', 'm', 1, NULL);
       CREATE TABLE pattern_links (src_id TEXT, dst_id TEXT, relation TEXT, weight REAL, created_at TEXT,
         PRIMARY KEY (src_id, dst_id, relation));
       INSERT INTO pattern_links VALUES ('p1', 'p2', 'refines', 0.5, ''), ('p1', 'gone', 'refines', 0.5, ''),
         ('p1', 'p3', 'refines', 1.5, ''), ('p2', 'p3', 'refines', 'text', '')`,
    );
    const database = new DatabaseSync(one);
    const embed = database.prepare(`INSERT INTO pattern_embeddings VALUES (?, 'm', 384, ?)`);
    embed.run('p1', bytesOfVector(v1HashEmbedding('x', 384)));
    embed.run('p2', bytesOfVector(v1HashEmbedding('x', 1024)));
    embed.run('p3', bytesOfVector(noise(new Random(1), 384)));
    database.close();
    const two = makeDatabase(
      join(folder('two'), 'other.db'),
      `${SCHEMAS['A']}; INSERT INTO patterns VALUES ('p2', 'm', '{}', 0.5, 0, '', NULL)`,
    );
    const readings = [];
    for (const [name, path] of Object.entries({ one, two })) {
      readings.push(await openReading({ ...storeAt(path), name }, folder('work')));
    }
    const progress: number[] = [];
    const found = await analyse(readings, { onProgress: (done) => progress.push(done) });
    for (const opened of readings) opened.close();
    const [first] = found.stores;
    expect(first).toMatchObject({ poisonedLinks: 0, danglingLinks: 1, badWeights: 2, caseOnly: 1 });
    expect(first!.embeddings).toEqual([
      {
        table: 'pattern_embeddings',
        hash384: 1,
        hash1024: 1,
        agentdbHash: 0,
        noVector: 2,
        other: 1,
        dimensions: new Map([
          [384, 2],
          [1024, 1],
        ]),
      },
    ]);
    expect(found.collisions).toEqual([
      { table: 'patterns', stores: ['one', 'two'], same: 1, different: 1 },
    ]);
    expect(found.problems).toEqual([
      'one: pattern_embeddings mixes dimensions (2 of 384, 1 of 1024); v1 fails on every search because of it',
      'one: 2 of 3 vectors of pattern_embeddings are hashes of the text, no embeddings; v1 had no model when it stored them',
      'one: 2 rows of pattern_embeddings hold no usable vector',
      'one: the JSON of 2 rows of patterns cannot be parsed; v1 fails on every search because of one',
      'one: 1 links lead to or from a memory that is not there',
      'one: 2 links have a weight that is no number from 0 to 1',
      'one: 1 memories have an id that differs from another one only in case',
      'one and two share 2 keys of patterns, 1 of them with other content',
    ]);
    expect(progress.at(-1)).toBe(15);
  });
});
