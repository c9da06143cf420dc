import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createHttpEmbedder,
  type Embedder,
  type HttpEmbedderOptions,
} from '../../../../src/memory/index.js';
import { json, Service, vectorsOf } from './service.js';

const KEY = 'sk-secret-1234';

describe('an embedder that asks a service', () => {
  let service: Service;
  const embedders: Embedder[] = [];

  beforeEach(async () => {
    service = await Service.start();
  });

  afterEach(async () => {
    for (const embedder of embedders.splice(0)) await embedder.close();
    await service.stop();
  });

  function open(options: Partial<HttpEmbedderOptions> = {}): Embedder {
    const { baseUrl } = service;
    const embedder = createHttpEmbedder({ baseUrl, model: 'm', dimensions: 3, ...options });
    embedders.push(embedder);
    return embedder;
  }

  function failure(embedder: Embedder): Promise<Error> {
    return embedder.embed(['text']).then(
      () => Promise.reject(new Error('it did not fail')),
      (error: unknown) => error as Error,
    );
  }

  it('asks as OpenAI documents it, with many texts a call, and answers in their order', async () => {
    service.answers.push(({ body }, response) => {
      json(200, { data: vectorsOf(body.input).toReversed() })({} as never, response);
    });
    const embedder = open({ apiKey: KEY, batchTexts: 3, callsUnderWay: 1 });
    const vectors = await embedder.embed(['a', 'bb', 'ccc', 'dddd']);
    expect(vectors).toEqual([1, 2, 3, 4].map((length) => Float32Array.of(length, 1, 0.5)));
    expect(service.asked).toEqual([
      {
        path: '/v1/embeddings',
        authorization: `Bearer ${KEY}`,
        body: { model: 'm', encoding_format: 'float', input: ['a', 'bb', 'ccc'] },
      },
      expect.objectContaining({
        body: { model: 'm', encoding_format: 'float', input: ['dddd'] },
      }),
    ]);
  });

  it('names shortened vectors by their length', async () => {
    const embedder = open({ shorten: true });
    await embedder.embed(['a']);
    expect(embedder.model).toBe('m@3');
    expect(service.asked[0]?.body).toMatchObject({ model: 'm', dimensions: 3 });
  });

  it('tries again after overload, failures and lost connections, as often as it was told', async () => {
    service.answers.push(
      json(429, { error: { message: 'slow down' } }, { 'retry-after': '0' }),
      json(503, {}, { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }),
      (_asked, response) => response.destroy(),
    );
    const [vector] = await open().embed(['four']);
    expect(vector?.[0]).toBe(4);
    expect(service.asked).toHaveLength(4);

    service.answers.push(json(500, {}), json(500, { error: 'it is broken' }));
    const error = await failure(open({ attempts: 2 }));
    expect(error).toMatchObject({ code: 'embedder' });
    expect(error.message).toContain('was asked 2 times');
    expect(error.message).toContain('status 500: it is broken');
    expect(service.asked).toHaveLength(6);
  });

  it('waits as long as the service says', async () => {
    service.answers.push(json(429, {}, { 'retry-after': '0.3' }));
    const startedMs = performance.now();
    await open().embed(['a']);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(299);
  });

  it('gives up an answer that does not come', async () => {
    service.answers.push(() => undefined);
    const error = await failure(open({ timeoutMs: 50, attempts: 1 }));
    expect(error.message).toContain('no answer within 50 ms');
  });

  it('fails at once where trying again is of no use, and never shows the key', async () => {
    service.answers.push(json(401, { error: { message: `Incorrect API key ${KEY}\nprovided` } }));
    const error = await failure(open({ apiKey: KEY }));
    expect(error).toMatchObject({ code: 'embedder' });
    expect(error.message).toMatch(
      /refused with status 401: Incorrect API key \(the key\) provided/,
    );
    expect(service.asked).toHaveLength(1);
  });

  it('follows no redirect', async () => {
    service.answers.push(json(307, {}, { location: 'http://127.0.0.1:1/' }));
    expect((await failure(open())).message).toContain('which is not followed');
  });

  it.each([
    ['is no JSON', 'nonsense'],
    ['has not `data` with 1 elements', '{"data":[]}'],
    ['has not `data` with 1 elements', 'null'],
    ['has an element without', '{"data":[null]}'],
    ['has an element without', '{"data":[{"index":0,"embedding":"AAAA"}]}'],
    ['has no vector for text 0', '{"data":[{"index":1,"embedding":[1,2,3]}]}'],
    ['a vector of 2 components; 3 were said', '{"data":[{"index":0,"embedding":[1,2]}]}'],
    ['component 1 is not finite', '{"data":[{"index":0,"embedding":[1,null,3]}]}'],
    ['component 2 is not finite', '{"data":[{"index":0,"embedding":[1,2,1e39]}]}'],
    ['a vector of zeros', '{"data":[{"index":0,"embedding":[0,0,1e-60]}]}'],
  ])('refuses an answer: %s', async (sentence, body) => {
    service.answers.push((_asked, response) => response.end(body));
    const error = await failure(open());
    expect(error).toMatchObject({ code: 'embedder' });
    expect(error.message).toContain(sentence);
    expect(service.asked).toHaveLength(1);
  });

  it('stops reading an answer that does not end', async () => {
    let isClosed = false;
    service.answers.push((_asked, response) => {
      response.on('close', () => (isClosed = true));
      const pour = (): void => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
      };
      response.on('drain', pour);
      pour();
    });
    expect((await failure(open())).message).toContain('answers with more than');
    await expect.poll(() => isClosed).toBe(true);
  });

  it.each([
    [{ baseUrl: 'file:///etc/passwd' }, 'no http or https URL'],
    [{ baseUrl: 'localhost' }, 'no http or https URL'],
    [{ baseUrl: 'https://me:secret@host/v1' }, 'must not hold a password'],
    [{ apiKey: 'a\nb' }, 'no header can carry'],
    [{ dimensions: 0 }, 'dimensions must be'],
    [{ batchTexts: 1e9 }, 'batchTexts must be'],
    [{ attempts: 0 }, 'attempts must be'],
    [{ model: '' }, 'model must have'],
  ])('refuses %j', (options, sentence) => {
    expect(() => open(options)).toThrow(sentence);
    expect(() => open(options)).toThrow(expect.objectContaining({ code: 'invalid' }) as Error);
  });

  it('fails what waits when it is closed, and ends what is under way', async () => {
    service.answers.push(() => undefined);
    const embedder = open({ callsUnderWay: 1, batchTexts: 1 });
    const calls = Promise.allSettled([embedder.embed(['a']), embedder.embed(['b'])]);
    await expect.poll(() => service.asked.length).toBe(1);
    await embedder.close();
    for (const call of await calls) {
      expect(call).toMatchObject({ status: 'rejected', reason: { code: 'embedder' } });
    }
    await expect(embedder.embed(['c'])).rejects.toThrow('was closed');
    expect(service.asked).toHaveLength(1);
  });
});
