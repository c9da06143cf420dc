import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Session } from '../../../transport/webtransport/session.js';
import { rejection } from '../rpc/pair.js';
import { sleep } from '../../waiting.js';

const MB = 1024 * 1024;

export interface SessionPair {
  readonly client: Session;
  readonly server: Session;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The next of a stream, or fails when it is over. */
async function next<T>(readable: ReadableStream<T>): Promise<T> {
  const reader = readable.getReader();
  const { value, done } = await reader.read();
  reader.releaseLock();
  if (done || value === undefined) throw new Error('the stream is over');
  return value;
}

async function whole(readable: ReadableStream<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const reader = readable.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return Buffer.concat(parts);
    parts.push(value);
  }
}

async function send(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  for (let at = 0; at < bytes.length; at += 50_000) {
    await writer.ready;
    // Failures show at `close`.
    writer.write(bytes.subarray(at, at + 50_000)).catch(() => undefined);
  }
  await writer.close();
}

/** What every pair of sessions has to do, whatever they run over. */
export function sessionSuite(open: () => Promise<SessionPair>): void {
  describe('streams', () => {
    it('carry bytes both ways, opened by either side', async () => {
      const { client, server } = await open();
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        const ours = await one.createBidirectionalStream();
        await send(ours.writable, Buffer.from('question'));
        const theirs = await next(other.incomingBidirectionalStreams);
        expect(text(await whole(theirs.readable))).toBe('question');
        await send(theirs.writable, Buffer.from('answer'));
        expect(text(await whole(ours.readable))).toBe('answer');
        await send(await one.createUnidirectionalStream(), Buffer.from('news'));
        const news = await next(other.incomingUnidirectionalStreams);
        expect(text(await whole(news))).toBe('news');
      }
    });

    it('are seen by the peer before anything is written', async () => {
      const { client, server } = await open();
      await client.createBidirectionalStream();
      await client.createUnidirectionalStream();
      await next(server.incomingBidirectionalStreams);
      await next(server.incomingUnidirectionalStreams);
    });

    it('bring 8 MB each way at the same time, whole', async () => {
      const { client, server } = await open();
      const up = randomBytes(8 * MB);
      const down = randomBytes(8 * MB);
      const ours = await client.createBidirectionalStream();
      const theirs = await next(server.incomingBidirectionalStreams);
      const [received, answered] = await Promise.all([
        whole(theirs.readable),
        whole(ours.readable),
        send(ours.writable, up),
        send(theirs.writable, down),
      ]);
      expect(sha256(received)).toBe(sha256(up));
      expect(sha256(answered)).toBe(sha256(down));
    });

    it('hold back a writer whose peer does not read, and only that one', async () => {
      const { client, server } = await open();
      const slow = (await client.createUnidirectionalStream()).getWriter();
      let written = 0;
      const done = (async () => {
        for (let index = 0; index < 100; index += 1) {
          await slow.write(new Uint8Array(64 * 1024).fill(index));
          written += 1;
        }
        await slow.close();
      })();
      const readable = await next(server.incomingUnidirectionalStreams);
      await sleep(300);
      // The window of a stream and what is read ahead: not the 6.4 MB.
      expect(written).toBeLessThan(40);
      await send(await client.createUnidirectionalStream(), Buffer.from('overtakes'));
      const other = await next(server.incomingUnidirectionalStreams);
      expect(text(await whole(other))).toBe('overtakes');
      const all = await whole(readable);
      await done;
      expect(all.length).toBe(100 * 64 * 1024);
      expect([all[0], all.at(-1)]).toEqual([0, 99]);
    });

    it('carry the codes of an abort, from either side', async () => {
      const { client, server } = await open();
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        for (const streamErrorCode of [0, 29, 30, 0xffff_ffff]) {
          const { writable } = await one.createBidirectionalStream();
          const { readable } = await next(other.incomingBidirectionalStreams);
          await writable.abort(Object.assign(new Error('no more'), { streamErrorCode }));
          const error = await rejection(whole(readable));
          expect(error).toMatchObject({
            name: 'WebTransportError',
            source: 'stream',
            streamErrorCode,
          });
        }
      }
    });

    it('carry the codes of a cancel to who opened the stream', async () => {
      const { client, server } = await open();
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        const ours = await one.createBidirectionalStream();
        const theirs = await next(other.incomingBidirectionalStreams);
        await ours.readable.cancel({ streamErrorCode: 77 });
        const writer = theirs.writable.getWriter();
        const error = await rejection(
          (async () => {
            for (;;) {
              await writer.write(new Uint8Array(100));
              await sleep(5);
            }
          })(),
        );
        expect(error).toMatchObject({ code: 'stream-stopped', streamErrorCode: 77 });
      }
    });

    it('wait for the limit of the peer, and go on in order', async () => {
      const { client, server } = await open();
      const rounds = 300;
      const reading = (async () => {
        const seen: string[] = [];
        const reader = server.incomingUnidirectionalStreams.getReader();
        while (seen.length < rounds) {
          const { value } = await reader.read();
          if (value === undefined) throw new Error('the session is over');
          await sleep(0);
          seen.push(text(await whole(value)));
        }
        return seen;
      })();
      const opened = Array.from({ length: rounds }, async (_, index) =>
        send(await client.createUnidirectionalStream(), Buffer.from(String(index))),
      );
      await Promise.all(opened);
      expect(new Set(await reading).size).toBe(rounds);
    });

    it('wait with the peer while nobody takes them, and none is lost', async () => {
      const { client, server } = await open();
      const rounds = 250;
      let sentCount = 0;
      const sending = Promise.all(
        Array.from({ length: rounds }, async (_, index) => {
          await send(await client.createUnidirectionalStream(), Buffer.from(String(index)));
          sentCount += 1;
        }),
      );
      await sleep(500);
      // Those that wait to be taken, and those that the peer may open: not all.
      expect(sentCount).toBeLessThan(rounds);
      const seen = new Set<string>();
      const reader = server.incomingUnidirectionalStreams.getReader();
      while (seen.size < rounds) {
        const { value } = await reader.read();
        if (value === undefined) throw new Error('the session is over');
        seen.add(text(await whole(value)));
      }
      await sending;
    });

    it('take bytes in every form that browsers take, and nothing else', async () => {
      const { client, server } = await open();
      const writer = (await client.createUnidirectionalStream()).getWriter();
      const view = new DataView(Buffer.from('xaby').buffer.slice(0));
      expect(view.byteLength).toBeGreaterThan(0);
      await writer.write(new Uint8Array(Buffer.from('a')).buffer as unknown as Uint8Array);
      await writer.write(new DataView(new Uint8Array([0x62]).buffer) as unknown as Uint8Array);
      await writer.close();
      const readable = await next(server.incomingUnidirectionalStreams);
      expect(text(await whole(readable))).toBe('ab');
      const other = (await client.createUnidirectionalStream()).getWriter();
      expect(await rejection(other.write('text' as unknown as Uint8Array))).toBeInstanceOf(
        TypeError,
      );
    });
  });

  describe('datagrams', () => {
    it('go both ways, and those too long are dropped', async () => {
      const { client, server } = await open();
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        expect(one.datagrams.maxDatagramSize).toBeGreaterThan(1_000);
        const writer = one.datagrams.writable.getWriter();
        await writer.write(new Uint8Array(one.datagrams.maxDatagramSize + 1));
        await writer.write(Buffer.from('short'));
        expect(text(await next(other.datagrams.readable))).toBe('short');
        const largest = new Uint8Array(one.datagrams.maxDatagramSize).fill(7);
        await writer.write(largest);
        expect(Buffer.compare(await next(other.datagrams.readable), largest)).toBe(0);
      }
    });
  });

  describe('closing', () => {
    it('tells the peer code and reason, from either side', async () => {
      for (const side of ['client', 'server'] as const) {
        const pair = await open();
        const [one, other] =
          side === 'client' ? [pair.client, pair.server] : [pair.server, pair.client];
        const info = { closeCode: 0xffff_fffe, reason: `good-bye, ${'ü'.repeat(20)}` };
        one.close(info);
        expect(await one.closed).toEqual(info);
        expect(await other.closed).toEqual(info);
        expect((await other.incomingBidirectionalStreams.getReader().read()).done).toBe(true);
        expect(await rejection(other.createBidirectionalStream())).toMatchObject({
          code: 'session-closed',
        });
      }
    });

    it('fails the streams and the datagrams of both sides', async () => {
      const { client, server } = await open();
      const ours = await client.createBidirectionalStream();
      const theirs = await next(server.incomingBidirectionalStreams);
      const reading = [rejection(whole(ours.readable)), rejection(whole(theirs.readable))];
      const datagrams = server.datagrams.readable.getReader().read();
      client.close();
      for (const error of await Promise.all(reading)) {
        expect(error).toMatchObject({ code: 'session-closed', source: 'session' });
      }
      expect((await datagrams).done).toBe(true);
      expect(await server.closed).toEqual({ closeCode: 0, reason: '' });
      expect(await rejection(theirs.writable.getWriter().closed)).toMatchObject({
        code: 'session-closed',
      });
    });

    it('cuts a long reason between characters', async () => {
      const { client, server } = await open();
      client.close({ reason: 'ü'.repeat(1_000) });
      expect((await server.closed).reason).toBe('ü'.repeat(512));
    });

    it('refuses a code of more than 32 bits', async () => {
      const { client } = await open();
      expect(() => client.close({ closeCode: 2 ** 32 })).toThrow('32 bits');
    });
  });
}
