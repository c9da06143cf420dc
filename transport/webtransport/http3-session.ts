import type { ConnectionCloseInfo, Stream, StreamHandler } from '../quic/index.js';
import {
  HTTP3_CODES,
  Http3Error,
  type Exchange,
  type ExchangeHandler,
  type Http3Connection,
} from '../http3/index.js';
import { CapsuleReader, encodeCapsule } from '../http3/capsule.js';
import { SESSION_GONE_CODE, fromHttp3Code, toHttp3Code } from './error-codes.js';
import type { Link, LinkStream, LinkStreamHandler } from './link.js';
import { CAPSULE, decodeClose, encodeClose } from './protocol.js';
import type { CloseInfo } from './session.js';
import { SessionError } from './session-error.js';
import { WebSession } from './web-session.js';

const KNOWN_CAPSULES: ReadonlySet<number> = new Set(Object.values(CAPSULE));

/** What a session asks of those that share its connection. */
export interface SessionOwner {
  remove(id: number): void;
  onStreamTaken(): void;
}

/**
 * A session on a connection of HTTP/3 (draft-ietf-webtrans-http3): the request that opened it
 * carries capsules, its streams and datagrams name that request.
 */
export class Http3Session implements Link, ExchangeHandler {
  readonly session = new WebSession();
  readonly #connection: Http3Connection;
  readonly #exchange: Exchange;
  readonly #sessions: SessionOwner;
  readonly #streams = new Set<SessionStream>();
  readonly #capsules = new CapsuleReader(KNOWN_CAPSULES);
  /** Resolves when the peer has ended its side of the session. */
  readonly finished: Promise<void>;
  #resolveFinished!: () => void;
  #isOver = false;
  #isClosedByPeer = false;

  constructor(connection: Http3Connection, exchange: Exchange, sessions: SessionOwner) {
    this.#connection = connection;
    this.#exchange = exchange;
    this.#sessions = sessions;
    this.finished = new Promise((resolve) => {
      this.#resolveFinished = resolve;
    });
  }

  get id(): number {
    return this.#exchange.stream.id;
  }

  get datagramBytesMax(): number {
    return this.#connection.datagramBytesMax(this.id);
  }

  /** The peer agreed: streams and datagrams may be used. */
  begin(): void {
    this.session.begin(this);
  }

  open(isUnidirectional: boolean, handler: LinkStreamHandler): LinkStream | undefined {
    const stream = new SessionStream(this.#streams, handler);
    const raw = this.#connection.openForeign(isUnidirectional, this.id, stream);
    if (raw !== undefined) return stream.attach(raw);
    this.#streams.delete(stream);
    return undefined;
  }

  /** The peer opened a stream of this session. */
  accept(raw: Stream): StreamHandler {
    const stream = new SessionStream(this.#streams).attach(raw);
    stream.handler = this.session.onStream(stream, raw.isUnidirectional);
    return stream;
  }

  onStreamTaken(): void {
    this.#sessions.onStreamTaken();
  }

  sendDatagram(bytes: Uint8Array): void {
    this.#connection.sendDatagram(this.id, bytes);
  }

  close(info: CloseInfo): void {
    const capsule = encodeCapsule({ type: CAPSULE.close, value: encodeClose(info) });
    this.#exchange.sendBody(capsule, true);
    this.#end(new SessionError('session-closed', 'the session was closed here'));
  }

  /** Asks the peer to end the session soon. */
  drain(): void {
    if (this.#isOver) return;
    this.#exchange.sendBody(encodeCapsule({ type: CAPSULE.drain, value: new Uint8Array() }));
  }

  onFields(): void {
    // Trailers have no meaning here.
  }

  onBody(bytes: Uint8Array): void {
    if (this.#isClosedByPeer) {
      throw new Http3Error('message-error', 'bytes after the close of a session');
    }
    for (const { type, value } of this.#capsules.receive(bytes)) {
      if (type === CAPSULE.close) this.#onClosed(decodeClose(value));
      if (type === CAPSULE.drain) this.session.onDraining();
    }
  }

  onEnd(): void {
    this.#resolveFinished();
    // Without a capsule it is a close with code 0 (draft-ietf-webtrans-http3 6).
    this.#onClosed({ closeCode: 0, reason: '' });
  }

  onDrained(): void {
    // Only capsules are sent, which wait for nothing.
  }

  onStopped(): void {
    this.#lose('the peer gave up the session');
    this.#exchange.abort(HTTP3_CODES['request-cancelled']);
  }

  onAborted(error: Http3Error): void {
    this.#resolveFinished();
    this.#lose(error.message);
  }

  #onClosed(info: CloseInfo): void {
    this.#isClosedByPeer = true;
    if (this.#isOver) return;
    this.session.onClosed(info);
    this.#end(new SessionError('session-closed', 'the peer closed the session'));
    this.#exchange.sendBody(new Uint8Array(), true);
  }

  #lose(why: string): void {
    if (this.#isOver) return;
    const error = new SessionError('session-closed', `the session was lost: ${why}`);
    this.session.onClosed(error);
    this.#end(error);
  }

  #end(error: SessionError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const stream of this.#streams) stream.lose(error);
    this.#streams.clear();
    this.#sessions.remove(this.id);
  }
}

/** A stream of a session on a stream of QUIC: codes are translated. */
class SessionStream implements LinkStream, StreamHandler {
  handler: LinkStreamHandler | undefined;
  readonly #siblings: Set<SessionStream>;
  #raw: Stream | undefined;
  #isReceiveOver = false;
  #isSendOver = false;

  constructor(siblings: Set<SessionStream>, handler?: LinkStreamHandler) {
    this.#siblings = siblings;
    this.handler = handler;
    siblings.add(this);
  }

  attach(raw: Stream): this {
    this.#raw = raw;
    this.#isReceiveOver = raw.isUnidirectional && raw.isLocal;
    this.#isSendOver = raw.isUnidirectional && !raw.isLocal;
    return this;
  }

  write(bytes: Uint8Array, isFinal: boolean): boolean {
    const isTaken = this.#raw?.write(bytes, isFinal) ?? true;
    if (isFinal) this.#endSend();
    return isTaken;
  }

  reset(code: number): void {
    this.#raw?.reset(toHttp3Code(code));
    this.#endSend();
  }

  stop(code: number): void {
    this.#raw?.stop(toHttp3Code(code));
    this.#endReceive();
  }

  pause(): void {
    this.#raw?.pause();
  }

  resume(): void {
    this.#raw?.resume();
  }

  /** The session is over. */
  lose(error: SessionError): void {
    this.#raw?.reset(SESSION_GONE_CODE);
    this.#raw?.stop(SESSION_GONE_CODE);
    this.handler?.onLost(error);
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    this.handler?.onData(bytes, isFinal);
    if (isFinal) this.#endReceive();
  }

  onReset(code: number): void {
    this.handler?.onReset(fromHttp3Code(code));
    this.#endReceive();
  }

  onStopped(code: number): void {
    this.handler?.onStopped(fromHttp3Code(code));
    this.#endSend();
  }

  onDrained(): void {
    this.handler?.onDrained();
  }

  onConnectionClosed(info: ConnectionCloseInfo): void {
    this.#siblings.delete(this);
    this.handler?.onLost(
      new SessionError('session-closed', `the connection is over (${info.kind}): ${info.reason}`),
    );
  }

  #endReceive(): void {
    this.#isReceiveOver = true;
    this.#settle();
  }

  #endSend(): void {
    this.#isSendOver = true;
    this.#settle();
  }

  #settle(): void {
    if (this.#isReceiveOver && this.#isSendOver) this.#siblings.delete(this);
  }
}
