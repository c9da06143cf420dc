import { describe, expect, it } from 'vitest';
import { createEmbedder, embedAll } from '../../../../src/memory/index.js';

const model = 'own';

describe('an embedder of a function', () => {
  it('lets texts that somebody waits for overtake the others', async () => {
    const calls: (readonly string[])[] = [];
    const embedder = createEmbedder({
      model,
      dimensions: 1,
      batchTexts: 2,
      callsUnderWay: 1,
      embed: async (texts) => {
        calls.push(texts);
        await Promise.resolve();
        return texts.map(() => [1]);
      },
    });
    await Promise.all([
      embedder.embed(['b1', 'b2', 'b3', 'b4', 'b5'], 'background'),
      embedder.embed(['i1']),
    ]);
    expect(calls).toEqual([['b1', 'b2'], ['i1'], ['b3', 'b4'], ['b5']]);
  });

  it('gets background texts done beside a program that never stops asking', async () => {
    const calls: (readonly string[])[] = [];
    // What still waits when it is closed fails.
    const ask = (text: string): void => void embedder.embed([text]).catch(() => undefined);
    const embedder = createEmbedder({
      model,
      dimensions: 1,
      batchTexts: 1,
      callsUnderWay: 1,
      embed: async (texts) => {
        calls.push(texts);
        await Promise.resolve();
        // The next one waits before this one is answered.
        if (calls.length < 100) ask(`i${calls.length}`);
        return texts.map(() => [1]);
      },
    });
    ask('i0');
    await embedder.embed(['b1', 'b2'], 'background');
    expect(calls.indexOf(calls.find(([text]) => text === 'b2')!)).toBeLessThan(20);
    await embedder.close();
  });

  it('has no more calls under way than it was told', async () => {
    let running = 0;
    let most = 0;
    const embedder = createEmbedder({
      model,
      dimensions: 1,
      batchTexts: 1,
      callsUnderWay: 3,
      embed: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 2));
        running -= 1;
        return [Float32Array.of(1)];
      },
    });
    await embedder.embed(Array.from({ length: 20 }, String));
    expect(most).toBe(3);
  });

  it('goes on after a call that threw', async () => {
    let count = 0;
    const embed = (): Promise<number[][]> => {
      count += 1;
      return count === 1 ? Promise.reject(new Error('out of memory')) : Promise.resolve([[1]]);
    };
    const embedder = createEmbedder({ model, dimensions: 1, embed });
    await expect(embedder.embed(['a'])).rejects.toMatchObject({
      code: 'embedder',
      message: 'own failed: out of memory',
    });
    expect(await embedder.embed(['a'])).toEqual([Float32Array.of(1)]);
  });

  it('fails a text whose vector is wrong, and no other of the same call', async () => {
    const given = new Map([
      ['first', [0]],
      ['good', [1]],
      ['bad', [NaN]],
      ['long', [2, 3]],
    ]);
    const embedder = createEmbedder({
      model,
      dimensions: 1,
      callsUnderWay: 1,
      embed: (texts) => Promise.resolve(texts.map((text) => given.get(text) ?? [9])),
    });
    // The first occupies the only call; the others share the next.
    const calls = ['first', 'good', 'bad', 'long'].map((text) => embedder.embed([text]));
    const settled = await Promise.allSettled(calls);
    expect(settled.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
  });

  it('bounds what waits', async () => {
    const embedder = createEmbedder({ model, dimensions: 1, embed: () => new Promise(() => {}) });
    const texts = Array.from({ length: 10_001 }, String);
    await expect(embedder.embed(texts)).rejects.toThrow('more than 10000 texts wait');
  });
});

describe('embedding many texts', () => {
  const embedder = createEmbedder({
    model,
    dimensions: 1,
    embed: (texts) => Promise.resolve(texts.map((text) => [Number(text) + 1])),
  });

  it('tells how far it is', async () => {
    const told: unknown[] = [];
    const vectors = await embedAll(embedder, ['0', '1', '2', '3', '4'], {
      roundTexts: 2,
      onProgress: (progress) => told.push(progress),
    });
    expect(vectors.map((vector) => vector[0])).toEqual([1, 2, 3, 4, 5]);
    expect(told).toEqual([2, 4, 5].map((done) => ({ done, total: 5 })));
  });

  it('keeps some rounds under way and no more, and their vectors in order', async () => {
    let waiting = 0;
    let most = 0;
    const embedder = {
      model,
      dimensions: 1,
      embed: async (texts: readonly string[]) => {
        waiting += texts.length;
        most = Math.max(most, waiting);
        // Later rounds answer first.
        await new Promise((resolve) => setTimeout(resolve, 20 - Number(texts[0]) / 10));
        waiting -= texts.length;
        return texts.map((text) => Float32Array.of(Number(text)));
      },
      close: async () => undefined,
    };
    const texts = Array.from({ length: 100 }, (_, at) => String(at));
    const vectors = await embedAll(embedder, texts, { roundTexts: 5, roundsUnderWay: 3 });
    expect(vectors.map(([value]) => value)).toEqual([...texts.keys()]);
    expect(most).toBe(15);
  });

  it('takes no further round after one that failed', async () => {
    const asked: string[] = [];
    const embedder = createEmbedder({
      model,
      dimensions: 1,
      embed: async (texts) => {
        asked.push(...texts);
        if (texts.includes('3')) throw new Error('refused');
        return texts.map(() => [1]);
      },
    });
    const texts = Array.from({ length: 100 }, (_, at) => String(at));
    const all = embedAll(embedder, texts, { roundTexts: 1, roundsUnderWay: 2 });
    await expect(all).rejects.toThrow('refused');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked.length).toBeLessThan(10);
  });

  it('ends when it is told to', async () => {
    const abort = new AbortController();
    const all = embedAll(embedder, ['0', '1', '2'], {
      roundTexts: 1,
      onProgress: () => abort.abort(new Error('enough')),
      signal: abort.signal,
    });
    await expect(all).rejects.toThrow('enough');
  });
});
