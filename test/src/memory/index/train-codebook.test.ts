/** Codebooks: how they are trained, what they refuse, and their bytes. */
import { describe, expect, it } from 'vitest';

import { Codebook, codebookBytes } from '../../../../src/memory/index/codebook.js';
import { HnswIndex } from '../../../../src/memory/index/hnsw-index.js';
import {
  trainCodebook,
  type TrainingOptions,
} from '../../../../src/memory/index/train-codebook.js';
import { seed } from '../support.js';
import { rungs, useBuild, VectorSource } from './support.js';

const invalid = expect.objectContaining({ code: 'invalid' });
const damaged = expect.objectContaining({ code: 'damaged' });

function someVectors(start: number, count: number, dimensions: number): Float32Array[] {
  const source = new VectorSource(start, dimensions);
  return Array.from({ length: count }, () => source.next());
}

/** Sum of the squared distances to the nearest centroids. */
function errorOf(codebook: Codebook, vectors: readonly Float32Array[]): number {
  const { dimensions, subvectors, centroids } = codebook;
  let error = 0;
  for (const vector of vectors) {
    for (let s = 0; s < subvectors; s += 1) {
      let best = Infinity;
      for (let k = 0; k < 256; k += 1) {
        let gap = 0;
        const to = Math.floor(((s + 1) * dimensions) / subvectors);
        for (let i = Math.floor((s * dimensions) / subvectors); i < to; i += 1) {
          gap += (vector[i]! - centroids[i * 256 + k]!) ** 2;
        }
        best = Math.min(best, gap);
      }
      error += best;
    }
  }
  return error;
}

describe('the training of a codebook', () => {
  it('gives the same on every rung, and another for another seed', async () => {
    const start = seed();
    const vectors = someVectors(start, 700, 10);
    const books: Codebook[] = [];
    for (const build of rungs) {
      useBuild(build);
      books.push(await trainCodebook(vectors, { subvectors: 3, rounds: 5 }));
    }
    for (const book of books) expect(book.encode().equals(books[0]!.encode())).toBe(true);
    const other = await trainCodebook(vectors, { subvectors: 3, rounds: 5, seed: 2 });
    expect(other.encode().equals(books[0]!.encode())).toBe(false);
  });

  it('comes nearer to the vectors with each round, and knows those it can hold exactly', async () => {
    useBuild(rungs[0]!);
    const start = seed();
    const vectors = someVectors(start, 2000, 12);
    const errors: number[] = [];
    for (const rounds of [1, 3, 10]) {
      const book = await trainCodebook(vectors, { subvectors: 4, rounds, metric: 'euclidean' });
      errors.push(errorOf(book, vectors));
    }
    expect(errors[1]).toBeLessThan(errors[0]!);
    expect(errors[2]).toBeLessThan(errors[1]!);
    const few = someVectors(start, 256, 12);
    const exact = await trainCodebook(few, { subvectors: 4, metric: 'euclidean' });
    expect(errorOf(exact, few)).toBeLessThan(1e-6);
  });

  it('returns to the event loop, tells how far it is, and can be stopped', async () => {
    useBuild(rungs[0]!);
    const vectors = someVectors(seed(), 3000, 64);
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    const parts: number[] = [];
    await trainCodebook(vectors, {
      subvectors: 8,
      rounds: 4,
      onProgress: (part) => parts.push(part),
    });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
    expect(parts.at(-1)).toBe(1);
    expect(parts).toEqual([...parts].sort((a, b) => a - b));
    const control = new AbortController();
    const stopped = trainCodebook(vectors, {
      subvectors: 8,
      signal: control.signal,
      onProgress: () => control.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
  });

  it.each<[string, (vectors: Float32Array[]) => void, Partial<TrainingOptions>, string]>([
    ['too few vectors', (vectors) => vectors.splice(255), {}, '256'],
    ['no vectors', (vectors) => vectors.splice(0), {}, '256'],
    ['NaN', (vectors) => (vectors[7]![3] = NaN), {}, 'NaN'],
    ['infinity', (vectors) => (vectors[7]![3] = Infinity), { metric: 'dot' }, 'infinite'],
    ['a zero vector for cosine', (vectors) => vectors[7]!.fill(0), {}, 'direction'],
    ['another length', (vectors) => (vectors[7] = new Float32Array(11)), {}, 'vector 7'],
    ['no Float32Array', (vectors) => (vectors[7] = [1] as never), {}, 'vector 7'],
    ['no subvectors', () => undefined, { subvectors: 0 }, '1 to 10'],
    ['more subvectors than components', () => undefined, { subvectors: 11 }, '1 to 10'],
    ['half a round', () => undefined, { rounds: 0.5 }, 'rounds'],
    ['fewer samples than centroids', () => undefined, { samples: 255 }, 'samples'],
    ['an unknown metric', () => undefined, { metric: 'hamming' as never }, 'hamming'],
    ['an odd seed', () => undefined, { seed: -1 }, 'seed'],
  ])('refuses %s', async (_, spoil, options, part) => {
    useBuild(rungs[0]!);
    const vectors = someVectors(seed(), 300, 10);
    spoil(vectors);
    const training = trainCodebook(vectors, { subvectors: 2, samples: 300, ...options });
    await expect(training).rejects.toThrow(
      expect.objectContaining({ code: 'invalid', message: expect.stringContaining(part) }),
    );
  });
});

describe('a codebook', () => {
  const settings = { dimensions: 5, subvectors: 2, metric: 'dot' } as const;
  const centroids = (): Float32Array => Float32Array.from({ length: 5 * 256 }, (_, at) => at / 7);

  it('is the same from its bytes', () => {
    const book = new Codebook(settings, centroids());
    const bytes = book.encode();
    expect(bytes.length).toBe(codebookBytes(5));
    const again = Codebook.decode(bytes);
    expect(again.encode().equals(bytes)).toBe(true);
    expect(again).toMatchObject(settings);
  });

  it('does not change with the array that it was made of', () => {
    const given = centroids();
    const book = new Codebook(settings, given);
    given.fill(0);
    expect(book.centroids).toEqual(centroids());
  });

  it('refuses what is none', () => {
    const make =
      (change: object, values = centroids()) =>
      () =>
        new Codebook({ ...settings, ...change }, values);
    for (const change of [
      { dimensions: 0 },
      { dimensions: 4097 },
      { dimensions: 2.5 },
      { subvectors: 0 },
      { subvectors: 6 },
      { metric: 'hamming' },
      { dimensions: 6 },
    ]) {
      expect(make(change), JSON.stringify(change)).toThrow(invalid);
    }
    for (const odd of [NaN, Infinity, -Infinity, 1e16]) {
      const values = centroids();
      values[9] = odd;
      expect(make({}, values), String(odd)).toThrow(invalid);
    }
    expect(make({}, [...centroids()] as never)).toThrow(invalid);
  });

  it('refuses bytes that are none, and those of a later release', () => {
    const bytes = new Codebook(settings, centroids()).encode();
    for (const length of [0, 3, 15, 16, bytes.length - 1]) {
      expect(() => Codebook.decode(bytes.subarray(0, length)), String(length)).toThrow(damaged);
    }
    const changed = (at: number, word: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy.writeUInt32LE(word, at);
      return copy;
    };
    expect(() => Codebook.decode(changed(0, 2))).toThrow(
      expect.objectContaining({ code: 'newer-version' }),
    );
    for (const [at, word] of [
      [0, 0],
      [4, 0],
      [4, 0xffffffff],
      [8, 0],
      [8, 6],
      [12, 3],
      [16, 0x7fc00000],
      [20, 0xff800000],
    ] as const) {
      expect(() => Codebook.decode(changed(at, word)), `${word} at ${at}`).toThrow(damaged);
    }
  });

  it('is for the vectors that it was trained for', () => {
    const book = new Codebook(settings, centroids());
    expect(() => HnswIndex.create({ dimensions: 6, metric: 'dot', codes: book })).toThrow(invalid);
    expect(() => HnswIndex.create({ dimensions: 5, codes: book })).toThrow(invalid);
    const forged = Object.assign(Object.create(null) as object, book) as Codebook;
    expect(() => HnswIndex.create({ dimensions: 5, metric: 'dot', codes: forged })).toThrow(
      invalid,
    );
    expect(() => HnswIndex.create({ dimensions: 5, codes: 'int4' as never })).toThrow(invalid);
    expect(() => HnswIndex.create({ dimensions: 5, codes: 'product' as never })).toThrow(invalid);
  });
});
