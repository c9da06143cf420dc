import type { Connection } from '../quic/index.js';
import {
  serveHttp3,
  type Exchange,
  type ExchangeHandler,
  type Field,
  type Http3Connection,
  type Http3Handler,
  type RequestHead,
} from '../http3/index.js';
import { valueOf } from '../http3/message.js';
import type { Http3Session } from './http3-session.js';
import { SESSIONS_MAX } from './limits.js';
import { DRAFT02_REQUEST, DRAFT02_RESPONSE, PROTOCOL, SERVER_SETTINGS } from './protocol.js';
import { isAllowedOrigin, type SessionRequest, type SessionRules } from './session-rules.js';
import { Sessions } from './sessions.js';

export interface AcceptOptions extends SessionRules {
  /** Sessions of one connection; 16 when left out. */
  readonly sessionsMax?: number;
  /** Answers ordinary requests; 404 to all when left out. */
  readonly onRequest?: Http3Handler;
}

/** A connection on which sessions are taken. */
export interface AcceptedConnection {
  readonly quic: Connection;
  readonly sessionsCount: number;
  /** Takes no more sessions and requests, and asks the peer to end its sessions soon. */
  drain(): void;
}

/**
 * Takes sessions of WebTransport on a connection that a client opened with protocol `h3`. Call it
 * in `onConnection`.
 */
export function acceptWebTransport(quic: Connection, options: AcceptOptions): AcceptedConnection {
  const sessions = new Sessions();
  const connection: Http3Connection = serveHttp3(quic, {
    settings: SERVER_SETTINGS,
    handler: options.onRequest ?? (() => ({ status: 404, fields: [] })),
    onConnect: (head, exchange) =>
      head.protocol === PROTOCOL
        ? new SessionRequestHandler(connection, sessions, options, head, exchange)
        : undefined,
    onForeignStream: ({ stream, sessionId }) => sessions.onStream(stream, sessionId),
    onDatagram: (streamId, payload) => sessions.onDatagram(streamId, payload),
    onStreamsAvailable: () => sessions.onStreamsAvailable(),
    isBusy: () => sessions.isBusy,
  });
  return {
    quic,
    get sessionsCount() {
      return sessions.size;
    },
    drain: () => {
      connection.goAway();
      sessions.drain();
    },
  };
}

/** One request for a session: judged, then handed on to the session. */
class SessionRequestHandler implements ExchangeHandler {
  readonly #sessions: Sessions;
  readonly #options: AcceptOptions;
  readonly #head: RequestHead;
  readonly #exchange: Exchange;
  #session: Http3Session | undefined;

  constructor(
    connection: Http3Connection,
    sessions: Sessions,
    options: AcceptOptions,
    head: RequestHead,
    exchange: Exchange,
  ) {
    this.#sessions = sessions;
    this.#options = options;
    this.#head = head;
    this.#exchange = exchange;
    const sessionsMax = options.sessionsMax ?? SESSIONS_MAX;
    const [path = ''] = head.path.split('?');
    const request: SessionRequest = {
      path: head.path,
      authority: head.authority,
      origin: valueOf(head.fields, 'origin'),
      remoteHost: connection.quic.remoteHost,
      remotePort: connection.quic.remotePort,
    };
    if (path !== options.path) this.#refuse(404);
    else if (!isAllowedOrigin(options.allowedOrigins, request.origin)) this.#refuse(403);
    else if (Math.max(sessions.size, sessions.judgedCount) >= sessionsMax) this.#refuse(429);
    else {
      this.#session = sessions.add(connection, exchange);
      void this.#judge(this.#session, request);
    }
  }

  onFields(): void {
    this.#session?.onFields();
  }

  onBody(bytes: Uint8Array): void {
    this.#session?.onBody(bytes);
  }

  onEnd(): void {
    this.#session?.onEnd();
  }

  onDrained(): void {
    this.#session?.onDrained();
  }

  onStopped(): void {
    this.#session?.onStopped();
  }

  onAborted(error: Parameters<ExchangeHandler['onAborted']>[0]): void {
    this.#session?.onAborted(error);
  }

  async #judge(session: Http3Session, request: SessionRequest): Promise<void> {
    let isAllowed: boolean;
    this.#sessions.judgedCount += 1;
    try {
      isAllowed = (await this.#options.authorize?.(request)) ?? true;
    } catch {
      // What went wrong is not for the client.
      isAllowed = false;
    } finally {
      this.#sessions.judgedCount -= 1;
    }
    // It may have given up in the meantime.
    if (this.#exchange.isOver) return;
    if (!isAllowed) {
      this.#session = undefined;
      this.#refuse(403);
      return;
    }
    const isDraft02 = valueOf(this.#head.fields, DRAFT02_REQUEST) !== undefined;
    const fields: Field[] = [[':status', '200']];
    this.#exchange.sendFields(isDraft02 ? [...fields, DRAFT02_RESPONSE] : fields);
    this.#sessions.begin(session, () => this.#options.onSession(session.session, request));
  }

  #refuse(status: number): void {
    this.#sessions.remove(this.#exchange.stream.id);
    this.#exchange.sendFields([[':status', String(status)]], true);
    this.#exchange.stopReading();
  }
}
