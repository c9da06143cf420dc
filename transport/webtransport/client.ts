import { createHash, timingSafeEqual } from 'node:crypto';
import {
  Http3Connection,
  type Exchange,
  type ExchangeHandler,
  type Field,
  type Http3Error,
} from '../http3/index.js';
import { formatHostPort } from '../identity/peer-address.js';
import { decodeResponse, encodeRequest } from '../http3/message.js';
import type { Authenticate, Engine } from '../quic/index.js';
import type { Http3Session } from './http3-session.js';
import { CLOSE_ANSWER_MS_MAX } from './limits.js';
import { CLIENT_SETTINGS, PROTOCOL, takesSessions } from './protocol.js';
import type { Session } from './session.js';
import { SessionError } from './session-error.js';
import { Sessions } from './sessions.js';

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
  /** As a page would be named; left out by those that are none. */
  readonly origin?: string;
  /** SHA-256 of the certificates that the server may show. */
  readonly serverCertificateHashes: readonly Uint8Array[];
  readonly timeoutMs: number;
}

/**
 * Opens a session with a node, as a page would. The engine must have been opened with protocol `h3`
 * and the signatures of the server's certificate (ECDSA P-256 for short-lived ones). The connection
 * ends with the session. Rejects with `QuicError` or with `SessionError`: `refused`,
 * `session-closed`.
 */
export async function connectWebTransport(
  engine: Engine,
  options: ConnectOptions,
): Promise<Session> {
  const sessions = new Sessions();
  let isReady: (() => void) | undefined;
  const hasSettings = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  const holder: { connection?: Http3Connection } = {};
  const quic = await engine.connect({
    host: options.host,
    port: options.port,
    timeoutMs: options.timeoutMs,
    authenticate: byHash(options.serverCertificateHashes),
    onOpen: (opened) => {
      holder.connection = new Http3Connection(opened, {
        settings: CLIENT_SETTINGS,
        onSettings: () => isReady?.(),
        onForeignStream: ({ stream, sessionId }) => sessions.onStream(stream, sessionId),
        onDatagram: (streamId, payload) => sessions.onDatagram(streamId, payload),
        onStreamsAvailable: () => sessions.onStreamsAvailable(),
        isBusy: () => sessions.isBusy,
      });
    },
  });
  const { connection } = holder;
  const where = whereOf(options);
  if (connection === undefined) {
    throw new SessionError('refused', `the connection to ${where} did not open`);
  }
  const timer = setTimeout(() => void connection.close(), options.timeoutMs);
  try {
    await Promise.race([hasSettings, quic.closed]);
    if (connection.peerSettings === undefined) {
      throw new SessionError('refused', `the server at ${where} ended or sent no settings in time`);
    }
    if (!takesSessions(connection.peerSettings)) {
      throw new SessionError('refused', `the server at ${where} takes no sessions of WebTransport`);
    }
    const session = await request(connection, sessions, options);
    void closeWith(session, connection);
    return session.session;
  } catch (error) {
    void connection.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function request(
  connection: Http3Connection,
  sessions: Sessions,
  options: ConnectOptions,
): Promise<Http3Session> {
  return new Promise((resolve, reject) => {
    const fields: Field[] = options.origin === undefined ? [] : [['origin', options.origin]];
    const head = encodeRequest({
      method: 'CONNECT',
      scheme: 'https',
      authority: formatHostPort(options),
      path: options.path,
      protocol: PROTOCOL,
      fields,
    });
    const where = whereOf(options);
    const answer = new Answer(where, sessions, resolve, reject);
    const exchange = connection.request(head, answer);
    if (exchange === undefined) {
      reject(new SessionError('refused', `the server at ${where} takes no requests`));
    } else answer.begin(exchange, sessions.add(connection, exchange));
  });
}

/** The answer to a request for a session; then the session itself. */
class Answer implements ExchangeHandler {
  readonly #where: string;
  readonly #sessions: Sessions;
  readonly #resolve: (session: Http3Session) => void;
  readonly #reject: (error: SessionError) => void;
  #exchange: Exchange | undefined;
  #session: Http3Session | undefined;
  #isOpen = false;

  constructor(
    where: string,
    sessions: Sessions,
    resolve: (session: Http3Session) => void,
    reject: (error: SessionError) => void,
  ) {
    this.#where = where;
    this.#sessions = sessions;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(exchange: Exchange, session: Http3Session): void {
    this.#exchange = exchange;
    this.#session = session;
  }

  onFields(fields: readonly Field[]): void {
    const session = this.#session;
    if (session === undefined || this.#isOpen) return;
    const { status } = decodeResponse(fields);
    if (status < 200) {
      this.#exchange?.expectHeadAgain();
    } else if (status < 300) {
      this.#isOpen = true;
      this.#sessions.begin(session, () => this.#resolve(session));
    } else {
      const text = `the server at ${this.#where} refused the session: status ${status}`;
      this.#reject(new SessionError('refused', text));
    }
  }

  onBody(bytes: Uint8Array): void {
    if (this.#isOpen) this.#session?.onBody(bytes);
  }

  onEnd(): void {
    if (this.#isOpen) this.#session?.onEnd();
  }

  onDrained(): void {
    this.#session?.onDrained();
  }

  onStopped(): void {
    if (this.#isOpen) this.#session?.onStopped();
  }

  onAborted(error: Http3Error): void {
    this.#session?.onAborted(error);
    const text = `the request for a session at ${this.#where} failed: ${error.message}`;
    this.#reject(new SessionError('refused', text));
  }
}

/** `host:port/path` as errors name it; the query may hold a secret. */
function whereOf(options: ConnectOptions): string {
  return formatHostPort(options) + options.path.replace(/\?.*$/s, '');
}

/** The connection is there for the session only: it ends when the peer knows that it is over. */
async function closeWith(session: Http3Session, connection: Http3Connection): Promise<void> {
  await session.session.closed.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_ANSWER_MS_MAX);
  });
  await Promise.race([session.finished, isLate]);
  clearTimeout(timer);
  await connection.close();
}

function byHash(hashes: readonly Uint8Array[]): Authenticate {
  return (certificate) => {
    const hash = createHash('sha256')
      .update(certificate ?? new Uint8Array())
      .digest();
    const isKnown = hashes.some(
      (each) => each.length === hash.length && timingSafeEqual(each, hash),
    );
    if (isKnown) return { isAccepted: true };
    return { isAccepted: false, code: 0x100, reason: 'the certificate has another hash' };
  };
}
