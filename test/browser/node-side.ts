import { createHash, randomBytes } from 'node:crypto';
import type { Session, SessionRequest } from '../../transport/webtransport/index.js';

const MB = 1024 * 1024;

/** What the node saw of the sessions of a page. */
export interface Seen {
  readonly codes: Map<string, unknown>;
  readonly closes: unknown[];
  readonly answers: string[];
  /** Sent down by `bulk`. */
  downHash: string;
  /** Bytes that the page took before it read. */
  downBeforeBytes: number;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function whole(readable: ReadableStream<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of readable) parts.push(part);
  return Buffer.concat(parts);
}

async function send(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(bytes);
  await writer.close();
}

async function next<T>(readable: ReadableStream<T>): Promise<T> {
  const reader = readable.getReader();
  const { value, done } = await reader.read();
  reader.releaseLock();
  if (done) throw new Error('the stream is over');
  return value;
}

/** The part of the node in each test, by the query of the path. */
export function play(session: Session, request: SessionRequest, seen: Seen): void {
  const part = PARTS[request.path.split('?')[1] ?? ''];
  session.closed.then(
    (info) => seen.closes.push(info),
    () => undefined,
  );
  part?.(session, seen).catch(() => {
    // The page finds out: its side of the part does not come to an end.
    session.close({ closeCode: 1, reason: 'the node failed' });
  });
}

const PARTS: Readonly<Record<string, (session: Session, seen: Seen) => Promise<void>>> = {
  async streams(session, seen) {
    const theirs = await next(session.incomingBidirectionalStreams);
    await send(theirs.writable, await whole(theirs.readable));
    const news = await next(session.incomingUnidirectionalStreams);
    const digest = sha256(await whole(news));
    await send(await session.createUnidirectionalStream(), Buffer.from(digest));
    const ours = await session.createBidirectionalStream();
    await send(ours.writable, Buffer.from('question of the node'));
    seen.answers.push((await whole(ours.readable)).toString());
    await send(await session.createUnidirectionalStream(), Buffer.from('news of the node'));
  },

  async datagrams(session) {
    const writer = session.datagrams.writable.getWriter();
    for await (const datagram of session.datagrams.readable) await writer.write(datagram);
  },

  async bulk(session, seen) {
    const stream = await next(session.incomingBidirectionalStreams);
    await next(session.datagrams.readable);
    const received = await whole(stream.readable);
    await send(stream.writable, Buffer.from(sha256(received)));
    const down = randomBytes(8 * MB);
    seen.downHash = sha256(down);
    const writer = (await session.createUnidirectionalStream()).getWriter();
    let writtenBytes = 0;
    setTimeout(() => {
      seen.downBeforeBytes = writtenBytes;
    }, 300);
    for (let at = 0; at < down.length; at += 50_000) {
      await writer.write(down.subarray(at, at + 50_000));
      writtenBytes += 50_000;
    }
    await writer.close();
  },

  async many(session) {
    const texts = new Set<string>();
    const sending = Array.from({ length: 300 }, async (_, index) =>
      send(await session.createUnidirectionalStream(), Buffer.from(`stream ${index}`)),
    );
    const reader = session.incomingUnidirectionalStreams.getReader();
    while (texts.size < 300) {
      const { value, done } = await reader.read();
      if (done) return;
      texts.add((await whole(value)).toString());
    }
    await Promise.all(sending);
    const { writable } = await session.createBidirectionalStream();
    await send(writable, Buffer.from(String(texts.size)));
  },

  async codes(session, seen) {
    const note = async (name: string, promise: Promise<unknown>): Promise<void> => {
      await promise.catch((error: unknown) => {
        const { code, streamErrorCode } = error as { code?: string; streamErrorCode?: number };
        seen.codes.set(name, { code, streamErrorCode });
      });
    };
    const aborted = await next(session.incomingBidirectionalStreams);
    await send(aborted.writable, Buffer.from('seen'));
    await note('aborted', whole(aborted.readable));
    const cancelled = (await next(session.incomingBidirectionalStreams)).writable.getWriter();
    await note(
      'cancelled',
      (async () => {
        for (;;) {
          await cancelled.write(new Uint8Array(100));
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })(),
    );
    const ours = await session.createBidirectionalStream();
    await next(ours.readable);
    await ours.writable.abort({ streamErrorCode: 44 });
    const both = await session.createBidirectionalStream();
    await next(both.readable);
    await both.readable.cancel({ streamErrorCode: 45 });
  },

  async close(session) {
    session.close({ closeCode: 3_000_000_000, reason: 'the node is done' });
  },
};
