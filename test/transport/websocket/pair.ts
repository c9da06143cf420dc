import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import { WebSocket } from 'ws';
import {
  openWebSocketSession,
  serveWebSocket,
  type GatewayOptions,
} from '../../../transport/websocket/index.js';
import type { Session, SessionRequest } from '../../../transport/webtransport/index.js';
import type { SessionPair } from '../webtransport/session-suite.js';
import { until } from '../../waiting.js';

const open: { readonly server: Server; close(): void }[] = [];

afterEach(() => {
  for (const { server, close } of open.splice(0)) {
    close();
    server.closeAllConnections();
    server.close();
  }
});

export interface TestGateway {
  readonly port: number;
  readonly url: string;
  readonly sessions: { readonly session: Session; readonly request: SessionRequest }[];
}

/** A gateway on loopback, closed after the test. */
export async function serveGateway(options: Partial<GatewayOptions> = {}): Promise<TestGateway> {
  const sessions: { session: Session; request: SessionRequest }[] = [];
  const server = createServer();
  const gateway = serveWebSocket(server, {
    path: '/session',
    onSession: (session, request) => sessions.push({ session, request }),
    ...options,
  });
  open.push({ server, close: () => gateway.close() });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `ws://127.0.0.1:${port}/session`, sessions };
}

/** Opens a session as a page does, with the WebSocket of package `ws`. */
export function connectGateway(url: string, origin?: string): Promise<Session> {
  class PageSocket extends WebSocket {
    constructor(address: string, protocols: string) {
      super(address, protocols, origin === undefined ? {} : { origin });
    }
  }
  return openWebSocketSession(url, PageSocket as never);
}

export async function gatewayPair(): Promise<SessionPair> {
  const gateway = await serveGateway();
  const client = await connectGateway(gateway.url);
  await until(() => gateway.sessions.length === 1);
  return { client, server: gateway.sessions[0]?.session as unknown as Session };
}
