import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { privateKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';

/**
 * The native part of `@chainsafe/libp2p-quic`: quinn and the TLS of rust-libp2p, which share no code
 * with ours. Its JavaScript part is written for libp2p 2 and stays out of this.
 */
const NATIVE = new URL(
  '../../../bench/peers/node_modules/@chainsafe/libp2p-quic/dist/src/napi.js',
  import.meta.url,
);

export interface QuinnStream {
  /** Up to `bytes` of what has come, or null at the end. */
  read(bytes: number): Promise<Uint8Array | null>;
  write(bytes: Uint8Array): Promise<void>;
  finishWrite(): Promise<void>;
}

export interface QuinnConnection {
  inboundStream(): Promise<QuinnStream>;
  outboundStream(): Promise<QuinnStream>;
  remoteMultiaddr(): string;
  closed(): Promise<void>;
  abort(): void;
}

export interface QuinnServer {
  port(): number;
  inboundConnection(): Promise<QuinnConnection>;
  abort(): Promise<void>;
}

export interface QuinnClient {
  outboundConnection(host: string, port: number): Promise<QuinnConnection>;
  abort?(): Promise<void>;
}

interface QuinnModule {
  QuinnConfig: new (options: object) => object;
  Server: new (config: object, host: string, port: number) => QuinnServer;
  Client: new (config: object, family: number) => QuinnClient;
}

const IPV4 = 0;

export async function loadQuinn(): Promise<{
  listen(key: PrivateKey, host: string): QuinnServer;
  client(key: PrivateKey): QuinnClient;
}> {
  if (!existsSync(fileURLToPath(NATIVE))) {
    throw new Error(
      "@chainsafe/libp2p-quic is not installed; run 'npm install --prefix bench/peers' first",
    );
  }
  const { QuinnConfig, Server, Client } = (await import(NATIVE.href)) as QuinnModule;
  const config = (key: PrivateKey): object =>
    new QuinnConfig({
      privateKeyProto: privateKeyToProtobuf(key),
      handshakeTimeout: 5_000,
      maxIdleTimeout: 10_000,
      keepAliveInterval: 5_000,
      maxConcurrentStreamLimit: 256,
      maxStreamData: 10_000_000,
      maxConnectionData: 15_000_000,
      receiveBufferSize: 500_000,
      sendBufferSize: 500_000,
    });
  return {
    listen: (key, host) => new Server(config(key), host, 0),
    client: (key) => new Client(config(key), IPV4),
  };
}
