/**
 * The gateway of a node for pages: documents over WebTransport on the UDP port of the node, and over
 * WebSocket on a TCP port of its own, where a page also asks for the hashes of certificates:
 *
 *     GET /documents   ->   {"protocol":1,"peerId":"...","webTransport":{"port":4433,"hashes":["..."]}}
 */
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

import { PAGE_PROTOCOL } from '../../src/documents/page/wire.js';
import { formatHostPort } from '../../transport/identity/index.js';
import type { HostPort } from '../../transport/identity/index.js';
import type { Engine } from '../../transport/quic/index.js';
import { serveWebSocket } from '../../transport/websocket/index.js';
import type { ServedWebSocket } from '../../transport/websocket/index.js';
import { serveWebTransport } from '../../transport/webtransport/index.js';
import type { ServedWebTransport, SessionRules } from '../../transport/webtransport/index.js';
import { NodeError, messageOf } from '../errors.js';
import { PORT_RETRY_MS } from '../limits.js';
import { HeldBytes } from './held-bytes.js';
import {
  HTTP_HEAD_MS_MAX,
  SESSIONS_MAX,
  TCP_CONNECTIONS_MAX,
  UNFINISHED_BYTES_MAX,
} from './limits.js';
import { type PagePorts, servePage } from './page-session.js';

/** Where sessions are opened, over either. */
const PAGES_PATH = '/documents';

export interface PagesOptions {
  /** The TCP address of the gateway; port 0 takes any. */
  readonly listen: HostPort;
  /** Without them pages come over plain HTTP: on the loopback, or behind a proxy that speaks TLS. */
  readonly tls?: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** `https://host:port` of the sites whose pages may come; without them those of any site. */
  readonly origins?: readonly string[];
}

export class NodePages {
  readonly #peerId: string;
  readonly #server: Server;
  readonly #webSocket: ServedWebSocket;
  readonly #webTransport: ServedWebTransport;
  readonly #engine: Engine;
  readonly #origins: readonly string[] | undefined;
  readonly #sessions = new Set<{ close(info: { readonly reason: string }): void }>();

  private constructor(engine: Engine, options: PagesOptions, ports: Omit<PagePorts, 'held'>) {
    this.#engine = engine;
    this.#peerId = ports.nodePeerId;
    this.#origins = options.origins;
    const held = new HeldBytes(UNFINISHED_BYTES_MAX);
    const rules: SessionRules = {
      path: PAGES_PATH,
      ...(options.origins === undefined ? {} : { allowedOrigins: options.origins }),
      onSession: (session) => {
        if (this.#sessions.size >= 2 * SESSIONS_MAX) {
          session.close({ reason: 'this node has enough pages' });
          return;
        }
        this.#sessions.add(session);
        const forget = (): void => void this.#sessions.delete(session);
        session.closed.then(forget, forget);
        void servePage(session, { ...ports, held });
      },
    };
    const { tls } = options;
    const heads = {
      headersTimeout: HTTP_HEAD_MS_MAX,
      connectionsCheckingInterval: HTTP_HEAD_MS_MAX / 2,
    };
    this.#server =
      tls === undefined
        ? createHttpServer(heads, this.#answer)
        : createHttpsServer(
            { ...heads, cert: tls.certificatePem, key: tls.privateKeyPem },
            this.#answer,
          );
    this.#server.maxConnections = TCP_CONNECTIONS_MAX;
    this.#webSocket = serveWebSocket(this.#server, { ...rules, sessionsMax: SESSIONS_MAX });
    this.#webTransport = serveWebTransport(engine, rules);
  }

  /**
   * Serves pages on an engine and on a TCP port. For `waitMs` another process may hold the port still.
   * Throws `NodeError` `address` when the port or the certificate cannot be used.
   */
  static async open(
    engine: Engine,
    options: PagesOptions,
    ports: Omit<PagePorts, 'held'>,
    waitMs = 0,
  ): Promise<NodePages> {
    let pages: NodePages | undefined;
    try {
      pages = new NodePages(engine, options, ports);
      await pages.#listen(options.listen, performance.now() + waitMs);
      return pages;
    } catch (error) {
      pages?.close();
      const where = formatHostPort(options.listen);
      const sentence = `pages cannot be served at ${where}: ${messageOf(error)}`;
      throw new NodeError('address', sentence, error);
    }
  }

  /** The TCP port. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Takes no more sessions, and ends those that are open: pages go to another node. */
  close(): void {
    this.#webTransport.stop();
    this.#webSocket.close();
    for (const session of this.#sessions) session.close({ reason: 'the node stops' });
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #listen({ host, port }: HostPort, deadlineMs: number): Promise<void> {
    for (;;) {
      try {
        await new Promise<void>((resolve, reject) => {
          this.#server.once('error', reject);
          this.#server.listen(port, host, () => {
            this.#server.off('error', reject);
            resolve();
          });
        });
        return;
      } catch (error) {
        const isTaken = (error as { code?: unknown }).code === 'EADDRINUSE';
        if (!isTaken || performance.now() >= deadlineMs) throw error;
        await sleep(PORT_RETRY_MS);
      }
    }
  }

  readonly #answer = (request: IncomingMessage, response: ServerResponse): void => {
    const [path] = (request.url ?? '').split('?');
    const { origin } = request.headers;
    const isAllowed =
      origin === undefined || this.#origins === undefined || this.#origins.includes(origin);
    if (request.method !== 'GET' || path !== PAGES_PATH || !isAllowed) {
      response.writeHead(isAllowed ? 404 : 403, { connection: 'close' }).end();
      return;
    }
    const hashes = this.#webTransport.certificateHashes.map((hash) =>
      Buffer.from(hash).toString('hex'),
    );
    const webTransport = { port: this.#engine.port, hashes };
    const body = { protocol: PAGE_PROTOCOL, peerId: this.#peerId, webTransport };
    response.writeHead(200, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(origin === undefined ? {} : { 'access-control-allow-origin': origin, vary: 'origin' }),
    });
    response.end(JSON.stringify(body));
  };
}
