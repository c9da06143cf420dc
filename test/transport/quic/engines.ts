import { afterEach } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import {
  openQuicheEngine,
  type Connection,
  type Engine,
  type EngineOptions,
  type Stream,
  type StreamHandler,
} from '../../../transport/quic/index.js';
import { WITHIN, until } from '../../waiting.js';

const open: Engine[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.close(0, '')));
});

const ACCEPT = { isAccepted: true } as const;

/** An engine on loopback with an identity of its own, closed after the test. */
export async function openEngine(options: Partial<EngineOptions> = {}): Promise<Engine> {
  const { privateKeyPem, certificatePem } = createIdentity();
  const engine = await openQuicheEngine({
    host: '127.0.0.1',
    port: 0,
    protocols: ['test'],
    privateKeyPem,
    certificatePem,
    authenticate: () => ACCEPT,
    onConnection: (connection) => connection.setHandler(IGNORE_STREAMS),
    ...options,
  });
  open.push(engine);
  return engine;
}

const nothing = (): void => undefined;

/** A handler that does nothing, but for what is given. */
export function handler(methods: Partial<StreamHandler> = {}): StreamHandler {
  return {
    onData: nothing,
    onReset: nothing,
    onStopped: nothing,
    onDrained: nothing,
    onConnectionClosed: nothing,
    ...methods,
  };
}

const IGNORE_STREAMS = {
  onStream: (): StreamHandler => handler(),
  onStreamsAvailable: (): void => undefined,
};

export interface Connected {
  readonly client: Connection;
  readonly server: Connection;
  readonly serverEngine: Engine;
}

/** Two engines and a connection between them; `onStream` handles what the client opens. */
export async function connected(
  onStream: (stream: Stream) => StreamHandler,
  options: { server?: Partial<EngineOptions>; client?: Partial<EngineOptions> } = {},
): Promise<Connected & { readonly available: () => number }> {
  let server: Connection | undefined;
  let availableCount = 0;
  const serverEngine = await openEngine({
    ...options.server,
    onConnection: (connection) => {
      server = connection;
      connection.setHandler({ onStream, onStreamsAvailable: () => undefined });
    },
  });
  const clientEngine = await openEngine(options.client);
  const client = await clientEngine.connect({
    host: serverEngine.host,
    port: serverEngine.port,
    ...WITHIN,
    authenticate: () => ACCEPT,
    onOpen: (connection) =>
      connection.setHandler({
        ...IGNORE_STREAMS,
        onStreamsAvailable: () => (availableCount += 1),
      }),
  });
  await until(() => server !== undefined);
  return {
    client,
    server: server as unknown as Connection,
    serverEngine,
    available: () => availableCount,
  };
}

/** Opens a stream, or fails. */
export function bidirectional(connection: Connection, with_: StreamHandler = handler()): Stream {
  const stream = connection.openBidirectional(with_);
  if (stream === undefined) throw new Error('no stream');
  return stream;
}
