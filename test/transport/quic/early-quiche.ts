import { randomBytes } from 'node:crypto';
import { createIdentity } from '../../../transport/identity/index.js';
import {
  loadNative,
  type NativeConfig,
  type NativeConnection,
} from '../../../transport/quic/quiche/native.js';

/** What 0-RTT needs of the native object. */
export interface EarlyConfig extends NativeConfig {
  enableEarlyData(): void;
}
interface EarlyConnection extends NativeConnection {
  session(): Uint8Array | null;
  setSession(session: Uint8Array): void;
}

/** Where both ends of a connection say to be: their packets are carried by hand. */
export const host = { host: '127.0.0.1', port: 4_433 };

/** For both roles, with early data. */
export function quicheConfig(): EarlyConfig {
  const { privateKeyPem, certificatePem } = createIdentity();
  const config = loadNative().Config.withBoringSslCtx(
    true,
    true,
    undefined,
    [Buffer.from(privateKeyPem)],
    [Buffer.from(certificatePem)],
    'ed25519',
  ) as EarlyConfig;
  config.setApplicationProtos(['agentic-flow/1', 'other/2']);
  config.setMaxIdleTimeout(10_000);
  config.setInitialMaxData(100_000);
  config.setInitialMaxStreamsBidi(10);
  config.enableEarlyData();
  return config;
}

/** A client that has sent nothing yet. */
export function dial(config: NativeConfig): EarlyConnection {
  const { Connection } = loadNative();
  const name = 'peer.example';
  return Connection.connect(name, randomBytes(16), host, host, config) as EarlyConnection;
}

/** What a connection has to send now. */
export function sendAll(connection: NativeConnection): Buffer[] {
  const datagrams: Buffer[] = [];
  const room = new Uint8Array(1_350);
  for (;;) {
    const sent = connection.send(room);
    if (sent === null) return datagrams;
    datagrams.push(Buffer.from(room.slice(0, sent[0])));
  }
}

/** Carries packets both ways until the client has a session to resume. */
function sessionOf(client: EarlyConnection, server: NativeConnection): Uint8Array {
  for (let round = 0; round < 10; round += 1) {
    for (const datagram of sendAll(client)) server.recv(datagram, { from: host, to: host });
    for (const datagram of sendAll(server)) client.recv(datagram, { from: host, to: host });
    const session = client.session();
    if (session !== null && client.isEstablished()) return session;
  }
  throw new Error('quiche gave no session in ten rounds');
}

/** A session that a server of quiche gave to a client of quiche. */
export function newSession(config: EarlyConfig): Uint8Array {
  const { Connection } = loadNative();
  const server = Connection.accept(randomBytes(16), undefined, host, host, config);
  return sessionOf(dial(config), server);
}
