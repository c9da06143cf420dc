import type { Stream, StreamHandler } from '../quic/index.js';
import { Http3Error, type Exchange, type Http3Connection } from '../http3/index.js';
import { EarlyStreams } from './early-streams.js';
import { SESSION_GONE_CODE } from './error-codes.js';
import { Http3Session, type SessionOwner } from './http3-session.js';
import { CLOSED_SESSIONS_REMEMBERED } from './limits.js';

/** The sessions of one connection: who gets a stream or a datagram that names one. */
export class Sessions implements SessionOwner {
  readonly #sessions = new Map<number, Http3Session>();
  #connection: Http3Connection | undefined;
  readonly #early = new EarlyStreams();
  /** Requests that are being judged, also those that were given up in the meantime. */
  judgedCount = 0;
  readonly #closedIds = new Set<number>();
  /** Those whose streams need not wait. */
  readonly #begun = new WeakSet<Http3Session>();

  get size(): number {
    return this.#sessions.size;
  }

  /** Whether streams of the peer should wait: somebody has enough of them. */
  get isBusy(): boolean {
    for (const { session } of this.#sessions.values()) if (session.isBusy) return true;
    return false;
  }

  onStreamTaken(): void {
    this.#connection?.resumeStreams();
  }

  /** A request asks for a session. Its streams wait until `begin`. */
  add(connection: Http3Connection, exchange: Exchange): Http3Session {
    const { id } = exchange.stream;
    this.#connection = connection;
    const session = new Http3Session(connection, exchange, this);
    this.#sessions.set(id, session);
    return session;
  }

  /** Both sides agreed to it: the session is handed to its user before its first stream. */
  begin(session: Http3Session, hand: () => void): void {
    session.begin();
    hand();
    for (const payload of this.#early.datagrams(session.id)) session.session.onDatagram(payload);
    this.#early.begin(session.id, (stream) => session.accept(stream));
    this.#begun.add(session);
  }

  /** Asks the peer to end its sessions soon. */
  drain(): void {
    for (const session of this.#sessions.values()) if (this.#begun.has(session)) session.drain();
  }

  remove(id: number): void {
    this.#sessions.delete(id);
    this.#early.refuse(id, SESSION_GONE_CODE);
    this.#closedIds.add(id);
    for (const oldest of this.#closedIds) {
      if (this.#closedIds.size <= CLOSED_SESSIONS_REMEMBERED) break;
      this.#closedIds.delete(oldest);
    }
  }

  /** A stream that names a session. Throws `Http3Error` when that can be none. */
  onStream(stream: Stream, sessionId: number): StreamHandler {
    checkSessionId(sessionId);
    const session = this.#sessions.get(sessionId);
    if (session !== undefined && this.#begun.has(session)) return session.accept(stream);
    const early = this.#early.add(stream, sessionId);
    if (this.#closedIds.has(sessionId)) this.#early.refuse(sessionId, SESSION_GONE_CODE);
    return early;
  }

  onDatagram(sessionId: number, payload: Uint8Array): void {
    const session = this.#sessions.get(sessionId);
    if (session !== undefined && this.#begun.has(session)) session.session.onDatagram(payload);
    else if (!this.#closedIds.has(sessionId)) this.#early.addDatagram(sessionId, payload);
  }

  onStreamsAvailable(): void {
    for (const { session } of this.#sessions.values()) session.onStreamsAvailable();
  }
}

/** Only a bidirectional stream of the client can have opened a session. */
function checkSessionId(sessionId: number): void {
  if (sessionId % 4 === 0 && Number.isSafeInteger(sessionId)) return;
  throw new Http3Error('id-error', `a stream of session ${sessionId}, which can be none`);
}
