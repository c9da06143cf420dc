import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import {
  isAllowedOrigin,
  type SessionRequest,
  type SessionRules,
} from '../webtransport/session-rules.js';
import {
  HELLO_MS_MAX,
  MESSAGE_BYTES_MAX,
  PING_MS,
  SESSIONS_MAX,
  SOCKET_BYTES_BUSY,
} from './limits.js';
import { Multiplexer } from './multiplexer.js';
import { SUBPROTOCOL } from './wire.js';

export interface GatewayOptions extends SessionRules {
  /** 256 when left out. */
  readonly sessionsMax?: number;
}

export interface ServedWebSocket {
  /** Takes no more sessions; pages are asked to end theirs. */
  stop(): void;
  /** Takes no more sessions, and ends those that are open. */
  close(): void;
}

/** Reasons of HTTP for the statuses that a gateway answers with. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
};

/**
 * Takes sessions over WebSocket on a server of HTTP (or HTTPS: pages of HTTPS demand it), for
 * browsers and networks without WebTransport. The sessions have the same shape.
 */
export function serveWebSocket(server: Server, options: GatewayOptions): ServedWebSocket {
  const gateway = new Gateway(server, options);
  server.on('upgrade', gateway.onUpgrade);
  return {
    stop: () => gateway.stop(),
    close: () => {
      server.off('upgrade', gateway.onUpgrade);
      gateway.close();
    },
  };
}

class Gateway {
  readonly #server: Server;
  readonly #options: GatewayOptions;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES_MAX,
    // Compression takes memory for each connection, and what agents say is compressed already.
    perMessageDeflate: false,
    handleProtocols: () => SUBPROTOCOL,
  });
  readonly #open = new Set<Multiplexer>();
  /** Upgrades that are being judged. */
  #pendingCount = 0;
  #isStopped = false;

  constructor(server: Server, options: GatewayOptions) {
    this.#server = server;
    this.#options = options;
  }

  readonly onUpgrade = (message: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const path = message.url ?? '';
    if (path.split('?')[0] !== this.#options.path) {
      // Somebody else may know it.
      if (this.#server.listenerCount('upgrade') === 1) refuse(socket, 404);
      return;
    }
    const request: SessionRequest = {
      path,
      authority: message.headers.host ?? '',
      origin: message.headers.origin,
      remoteHost: message.socket.remoteAddress ?? '',
      remotePort: message.socket.remotePort ?? 0,
    };
    const offered = (message.headers['sec-websocket-protocol'] ?? '').split(/ *, */);
    const sessionsMax = this.#options.sessionsMax ?? SESSIONS_MAX;
    if (!isAllowedOrigin(this.#options.allowedOrigins, request.origin)) refuse(socket, 403);
    else if (!offered.includes(SUBPROTOCOL)) refuse(socket, 400);
    else if (this.#isStopped || this.#open.size + this.#pendingCount >= sessionsMax)
      refuse(socket, 503);
    else void this.#judge(request, message, socket, head);
  };

  stop(): void {
    this.#isStopped = true;
    for (const multiplexer of this.#open) multiplexer.drain();
  }

  close(): void {
    this.#isStopped = true;
    for (const multiplexer of this.#open) multiplexer.session.close({ reason: 'the node stops' });
    this.#webSockets.close();
  }

  async #judge(
    request: SessionRequest,
    message: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    // Until the WebSocket listens, an error of the socket would end the process.
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);
    this.#pendingCount += 1;
    let isAllowed: boolean;
    try {
      isAllowed = (await this.#options.authorize?.(request)) ?? true;
    } catch {
      // What went wrong is not for the client.
      isAllowed = false;
    }
    this.#pendingCount -= 1;
    socket.off('error', onError);
    if (!isAllowed || this.#isStopped) refuse(socket, 403);
    else if (!socket.destroyed) {
      this.#webSockets.handleUpgrade(message, socket, head, (webSocket) =>
        this.#begin(webSocket, request),
      );
    }
  }

  #begin(webSocket: WebSocket, request: SessionRequest): void {
    const multiplexer = new Multiplexer(
      {
        send: (bytes) =>
          webSocket.send(bytes, () => {
            if (webSocket.bufferedAmount <= SOCKET_BYTES_BUSY) multiplexer.onWritable();
          }),
        get bufferedBytes() {
          return webSocket.bufferedAmount;
        },
        close: () => webSocket.close(1000),
        terminate: () => webSocket.terminate(),
      },
      true,
    );
    this.#open.add(multiplexer);
    const stopPings = pingUntilGone(webSocket);
    const timer = setTimeout(() => multiplexer.lose('no hello in time'), HELLO_MS_MAX);
    webSocket.on('message', (data, isBinary) => {
      if (!isBinary || !Buffer.isBuffer(data)) multiplexer.lose('the peer sent text');
      else multiplexer.receive(data);
      if (multiplexer.hasHello) clearTimeout(timer);
    });
    webSocket.on('error', (error) => multiplexer.lose(error.message));
    webSocket.on('close', (code) => {
      clearTimeout(timer);
      stopPings();
      this.#open.delete(multiplexer);
      multiplexer.lose(`the WebSocket is closed: ${code}`);
    });
    multiplexer.start();
    multiplexer.session.ready.then(
      () => this.#options.onSession(multiplexer.session, request),
      () => undefined,
    );
  }
}

/** Asks a peer whether it is there; one that missed two questions is gone. */
function pingUntilGone(webSocket: WebSocket): () => void {
  let missed = 0;
  webSocket.on('pong', () => {
    missed = 0;
  });
  const timer = setInterval(() => {
    missed += 1;
    if (missed > 2) webSocket.terminate();
    else webSocket.ping();
  }, PING_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => undefined);
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}
