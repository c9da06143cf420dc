import { randomBytes } from 'node:crypto';
import { createIdentity } from '../../transport/identity/index.js';
import {
  openQuicheEngine,
  type Connection,
  type ConnectOptions,
  type Engine,
  type EngineOptions,
  type Stream,
  type StreamHandler,
} from '../../transport/quic/index.js';
import { listenRpc, type RpcConnection, type RpcEndpoint } from '../../transport/rpc/index.js';
import {
  fillUntil,
  host,
  NO_ADDRESS,
  TIMEOUT_MS,
  type Client,
  type Resumption,
  type ServerAddress,
  type Transport,
} from './link.js';

const ECHO_PROTOCOL = 'agentic-flow-bench-echo/1';
const COUNT_PROTOCOL = 'agentic-flow-bench-count/1';
const TICKET_KEY_BYTES = 48;
/** First byte of an answer to early data, so that the client knows that it was early. */
const EARLY_MARK = 0xe1;
const ACCEPTED = { isAccepted: true } as const;

/** Calls through `listenRpc`; bulk and handshakes on streams and connections of the engine. */
export const agenticFlow: Transport = {
  serve: async () => {
    const identity = createIdentity();
    const handlers = { echo: (payload: unknown) => payload };
    const endpoint = await listenRpc({ identity, host, port: 0, handlers });
    const engine = await openServerEngine();
    return { ...NO_ADDRESS, port: endpoint.port, bulkPort: engine.port, peerId: endpoint.peerId };
  },
  connect: async (address) => {
    const engine = await EngineClient.connect(address);
    const endpoint = await listenRpc({ identity: createIdentity(), host, port: 0, handlers: {} });
    const { port, peerId } = address;
    const connection = await endpoint.connect({ host, port, peerId }, { timeoutMs: TIMEOUT_MS });
    return new RpcClient(endpoint, connection, engine);
  },
};

/** One stream of the engine for each call, without the layer of calls above it. */
export const engineStreams: Transport = {
  serve: async () => ({ ...NO_ADDRESS, bulkPort: (await openServerEngine()).port }),
  connect: async (address) => {
    const client = await EngineClient.connect(address);
    return { echo: (payload) => client.echo(payload), close: () => client.close() };
  },
};

function openServerEngine(): Promise<Engine> {
  const keys = [randomBytes(TICKET_KEY_BYTES)];
  return openEngine({
    // Nobody has used these keys before: no early data of theirs can be a replay.
    tickets: { keys: () => keys, keysUsedSince: Date.now() + TIMEOUT_MS },
    onConnection: (connection) => {
      connection.setHandler({
        onStream: connection.protocol === COUNT_PROTOCOL ? count : echo,
        onStreamsAvailable: () => undefined,
      });
    },
  });
}

function openEngine(options: Partial<EngineOptions>): Promise<Engine> {
  const { privateKeyPem, certificatePem } = createIdentity();
  return openQuicheEngine({
    host,
    port: 0,
    protocols: [ECHO_PROTOCOL, COUNT_PROTOCOL],
    privateKeyPem,
    certificatePem,
    authenticate: () => ACCEPTED,
    onConnection: () => undefined,
    ...options,
  });
}

/** Reads to the end, then answers with the number of bytes. */
function count(stream: Stream): StreamHandler {
  let receivedBytes = 0;
  return handler((bytes, isFinal) => {
    receivedBytes += bytes.length;
    if (isFinal) stream.write(Buffer.from(String(receivedBytes)), true);
  });
}

function echo(stream: Stream): StreamHandler {
  let parts: Uint8Array[] = [];
  return handler((bytes, isFinal) => {
    parts.push(Buffer.from(bytes));
    if (!isFinal) return;
    const answer = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    if (stream.isEarly) answer[0] = EARLY_MARK;
    parts = [];
    stream.write(answer, true);
  });
}

const nothing = (): void => undefined;

function handler(
  onData: StreamHandler['onData'],
  onLost: (error: Error) => void = nothing,
  onDrained: () => void = nothing,
): StreamHandler {
  return {
    onData,
    onDrained,
    onReset: () => onLost(new Error('the stream was reset')),
    onStopped: () => onLost(new Error('the stream was stopped')),
    onConnectionClosed: (info) => onLost(new Error(`the connection ended: ${info.reason}`)),
  };
}

class RpcClient implements Client {
  readonly #endpoint: RpcEndpoint;
  readonly #connection: RpcConnection;
  readonly #engine: EngineClient;

  constructor(endpoint: RpcEndpoint, connection: RpcConnection, engine: EngineClient) {
    this.#endpoint = endpoint;
    this.#connection = connection;
    this.#engine = engine;
  }

  async echo(payload: Uint8Array): Promise<Uint8Array> {
    const options = { timeoutMs: TIMEOUT_MS };
    return (await this.#connection.call('echo', payload, options)) as Uint8Array;
  }

  bulk(untilMs: number): Promise<number> {
    return this.#engine.bulk(untilMs);
  }

  handshake(): Promise<void> {
    return this.#engine.handshake();
  }

  prepareResume(sessions: number): Promise<void> {
    return this.#engine.prepareResume(sessions);
  }

  resume(payload: Uint8Array): Promise<Resumption> {
    return this.#engine.resume(payload);
  }

  async close(): Promise<void> {
    await this.#endpoint.close(0);
    await this.#engine.close();
  }
}

/** Connections of the engine, from a port of their own. */
class EngineClient {
  readonly #engine: Engine;
  readonly #port: number;
  #echo!: Connection;
  #bulk!: Connection;
  /** Calls that wait until the peer allows another stream. */
  #waiting: (() => void)[] = [];
  #sessions: Uint8Array[] = [];

  private constructor(engine: Engine, port: number) {
    this.#engine = engine;
    this.#port = port;
  }

  static async connect(address: ServerAddress): Promise<EngineClient> {
    const client = new EngineClient(await openEngine({}), address.bulkPort);
    client.#echo = await client.#open({});
    // Another engine, since the protocol is that of the engine.
    const bulk = await openEngine({ protocols: [COUNT_PROTOCOL] });
    client.#bulk = await client.#open({}, bulk);
    return client;
  }

  echo(payload: Uint8Array): Promise<Uint8Array> {
    return this.#echoOn(this.#echo, payload);
  }

  bulk(untilMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      let answer = '';
      const fill = (): void => {
        if (isDone || stream === undefined) return;
        isDone = fillUntil(untilMs, (chunk, isFinal) => stream.write(chunk, isFinal));
      };
      let isDone = false;
      const stream = this.#bulk.openBidirectional(
        handler(
          (received, isFinal) => {
            answer += Buffer.from(received).toString('latin1');
            if (isFinal) resolve(Number(answer));
          },
          reject,
          fill,
        ),
      );
      if (stream === undefined) reject(new Error('no stream could be opened'));
      fill();
    });
  }

  async handshake(): Promise<void> {
    const connection = await this.#open({});
    await connection.close(0, '');
  }

  async prepareResume(sessions: number): Promise<void> {
    const gather = async (): Promise<void> => {
      while (this.#sessions.length < sessions) {
        const before = this.#sessions.length;
        const connection = await this.#open({ onSession: (each) => this.#sessions.push(each) });
        await this.#echoOn(connection, new Uint8Array(1));
        await connection.close(0, '');
        if (this.#sessions.length === before) return;
      }
    };
    await Promise.all(Array.from({ length: 8 }, gather));
  }

  async resume(payload: Uint8Array): Promise<Resumption> {
    const session = this.#sessions.pop();
    if (session === undefined) return 'full';
    let answered: Promise<Uint8Array> | undefined;
    const connection = await this.#open({
      session,
      isEarly: true,
      onOpen: (opened) => {
        opened.setHandler(this.#handler);
        answered = this.#echoOn(opened, payload);
      },
    });
    const answer = await answered;
    await connection.close(0, '');
    if (!connection.isResumed) return 'full';
    return answer?.[0] === EARLY_MARK ? 'early' : 'resumed';
  }

  async close(): Promise<void> {
    await this.#engine.close(0, '');
  }

  readonly #handler = {
    onStream: (): StreamHandler => {
      throw new Error('the server opens no streams');
    },
    onStreamsAvailable: (): void => {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const goOn of waiting) goOn();
    },
  };

  #open(options: Partial<ConnectOptions>, engine = this.#engine): Promise<Connection> {
    return engine.connect({
      host,
      port: this.#port,
      timeoutMs: TIMEOUT_MS,
      authenticate: () => ACCEPTED,
      onOpen: (connection) => connection.setHandler(this.#handler),
      ...options,
    });
  }

  #echoOn(connection: Connection, payload: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let received: Uint8Array | undefined;
      const onData = (bytes: Uint8Array, isFinal: boolean): void => {
        received = received === undefined ? bytes.slice() : Buffer.concat([received, bytes]);
        if (isFinal) resolve(received);
      };
      const begin = (): void => {
        const stream = connection.openBidirectional(handler(onData, reject));
        if (stream === undefined) this.#waiting.push(begin);
        else stream.write(payload, true);
      };
      begin();
    });
  }
}
