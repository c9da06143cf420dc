/** A page's side of one session: it is let in, opens streams, and hears when the node is gone. */
import type { BidirectionalStream, Session } from '../../../transport/webtransport/session.js';
import { DocumentError, type DocumentErrorCode } from '../error.js';
import { FrameReader } from './frames.js';
import type { PageIdentity } from './identity.js';
import {
  ADMISSION_FRAME_BYTES_MAX,
  ADMISSION_MS_MAX,
  NODE_FRAME_BYTES_MAX,
  PING_MS,
} from './limits.js';
import { proofBytes } from './proof.js';
import {
  type NodeFrame,
  PAGE_PROTOCOL,
  type PageFrame,
  decodeNodeFrame,
  encodePageFrame,
} from './wire.js';

export class PageSession {
  readonly #session: Session;
  /** By which rights name the page. */
  readonly peerId: string;

  private constructor(session: Session, peerId: string) {
    this.#session = session;
    this.peerId = peerId;
  }

  /**
   * Shows the token and the key. Rejects with `DocumentError`: `not-admitted`, `unsupported-version`,
   * `malformed-frame`, `unavailable`; the session is closed then.
   */
  static async open(session: Session, token: string, identity: PageIdentity): Promise<PageSession> {
    const late = setTimeout(() => session.close(), ADMISSION_MS_MAX);
    try {
      const line = new Line(await session.createBidirectionalStream(), ADMISSION_FRAME_BYTES_MAX);
      await line.send(['begin', PAGE_PROTOCOL]);
      const [, nodePeerId, nonce] = expect(await line.next(), 'challenge');
      const signature = await identity.sign(proofBytes(nodePeerId, nonce));
      await line.send(['proof', token, identity.publicKey, signature]);
      const [, peerId] = expect(await line.next(), 'admitted');
      const admitted = new PageSession(session, peerId);
      void admitted.#watch(line);
      return admitted;
    } catch (error) {
      session.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  /** Resolves when the session is over, whoever ended it. */
  async closed(): Promise<void> {
    await this.#session.closed.catch(() => undefined);
  }

  close(): void {
    this.#session.close();
  }

  /** One open document: what the page says, and what the node answers. */
  async *open(messages: AsyncIterable<unknown>): AsyncIterable<NodeFrame> {
    const line = new Line(await this.#session.createBidirectionalStream(), NODE_FRAME_BYTES_MAX);
    const sending = line.sendAll(messages as AsyncIterable<PageFrame>);
    // What cannot be sent is heard of where answers are read.
    sending.catch(() => undefined);
    try {
      for (;;) {
        const frame = await line.next();
        if (frame === undefined) return;
        if (frame[0] === 'failed') throw failure(frame);
        yield frame;
      }
    } finally {
      await line.cancel();
    }
  }

  /** A connection that is cut says nothing: the node is asked again and again. */
  async #watch(line: Line): Promise<void> {
    let isAnswered = true;
    const timer = setInterval(() => {
      if (!isAnswered) this.#session.close();
      isAnswered = false;
      line.send(['ping']).catch(() => this.#session.close());
    }, PING_MS);
    void this.closed().then(() => clearInterval(timer));
    try {
      while ((await line.next())?.[0] === 'pong') isAnswered = true;
    } catch {
      // As though it had ended.
    }
    clearInterval(timer);
    this.#session.close();
  }
}

/** Frames in both directions of a stream. */
class Line {
  readonly #reader: FrameReader;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor({ readable, writable }: BidirectionalStream, frameBytesMax: number) {
    this.#reader = new FrameReader(readable, { frameBytesMax });
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => undefined);
  }

  async next(): Promise<NodeFrame | undefined> {
    const frame = await this.#reader.next();
    return frame === undefined ? undefined : decodeNodeFrame(frame);
  }

  async send(frame: PageFrame): Promise<void> {
    await this.#writer.write(encodePageFrame(frame));
  }

  async sendAll(frames: AsyncIterable<PageFrame>): Promise<void> {
    for await (const frame of frames) await this.send(frame);
    await this.#writer.close();
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
    await this.#writer.abort().catch(() => undefined);
  }
}

type Kind = NodeFrame[0];

function expect<K extends Kind>(
  frame: NodeFrame | undefined,
  kind: K,
): Extract<NodeFrame, readonly [K, ...unknown[]]> {
  if (frame === undefined) {
    throw new DocumentError('unavailable', 'the node ended the session before it let the page in');
  }
  if (frame[0] === 'failed') throw failure(frame);
  if (frame[0] === kind) return frame as Extract<NodeFrame, readonly [K, ...unknown[]]>;
  const sentence = `the node says ${frame[0]} where ${kind} must be said`;
  throw new DocumentError('malformed-frame', sentence);
}

const CODES: Readonly<Record<DocumentErrorCode, true>> = {
  'bad-name': true,
  'malformed-update': true,
  'forged-author': true,
  'incomplete-update': true,
  'malformed-frame': true,
  'unsupported-version': true,
  'not-admitted': true,
  unavailable: true,
  'too-large': true,
  'not-allowed': true,
  damaged: true,
  disk: true,
  closed: true,
};

function failure([, code, message]: Extract<
  NodeFrame,
  readonly ['failed', ...unknown[]]
>): DocumentError {
  // A code of a later release is one of which nothing is known: another try may help.
  const known = Object.hasOwn(CODES, code) ? (code as DocumentErrorCode) : 'unavailable';
  return new DocumentError(known, message);
}
