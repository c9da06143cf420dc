/** A node's side of one session with a page: lets the page in, and serves a document on each stream. */
import { randomBytes, verify } from 'node:crypto';

import { DocumentError } from '../../src/documents/index.js';
import { FrameReader } from '../../src/documents/page/frames.js';
import {
  ADMISSION_FRAME_BYTES_MAX,
  PAGE_FRAME_BYTES_MAX,
} from '../../src/documents/page/limits.js';
import { proofBytes } from '../../src/documents/page/proof.js';
import {
  NONCE_BYTES,
  type NodeFrame,
  type PageFrame,
  decodePageFrame,
  encodeNodeFrame,
} from '../../src/documents/page/wire.js';
import { peerIdFromPublicKey, publicKeyFromRaw } from '../../transport/identity/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { BidirectionalStream, Session } from '../../transport/webtransport/index.js';
import { messageOf } from '../errors.js';
import type { Access, Speaker } from '../service/access.js';
import { HeldBytes } from './held-bytes.js';
import {
  ADMISSION_MS_MAX,
  CLOSE_MS,
  DOCUMENTS_PER_SESSION_MAX,
  SEND_MS_MAX,
  UNFINISHED_BYTES_PER_SESSION_MAX,
} from './limits.js';

export interface PagePorts {
  readonly access: Access;
  readonly nodePeerId: string;
  /** Serves one open document to somebody who was let in. */
  readonly serve: (messages: AsyncIterable<unknown>, speaker: Speaker) => AsyncIterable<NodeFrame>;
  /** Of unfinished frames, all sessions together. */
  readonly held: HeldBytes;
  /** A page takes a message within this time, in milliseconds; 60 s when left out. */
  readonly sendMs?: number;
}

/** Serves a page until its session is over. Never rejects. */
export async function servePage(session: Session, ports: PagePorts): Promise<void> {
  const late = setTimeout(() => session.close({ reason: 'no proof in time' }), ADMISSION_MS_MAX);
  const held = new HeldBytes(UNFINISHED_BYTES_PER_SESSION_MAX, ports.held);
  const slow = (): void => session.close({ reason: 'the page does not read' });
  const lineOf = (stream: BidirectionalStream, frameBytesMax: number): Line =>
    new Line(stream, {
      frameBytesMax,
      onHeld: held.stream(),
      sendMs: ports.sendMs ?? SEND_MS_MAX,
      slow,
    });
  const streams = session.incomingBidirectionalStreams.getReader();
  try {
    const first = await streams.read();
    if (first.done) return;
    const line = lineOf(first.value, ADMISSION_FRAME_BYTES_MAX);
    const speaker = await admit(line, ports).catch((error: unknown) => line.fail(error));
    clearTimeout(late);
    if (speaker === undefined) {
      // A close may overtake what the stream says.
      setTimeout(() => session.close({ reason: 'the page was not let in' }), CLOSE_MS);
      return;
    }
    const answering = answerPings(line).catch(() => undefined);
    void answering.then(() => session.close({ reason: 'the first stream has ended' }));
    let open = 0;
    for (;;) {
      const { value: stream, done } = await streams.read();
      if (done) return;
      const document = lineOf(stream, PAGE_FRAME_BYTES_MAX);
      open += 1;
      const isTooMany = open > DOCUMENTS_PER_SESSION_MAX;
      void (isTooMany ? document.fail(tooMany()) : serveDocument(document, speaker, ports)).finally(
        () => {
          open -= 1;
        },
      );
    }
  } catch {
    // The session was lost: its streams end with it.
  } finally {
    clearTimeout(late);
  }
}

/** Who the page is. Throws `DocumentError`. */
async function admit(line: Line, { access, nodePeerId }: PagePorts): Promise<Speaker | undefined> {
  requireKind(await line.next(), 'begin');
  const nonce = randomBytes(NONCE_BYTES);
  await line.send(['challenge', nodePeerId, new Uint8Array(nonce)]);
  const [, token, publicKey, signature] = requireKind(await line.next(), 'proof');
  if (!isSigned(proofBytes(nodePeerId, nonce), publicKey, signature)) {
    throw new DocumentError('not-admitted', 'the signature is not of the key that the page names');
  }
  const speaker = { peerId: peerIdFromPublicKey(publicKey) };
  try {
    access.admit(speaker, token === '' ? null : token);
  } catch (error) {
    if (error instanceof RpcError) throw new DocumentError('not-admitted', error.message);
    throw error;
  }
  await line.send(['admitted', speaker.peerId]);
  return speaker;
}

function isSigned(bytes: Uint8Array, publicKey: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, bytes, publicKeyFromRaw(publicKey), signature);
  } catch {
    return false;
  }
}

async function answerPings(line: Line): Promise<void> {
  try {
    for (;;) {
      const frame = await line.next();
      if (frame === undefined) return;
      requireKind(frame, 'ping');
      await line.send(['pong']);
    }
  } catch (error) {
    await line.fail(error);
  }
}

async function serveDocument(line: Line, speaker: Speaker, ports: PagePorts): Promise<void> {
  try {
    ports.access.requireClient(speaker);
    for await (const answer of ports.serve(line.messages(), speaker)) await line.send(answer);
    await line.end();
  } catch (error) {
    await line.fail(error);
  }
}

function requireKind<K extends PageFrame[0]>(
  frame: PageFrame | undefined,
  kind: K,
): Extract<PageFrame, readonly [K, ...unknown[]]> {
  if (frame?.[0] === kind) return frame as Extract<PageFrame, readonly [K, ...unknown[]]>;
  const said = frame === undefined ? 'nothing more' : frame[0];
  throw new DocumentError('malformed-frame', `the page says ${said} where ${kind} must be said`);
}

function tooMany(): DocumentError {
  const sentence = `a session has at most ${DOCUMENTS_PER_SESSION_MAX} documents open: close one`;
  return new DocumentError('unavailable', sentence);
}

interface LineOptions {
  readonly frameBytesMax: number;
  readonly onHeld: (bytes: number) => void;
  readonly sendMs: number;
  /** The page did not take a message in time. */
  readonly slow: () => void;
}

/** Frames in both directions of a stream. */
class Line {
  readonly #reader: FrameReader;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  readonly #options: LineOptions;

  constructor(stream: BidirectionalStream, options: LineOptions) {
    this.#options = options;
    const { frameBytesMax, onHeld } = options;
    this.#reader = new FrameReader(stream.readable, { frameBytesMax, onHeld });
    this.#writer = stream.writable.getWriter();
    this.#writer.closed.catch(() => undefined);
  }

  async next(): Promise<PageFrame | undefined> {
    const frame = await this.#reader.next();
    return frame === undefined ? undefined : decodePageFrame(frame);
  }

  /** All frames of the page; whoever wants no more ends one that is waited for. */
  messages(): AsyncIterableIterator<PageFrame> {
    const next = async (): Promise<IteratorResult<PageFrame>> => {
      const value = await this.next();
      return value === undefined ? { done: true, value } : { done: false, value };
    };
    const messages: AsyncIterableIterator<PageFrame> = {
      [Symbol.asyncIterator]: () => messages,
      next,
      return: async () => {
        await this.#reader.cancel();
        return { done: true, value: undefined };
      },
    };
    return messages;
  }

  /** Resolves when there is room for more: a slow reader holds it up. */
  async send(frame: NodeFrame): Promise<void> {
    const late = setTimeout(this.#options.slow, this.#options.sendMs);
    try {
      await this.#writer.write(encodeNodeFrame(frame));
    } finally {
      clearTimeout(late);
    }
  }

  async end(): Promise<void> {
    await this.#writer.close();
  }

  /** Tells the page what went wrong, and ends the stream. Never rejects. */
  async fail(error: unknown): Promise<undefined> {
    await this.#reader.cancel();
    try {
      const isKnown = error instanceof DocumentError;
      // Of what went wrong inside, a page learns nothing.
      const code = isKnown ? error.code : error instanceof RpcError ? 'not-admitted' : 'closed';
      const message =
        isKnown || error instanceof RpcError ? messageOf(error) : 'the node could not go on';
      await this.send(['failed', code, message]);
      await this.end();
    } catch {
      // It is gone.
    }
    return undefined;
  }
}
