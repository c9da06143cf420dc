import { createHash, X509Certificate } from 'node:crypto';
import { createIdentity } from '../../../transport/identity/index.js';
import type { Engine } from '../../../transport/quic/index.js';
import {
  acceptWebTransport,
  connectWebTransport,
  type AcceptOptions,
  type ConnectOptions,
  type Session,
  type SessionRequest,
} from '../../../transport/webtransport/index.js';
import { openEngine } from '../quic/engines.js';
import type { SessionPair } from './session-suite.js';
import { until } from '../../waiting.js';

export interface TestServer {
  readonly engine: Engine;
  readonly hash: Uint8Array;
  readonly sessions: { readonly session: Session; readonly request: SessionRequest }[];
}

/** A server of WebTransport on an engine of its own, closed after the test. */
export async function serve(options: Partial<AcceptOptions> = {}): Promise<TestServer> {
  const { privateKeyPem, certificatePem } = createIdentity();
  const sessions: { session: Session; request: SessionRequest }[] = [];
  const engine = await openEngine({
    protocols: ['h3'],
    privateKeyPem,
    certificatePem,
    onConnection: (quic) => {
      acceptWebTransport(quic, {
        path: '/session',
        onSession: (session, request) => sessions.push({ session, request }),
        ...options,
      });
    },
  });
  const hash = createHash('sha256').update(new X509Certificate(certificatePem).raw).digest();
  return { engine, hash, sessions };
}

export async function connect(
  server: TestServer,
  options: Partial<ConnectOptions> = {},
): Promise<Session> {
  const engine = await openEngine({ protocols: ['h3'] });
  return await connectWebTransport(engine, {
    host: server.engine.host,
    port: server.engine.port,
    path: '/session',
    serverCertificateHashes: [server.hash],
    timeoutMs: 60_000,
    ...options,
  });
}

export async function sessionPair(): Promise<SessionPair> {
  const server = await serve();
  const client = await connect(server);
  await until(() => server.sessions.length === 1);
  return { client, server: server.sessions[0]?.session as unknown as Session };
}
