/**
 * Runs in a page: what the tests ask of a session, whatever it runs over. A plain module without
 * anything of Node.
 */
import {
  openSession,
  type BidirectionalStream,
  type OpenOptions,
  type Session,
} from '../../transport/websocket/browser.js';

/** As `OpenOptions`, in what can travel to a page. */
export interface PageOptions {
  readonly webTransportUrl?: string;
  readonly hashes?: readonly (readonly number[])[];
  readonly webSocketUrl?: string;
}

const MB = 1024 * 1024;

async function open(options: PageOptions): Promise<{ session: Session; over: string }> {
  const { hashes, webTransportUrl, webSocketUrl } = options;
  const given: OpenOptions = {
    ...(webTransportUrl === undefined ? {} : { webTransportUrl }),
    ...(webSocketUrl === undefined ? {} : { webSocketUrl }),
    ...(hashes === undefined
      ? {}
      : { serverCertificateHashes: hashes.map((hash) => new Uint8Array(hash)) }),
  };
  return await openSession(given);
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (of: Uint8Array): string => new TextDecoder().decode(of);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function sha256(of: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', of as Uint8Array<ArrayBuffer>);
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function whole(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const reader = readable.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    parts.push(value);
  }
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

async function next<T>(readable: ReadableStream<T>): Promise<T> {
  const reader = readable.getReader();
  const { value, done } = await reader.read();
  reader.releaseLock();
  if (done) throw new Error('the stream is over');
  return value;
}

async function send(writable: WritableStream<Uint8Array>, what: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  for (let at = 0; at < what.length; at += 50_000) await writer.write(what.slice(at, at + 50_000));
  await writer.close();
}

/** What became of a promise: the members of an error that tests look at. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { value: await promise };
  } catch (error) {
    const { name, source, streamErrorCode } = error as {
      name: string;
      source?: string;
      streamErrorCode?: number;
    };
    return { name, source, streamErrorCode };
  }
}

/** Opens a session and closes it again; or says that it could not. */
export async function tryToOpen(options: PageOptions): Promise<string> {
  try {
    const { session, over } = await open(options);
    session.close();
    await session.closed;
    return over;
  } catch (error) {
    return `refused: ${(error as Error).name}`;
  }
}

/** Streams of both types, opened by both sides. The node opens its own when asked to. */
export async function streams(options: PageOptions): Promise<unknown> {
  const { session, over } = await open(options);
  const ours = await session.createBidirectionalStream();
  await send(ours.writable, bytes('from the page'));
  const echoed = text(await whole(ours.readable));
  await send(await session.createUnidirectionalStream(), bytes('news of the page'));
  const digest = text(await whole(await next(session.incomingUnidirectionalStreams)));
  const theirs = await next(session.incomingBidirectionalStreams);
  const question = text(await whole(theirs.readable));
  await send(theirs.writable, bytes('answer of the page'));
  const said = text(await whole(await next(session.incomingUnidirectionalStreams)));
  session.close();
  return { over, echoed, digest, question, said };
}

export async function datagrams(options: PageOptions): Promise<unknown> {
  const { session } = await open(options);
  const writer = session.datagrams.writable.getWriter();
  const reader = session.datagrams.readable.getReader();
  const seen = new Set<string>();
  const isSeen = (async () => {
    while (seen.size < 20) {
      const { value, done } = await reader.read();
      if (done) return;
      seen.add(text(value));
    }
  })();
  // A datagram may be lost: again and again until all were echoed.
  for (let round = 0; seen.size < 20 && round < 500; round += 1) {
    for (let index = 0; index < 20; index += 1) {
      if (!seen.has(`datagram ${index}`)) await writer.write(bytes(`datagram ${index}`));
    }
    await Promise.race([isSeen, sleep(20)]);
  }
  const size = session.datagrams.maxDatagramSize;
  session.close();
  return { seen: [...seen].sort(), size };
}

/** 8 MB up and down; the node does not read at first, and the page neither. */
export async function bulk(options: PageOptions): Promise<unknown> {
  const { session } = await open(options);
  const up = new Uint8Array(8 * MB);
  for (let at = 0; at < up.length; at += 65_536)
    crypto.getRandomValues(up.subarray(at, at + 65_536));
  const stream = await session.createBidirectionalStream();
  let writtenBytes = 0;
  const sent = (async () => {
    const writer = stream.writable.getWriter();
    for (let at = 0; at < up.length; at += 50_000) {
      const piece = up.slice(at, at + 50_000);
      await writer.write(piece);
      writtenBytes += piece.length;
    }
    await writer.close();
  })();
  await sleep(500);
  const beforeBytes = writtenBytes;
  const control = session.datagrams.writable.getWriter();
  // Tells the node to read, and to send; until it is heard.
  const timer = setInterval(() => void control.write(bytes('go')), 50);
  await sent;
  const down = await next(session.incomingUnidirectionalStreams);
  await sleep(500);
  const received = await whole(down);
  clearInterval(timer);
  const upHash = text(await whole(stream.readable));
  session.close();
  return {
    beforeBytes,
    upHash,
    upHashHere: await sha256(up),
    downHash: await sha256(received),
    downBytes: received.length,
  };
}

/** Browsers refuse to open a stream at the limit of the peer, our sessions wait. */
async function createPatiently(session: Session): Promise<WritableStream<Uint8Array>> {
  for (;;) {
    try {
      return await session.createUnidirectionalStream();
    } catch (error) {
      if ((error as Error).name !== 'NetworkError') throw error;
      await sleep(10);
    }
  }
}

/** 300 streams at once each way, more than either side allows at a time. */
export async function many(options: PageOptions): Promise<unknown> {
  const { session } = await open(options);
  const seen = new Set<string>();
  const reading = (async () => {
    const reader = session.incomingUnidirectionalStreams.getReader();
    for (let count = 0; count < 300; count += 1) {
      const { value, done } = await reader.read();
      if (done) throw new Error('the session is over');
      seen.add(text(await whole(value)));
    }
  })();
  await Promise.all(
    Array.from({ length: 300 }, async (_, index) =>
      send(await createPatiently(session), bytes(`stream ${index}`)),
    ),
  );
  await reading;
  // The node answers when it has seen all.
  const answer = await next(session.incomingBidirectionalStreams);
  const count = text(await whole(answer.readable));
  session.close();
  return { seen: seen.size, count };
}

/** Codes of streams, in all directions that the engine has. */
export async function codes(options: PageOptions): Promise<unknown> {
  const { session } = await open(options);
  const { WebTransportError } = globalThis as unknown as {
    WebTransportError?: new (init: { message: string; streamErrorCode: number }) => Error;
  };
  const reason = (streamErrorCode: number): Error =>
    WebTransportError === undefined
      ? Object.assign(new Error('no more'), { streamErrorCode })
      : new WebTransportError({ message: 'no more', streamErrorCode });
  // The page aborts what it sends, and cancels what it reads.
  const aborted = await session.createBidirectionalStream();
  // A reset may overtake the head of its stream: not before the node has seen it.
  await next(aborted.readable);
  await aborted.writable.abort(reason(42));
  const cancelled: BidirectionalStream = await session.createBidirectionalStream();
  await cancelled.readable.cancel(reason(43));
  // The node aborts one of its streams, and cancels the other direction of another.
  const incoming = session.incomingBidirectionalStreams;
  const theirs = await next(incoming);
  const seen = theirs.writable.getWriter();
  await seen.write(bytes('seen'));
  const abortedByNode = await failure(whole(theirs.readable));
  const both = await next(incoming);
  const writer = both.writable.getWriter();
  const cancelledByNode = await failure(
    (async () => {
      for (;;) {
        await writer.write(new Uint8Array(100));
        await sleep(5);
      }
    })(),
  );
  session.close();
  return { abortedByNode, cancelledByNode };
}

export async function closedByPage(options: PageOptions): Promise<unknown> {
  const { session } = await open(options);
  session.close({ closeCode: 4_000_000_000, reason: 'the page is done' });
  return await failure(session.closed);
}

export async function closedByNode(options: PageOptions): Promise<unknown> {
  const { session } = await open(options);
  const { closeCode, reason } = await session.closed;
  return { closeCode, reason };
}
