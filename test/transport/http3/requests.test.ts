import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../transport/http3/frame.js';
import { requestHttp3, type Http3Request } from '../../../transport/http3/index.js';
import { REQUESTS_RUNNING_MAX } from '../../../transport/http3/limits.js';
import { rejection } from '../rpc/pair.js';
import { head, http3Pair, whole } from './pair.js';
import { sleep, until } from '../../waiting.js';

const MB = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a request', () => {
  it('is answered with status, fields and body', async () => {
    const seen: Http3Request[] = [];
    const { client } = await http3Pair({
      handler: (request) => {
        seen.push(request);
        return { status: 200, fields: [['x-answer', 'yes']], body: Buffer.from('hello') };
      },
    });
    const request = head('GET', '/path?q=1', { fields: [['x-question', 'there?']] });
    // Again and again, so that the dynamic table is used and acknowledged.
    for (let round = 0; round < 20; round += 1) {
      const response = await requestHttp3(client, request);
      expect([response.status, response.fields]).toEqual([200, [['x-answer', 'yes']]]);
      expect((await whole(response.body)).toString()).toBe('hello');
    }
    expect(seen.length).toBe(20);
    expect(seen[19]).toMatchObject({ ...request, protocol: undefined });
  });

  it('brings 8 MB up and down, whole', async () => {
    const { client } = await http3Pair({
      handler: async (request) => ({ status: 200, fields: [], body: await whole(request.body) }),
    });
    const sent = randomBytes(8 * MB);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < sent.length; at += 100_000) yield sent.subarray(at, at + 100_000);
    }
    const response = await requestHttp3(client, head('POST', '/'), { body: pieces() });
    expect(sha256(await whole(response.body))).toBe(sha256(sent));
  });

  it('stays with the client while the handler does not read', async () => {
    let go: (() => void) | undefined;
    const { client } = await http3Pair({
      handler: async (request) => {
        await new Promise<void>((resolve) => {
          go = resolve;
        });
        return { status: 200, fields: [], body: Buffer.from(sha256(await whole(request.body))) };
      },
    });
    let taken = 0;
    const part = randomBytes(64 * 1024);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (; taken < 100; taken += 1) yield part;
    }
    const answer = requestHttp3(client, head('POST', '/'), { body: pieces() });
    await until(() => go !== undefined);
    await sleep(300);
    // 1 MB of window, what is read ahead, and what waits in a queue: not the 6.4 MB.
    expect(taken).toBeLessThan(40);
    go?.();
    const parts = Array.from({ length: 100 }, () => part);
    expect((await whole((await answer).body)).toString()).toBe(sha256(Buffer.concat(parts)));
  });

  it('becomes 500 when its handler throws, and tells nothing of why', async () => {
    const { client } = await http3Pair({
      handler: () => {
        throw new Error('a secret');
      },
    });
    const response = await requestHttp3(client, head('GET', '/'));
    expect(response.status).toBe(500);
    expect((await whole(response.body)).length).toBe(0);
  });

  it('is not read further when its body is cancelled, and is answered all the same', async () => {
    const { client } = await http3Pair({
      handler: async (request) => {
        await request.body.cancel();
        return { status: 413, fields: [] };
      },
    });
    const body = Buffer.alloc(3 * MB);
    const response = await requestHttp3(client, head('POST', '/'), { body });
    expect(response.status).toBe(413);
  });

  it('gives its place back when its body is not read', async () => {
    const { client } = await http3Pair({ handler: () => ({ status: 200, fields: [] }) });
    const body = Buffer.alloc(200_000);
    // More than there are places for streams, and than the window of the connection.
    for (let round = 0; round < 150; round += 1) {
      const response = await requestHttp3(client, head('POST', '/'), { body });
      expect(response.status).toBe(200);
    }
  });

  it('tells its handler that the client gave up', async () => {
    let signal: AbortSignal | undefined;
    const { client } = await http3Pair({
      handler: (request) => {
        signal = request.signal;
        return new Promise(() => undefined);
      },
    });
    const abort = new AbortController();
    const answer = rejection(requestHttp3(client, head('GET', '/'), { signal: abort.signal }));
    await until(() => signal !== undefined);
    abort.abort();
    expect(await answer).toMatchObject({ code: 'request-cancelled' });
    await until(() => signal?.aborted === true);
  });

  it('fails alone when it is malformed', async () => {
    const { client } = await http3Pair({ handler: () => ({ status: 200, fields: [] }) });
    const bad = head('GET', '/', { fields: [['connection', 'close']] });
    expect(await rejection(requestHttp3(client, bad))).toMatchObject({ code: 'request-cancelled' });
    const short = head('POST', '/', { fields: [['content-length', '9']] });
    const { status } = await requestHttp3(client, head('GET', '/'));
    expect(status).toBe(200);
    const answer = requestHttp3(client, short, { body: Buffer.from('four') });
    // Answered before its body was known to be short, or reset.
    await answer.then(
      (response) => expect(response.status).toBe(200),
      (error: unknown) => expect(error).toMatchObject({ code: 'request-cancelled' }),
    );
    expect((await requestHttp3(client, head('GET', '/'))).status).toBe(200);
  });

  it('is not taken after GOAWAY, and those that run go on', async () => {
    let go: (() => void) | undefined;
    const { client, server } = await http3Pair({
      handler: async () => {
        await new Promise<void>((resolve) => {
          go = resolve;
        });
        return { status: 200, fields: [] };
      },
    });
    const running = requestHttp3(client, head('GET', '/'));
    await until(() => go !== undefined);
    server.goAway();
    await until(() => client.request([], NOBODY) === undefined);
    expect(await rejection(requestHttp3(client, head('GET', '/')))).toMatchObject({
      code: 'request-rejected',
    });
    go?.();
    expect((await running).status).toBe(200);
  });

  it('is rejected while too many run, also when they were given up', async () => {
    let started = 0;
    const { client } = await http3Pair({
      handler: () => {
        started += 1;
        return new Promise(() => undefined);
      },
    });
    for (let index = 0; index < REQUESTS_RUNNING_MAX; index += 1) {
      const abort = new AbortController();
      const options = { signal: abort.signal };
      const given = rejection(requestHttp3(client, head('GET', '/'), options));
      await until(() => started === index + 1);
      abort.abort();
      await given;
    }
    // Its place among the streams may take a moment to come back.
    const refused = await rejection(requestHttp3(client, head('GET', '/')));
    expect(refused).toMatchObject({ code: 'request-cancelled' });
    expect(started).toBe(REQUESTS_RUNNING_MAX);
  });

  it('with CONNECT is refused where nobody takes it', async () => {
    const { client } = await http3Pair({ handler: () => ({ status: 200, fields: [] }) });
    const connect = head('CONNECT', '/', { protocol: 'webtransport' });
    expect((await requestHttp3(client, connect)).status).toBe(501);
  });
});

const NOBODY = {
  onFields: () => undefined,
  onBody: () => undefined,
  onEnd: () => undefined,
  onDrained: () => undefined,
  onStopped: () => undefined,
  onAborted: () => undefined,
};

describe('golden bytes', () => {
  it('of a frame', () => {
    expect(Buffer.from(encodeFrame(0x07, Uint8Array.of(4))).toString('hex')).toBe('070104');
  });
});
