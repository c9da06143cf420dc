/** A server that echoes, for tests of what a connection survives. */
import { createHash } from 'node:crypto';
import type { Connection, ConnectionHandler, Engine } from '../../../transport/quic/index.js';
import { WITHIN } from '../../waiting.js';
import { bidirectional, handler, openEngine } from './engines.js';

const ACCEPT = { isAccepted: true } as const;

export interface EchoServer {
  readonly engine: Engine;
  readonly connections: Connection[];
  /** Ports that the server was told the peer is reached at. */
  readonly ports: number[];
}

/** A server that sends back what it gets, with back-pressure. */
export async function echoing(): Promise<EchoServer> {
  const connections: Connection[] = [];
  const ports: number[] = [];
  const engine = await openEngine({
    onConnection: (connection) => {
      connections.push(connection);
      connection.setHandler({
        onStream: (stream) =>
          handler({
            onData: (bytes, isFinal) => {
              if (!stream.write(Buffer.from(bytes), isFinal)) stream.pause();
            },
            onDrained: () => stream.resume(),
          }),
        onStreamsAvailable: () => undefined,
        onPathChanged: () => ports.push(connection.remotePort),
      });
    },
  });
  return { engine, connections, ports };
}

const IGNORING: ConnectionHandler = {
  onStream: () => handler(),
  onStreamsAvailable: () => undefined,
};

export async function dial(engine: Engine, port: number): Promise<Connection> {
  return await engine.connect({
    host: '127.0.0.1',
    port,
    ...WITHIN,
    authenticate: () => ACCEPT,
    onOpen: (connection) => connection.setHandler(IGNORING),
  });
}

/** Sends bytes on a stream of their own and compares what comes back. */
export function echo(connection: Connection, bytes: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    const stream = bidirectional(
      connection,
      handler({
        onData: (chunk, isFinal) => {
          hash.update(chunk);
          if (isFinal) resolve(hash.digest('hex') === sha256(bytes));
        },
        onReset: (code) => reject(new Error(`reset ${code}`)),
        onConnectionClosed: ({ reason }) => reject(new Error(reason)),
      }),
    );
    stream.write(bytes, true);
  });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
