import type {
  Connection,
  ConnectionCloseInfo,
  ConnectionHandler,
} from '../../../transport/quic/connection.js';
import type {
  ConnectOptions,
  Engine,
  EngineOptions,
  ServedApplication,
} from '../../../transport/quic/engine.js';
import { QuicError } from '../../../transport/quic/index.js';
import { createMemoryNetwork } from '../../../transport/quic/memory/memory-network.js';
import type { Stream, StreamHandler } from '../../../transport/quic/stream.js';

/** One misunderstanding of the contract, as changes of what the memory engine does. */
export interface Mutant {
  /** What it does wrong. */
  readonly name: string;
  /** The groups of the suite one of which must catch it. */
  readonly groups: readonly string[];
  readonly options?: (options: EngineOptions) => Partial<EngineOptions>;
  readonly connect?: (options: ConnectOptions) => Partial<ConnectOptions>;
  readonly engine?: (engine: Engine) => Partial<Engine>;
  readonly connection?: (connection: Connection) => Partial<Connection>;
  readonly connectionHandler?: (
    handler: ConnectionHandler,
    connection: Connection,
  ) => Partial<ConnectionHandler>;
  readonly stream?: (stream: Stream, handler: () => StreamHandler) => Partial<Stream>;
  readonly streamHandler?: (
    handler: StreamHandler,
    connection: Connection,
  ) => Partial<StreamHandler>;
}

const nothing = (): void => undefined;
const ACCEPT = { isAccepted: true } as const;

/** Hands over the second of two pieces first. */
function swapping(handler: StreamHandler): Partial<StreamHandler> {
  let held: Uint8Array | undefined;
  return {
    onData(bytes, isFinal) {
      if (held === undefined && !isFinal) {
        held = new Uint8Array(bytes);
        return;
      }
      if (held === undefined) {
        handler.onData(bytes, isFinal);
        return;
      }
      const first = held;
      held = undefined;
      if (bytes.length > 0) handler.onData(bytes, false);
      handler.onData(first, isFinal);
    },
  };
}

/** Changes what is told of the end of a connection, everywhere. */
function closeInfo(
  change: (info: ConnectionCloseInfo) => ConnectionCloseInfo,
): Pick<Mutant, 'connection' | 'streamHandler'> {
  return {
    connection: (connection) => ({
      closed: connection.closed.then(change),
      close: async (code, reason) => change(await connection.close(code, reason)),
    }),
    streamHandler: (handler) => ({
      onConnectionClosed: (info) => handler.onConnectionClosed(change(info)),
    }),
  };
}

/** Keeps what is written for a while, as if it had been copied. */
function lateWrites(stream: Stream): Partial<Stream> {
  return {
    write(bytes, isFinal) {
      setTimeout(() => {
        stream.write(bytes, isFinal);
      }, 5);
      return true;
    },
  };
}

export const mutants: readonly Mutant[] = [
  { name: 'hands over bytes out of order', groups: ['streams'], streamHandler: swapping },
  {
    name: 'loses the final flag where there are bytes',
    groups: ['streams'],
    streamHandler: (handler) => ({
      onData: (bytes, isFinal) => handler.onData(bytes, isFinal && bytes.length === 0),
    }),
  },
  {
    name: 'does not tell of an end without bytes',
    groups: ['streams'],
    streamHandler: (handler) => ({
      onData: (bytes, isFinal) => {
        if (bytes.length > 0) handler.onData(bytes, isFinal);
      },
    }),
  },
  {
    name: 'tells of the end twice',
    groups: ['streams'],
    streamHandler: (handler) => ({
      onData: (bytes, isFinal) => {
        handler.onData(bytes, isFinal);
        if (isFinal) handler.onData(new Uint8Array(), true);
      },
    }),
  },
  {
    name: 'doubles bytes',
    groups: ['streams'],
    streamHandler: (handler) => ({
      onData: (bytes, isFinal) => {
        if (bytes.length === 5) handler.onData(bytes, false);
        handler.onData(bytes, isFinal);
      },
    }),
  },
  {
    name: 'numbers streams from 1 upward',
    groups: ['streams'],
    stream: ({ id }) => ({ id: id + 1 }),
  },
  {
    name: 'knows no type of streams',
    groups: ['streams'],
    stream: () => ({ isUnidirectional: false }),
  },
  {
    name: 'takes every stream for its own',
    groups: ['streams'],
    stream: () => ({ isLocal: true }),
  },
  {
    name: 'keeps the bytes of the caller instead of copying them',
    groups: ['streams'],
    stream: lateWrites,
  },
  {
    name: 'calls the handler inside `write`',
    groups: ['streams'],
    stream: (stream, handler) => ({
      write(bytes, isFinal) {
        const isTaken = stream.write(bytes, isFinal);
        if (isTaken) handler().onDrained();
        return isTaken;
      },
    }),
  },
  {
    name: 'counts no streams',
    groups: ['streams'],
    connection: () => ({ streamsCount: 0 }),
  },
  { name: 'ignores `pause`', groups: ['flow control'], stream: () => ({ pause: nothing }) },
  { name: 'ignores `resume`', groups: ['flow control'], stream: () => ({ resume: nothing }) },
  {
    name: 'says that everything was taken',
    groups: ['flow control'],
    stream: (stream) => ({
      write: (bytes, isFinal) => stream.write(bytes, isFinal) || true,
    }),
  },
  {
    name: 'never says that a queue was drained',
    groups: ['flow control'],
    streamHandler: () => ({ onDrained: nothing }),
  },
  {
    name: 'says twice that a queue was drained',
    groups: ['flow control'],
    streamHandler: (handler) => ({
      onDrained: () => {
        handler.onDrained();
        handler.onDrained();
      },
    }),
  },
  {
    name: 'has ten times the windows that are set',
    groups: ['flow control'],
    options: ({ settings }) => ({
      settings: {
        ...settings,
        streamWindowBytes: 10 * (settings?.streamWindowBytes ?? 1_000_000),
        connectionWindowBytes: 10 * (settings?.connectionWindowBytes ?? 10_000_000),
      },
    }),
  },
  {
    name: 'has no window of the connection',
    groups: ['flow control'],
    options: ({ settings }) => ({ settings: { ...settings, connectionWindowBytes: 1 << 30 } }),
  },
  {
    name: 'drops what its queue does not hold',
    groups: ['flow control'],
    stream: (stream) => ({
      write(bytes, isFinal) {
        try {
          return stream.write(bytes, isFinal);
        } catch (error) {
          if (error instanceof QuicError) return false;
          throw error;
        }
      },
    }),
  },
  {
    name: 'knows no limit of streams',
    groups: ['limits'],
    options: ({ settings }) => ({ settings: { ...settings, streamsMax: 100_000 } }),
  },
  {
    name: 'never says that streams can be opened again',
    groups: ['limits'],
    connectionHandler: () => ({ onStreamsAvailable: nothing }),
  },
  {
    name: 'forgets to reset streams that were not written to',
    groups: ['limits', 'reset and stop'],
    stream: (stream) => {
      let isWritten = false;
      return {
        write(bytes, isFinal) {
          isWritten = true;
          return stream.write(bytes, isFinal);
        },
        reset(code) {
          if (isWritten) stream.reset(code);
        },
      };
    },
  },
  {
    name: 'ignores priorities',
    groups: ['priorities'],
    stream: () => ({ setPriority: nothing }),
  },
  {
    name: 'sends the least urgent first',
    groups: ['priorities'],
    stream: (stream) => ({
      setPriority: (urgency, isIncremental) => stream.setPriority(7 - urgency, isIncremental),
    }),
  },
  {
    name: 'lets no streams take turns',
    groups: ['priorities'],
    stream: (stream) => {
      if (stream.isLocal) stream.setPriority(3, false);
      return { setPriority: (urgency) => stream.setPriority(urgency, false) };
    },
  },
  {
    name: 'loses the code of a reset',
    groups: ['reset and stop'],
    streamHandler: (handler) => ({ onReset: () => handler.onReset(0) }),
  },
  {
    name: 'tells of a reset as of an end',
    groups: ['reset and stop'],
    streamHandler: (handler) => ({ onReset: () => handler.onData(new Uint8Array(), true) }),
  },
  {
    name: 'ends in the ordinary way instead of resetting',
    groups: ['reset and stop'],
    stream: (stream) => ({ reset: () => stream.cut() }),
  },
  {
    name: 'resets instead of cutting',
    groups: ['reset and stop'],
    stream: (stream) => ({ cut: () => stream.reset(0) }),
  },
  {
    name: 'resets both directions',
    groups: ['reset and stop'],
    stream: (stream) => ({
      reset: (code) => {
        stream.reset(code);
        stream.stop(code);
      },
    }),
  },
  {
    name: 'resets what this side sends when it stops',
    groups: ['reset and stop'],
    stream: (stream) => ({
      stop: (code) => {
        stream.stop(code);
        stream.reset(code);
      },
    }),
  },
  {
    name: 'does not tell the peer that it was stopped',
    groups: ['reset and stop'],
    streamHandler: () => ({ onStopped: nothing }),
  },
  {
    name: 'ignores `stop` on streams of the peer',
    groups: ['reset and stop'],
    stream: (stream) => (stream.isLocal ? {} : { stop: nothing }),
  },
  {
    name: 'closes the connection when the handler of a stream throws',
    groups: ['reset and stop'],
    streamHandler: (handler, connection) => ({
      onData: (bytes, isFinal) => {
        try {
          handler.onData(bytes, isFinal);
        } catch {
          void connection.close(1, 'thrown');
        }
      },
    }),
  },
  {
    name: 'cuts datagrams',
    groups: ['datagrams'],
    connectionHandler: (handler) => ({
      onDatagram: (bytes) => handler.onDatagram?.(bytes.subarray(0, 800)),
    }),
  },
  {
    name: 'doubles datagrams',
    groups: ['datagrams'],
    connectionHandler: (handler) => ({
      onDatagram: (bytes) => {
        handler.onDatagram?.(bytes);
        handler.onDatagram?.(bytes);
      },
    }),
  },
  {
    name: 'says that every datagram was taken',
    groups: ['datagrams'],
    connection: (connection) => ({
      sendDatagram: (bytes) => connection.sendDatagram(bytes) || true,
    }),
  },
  {
    name: 'keeps the bytes of a datagram instead of copying them',
    groups: ['datagrams'],
    connection: (connection) => ({
      sendDatagram(bytes) {
        if (bytes.length > connection.datagramBytesMax) return false;
        setTimeout(() => connection.sendDatagram(bytes), 2);
        return true;
      },
    }),
  },
  {
    name: 'drops the reason of a close',
    groups: ['closing'],
    ...closeInfo((info) => ({ ...info, reason: '' })),
  },
  {
    name: 'mixes up who closed',
    groups: ['closing'],
    ...closeInfo((info) => ({ ...info, local: !info.local })),
  },
  {
    name: 'calls silence an application close',
    groups: ['closing'],
    ...closeInfo((info) => ({ ...info, kind: 'application' })),
  },
  {
    name: 'cuts a reason inside a character',
    groups: ['closing'],
    ...closeInfo((info) => ({
      ...info,
      reason: Buffer.from(info.reason).subarray(0, 300).toString('utf8'),
    })),
  },
  {
    name: 'loses at `close` what was just written',
    groups: ['closing'],
    stream: (stream) => ({
      write(bytes, isFinal) {
        setTimeout(() => stream.write(bytes, isFinal), 1);
        return true;
      },
    }),
  },
  {
    name: 'tells streams of the end twice',
    groups: ['closing'],
    streamHandler: (handler) => ({
      onConnectionClosed: (info) => {
        handler.onConnectionClosed(info);
        handler.onConnectionClosed(info);
      },
    }),
  },
  {
    name: 'does not tell streams of the end',
    groups: ['closing'],
    streamHandler: () => ({ onConnectionClosed: nothing }),
  },
  {
    name: 'sends no keep-alive',
    groups: ['closing'],
    options: ({ settings }) => ({ settings: { ...settings, keepAliveMs: 0 } }),
  },
  {
    name: 'stays open until the peer has heard of the end',
    groups: ['closing'],
    connection: (connection) => {
      let isOver = false;
      void connection.closed.then(() => (isOver = true));
      return {
        get isOpen() {
          return !isOver;
        },
      };
    },
  },
  {
    name: 'lets everybody in',
    groups: ['authentication'],
    options: () => ({ authenticate: () => ACCEPT }),
  },
  {
    name: 'dials whoever answers',
    groups: ['authentication'],
    connect: () => ({ authenticate: () => ACCEPT }),
  },
  {
    name: 'forgets the certificate of its peer',
    groups: ['authentication'],
    connection: () => ({ peerCertificate: new Uint8Array() }),
  },
  {
    name: 'reports no refusals',
    groups: ['authentication'],
    options: () => ({ onRefusal: nothing }),
  },
  {
    name: 'judges after the connection was handed over',
    groups: ['authentication'],
    options: ({ authenticate, onConnection }) => ({
      authenticate: () => ACCEPT,
      onConnection: (connection) => {
        onConnection(connection);
        const verdict = authenticate(connection.peerCertificate);
        if (!verdict.isAccepted) void connection.close(verdict.code, verdict.reason);
      },
    }),
  },
  {
    name: 'ignores the signal of `connect`',
    groups: ['engines'],
    connect: () => ({ signal: new AbortController().signal }),
  },
  {
    name: 'goes on accepting',
    groups: ['engines'],
    engine: () => ({ stopAccepting: nothing }),
  },
  {
    name: 'never says that a handshake is over',
    groups: ['engines'],
    connection: () => ({ established: new Promise<void>(nothing) }),
  },
  {
    name: 'closes an engine without its code',
    groups: ['engines'],
    engine: (engine) => ({ close: () => engine.close(0, '') }),
  },
  {
    name: 'takes the protocol that the listener likes least',
    groups: ['protocols and applications'],
    options: ({ protocols }) => ({ protocols: [...protocols].reverse() }),
  },
  {
    name: 'never changes the certificate of an application',
    groups: ['protocols and applications'],
    engine: (engine) => ({
      serve: (application): ServedApplication => {
        const served = engine.serve(application);
        return { setCertificate: nothing, stop: () => served.stop() };
      },
    }),
  },
  {
    name: 'never stops an application',
    groups: ['protocols and applications'],
    engine: (engine) => ({
      serve: (application): ServedApplication => ({ ...engine.serve(application), stop: nothing }),
    }),
  },
  {
    name: 'takes the settings of the engine for an application',
    groups: ['protocols and applications'],
    engine: (engine) => ({
      serve: ({ settings: _settings, ...application }) => engine.serve(application),
    }),
  },
  {
    name: 'offers no sessions',
    groups: ['sessions'],
    connect: () => ({ onSession: nothing }),
  },
  {
    name: 'uses no sessions',
    groups: ['sessions'],
    connect: () => ({ session: new Uint8Array() }),
  },
  {
    name: 'keeps the ticket keys that it saw first',
    groups: ['sessions'],
    options: ({ tickets }) => {
      if (tickets === undefined) return {};
      const keys = tickets.keys();
      return { tickets: { ...tickets, keys: () => keys } };
    },
  },
  {
    name: 'knows only the newest ticket key',
    groups: ['sessions'],
    options: ({ tickets }) =>
      tickets === undefined
        ? {}
        : { tickets: { ...tickets, keys: () => tickets.keys().slice(0, 1) } },
  },
  {
    name: 'does not judge a peer that resumes',
    groups: ['sessions'],
    options: ({ authenticate }) => {
      const known = new Set<string>();
      return {
        authenticate: (certificate) => {
          const text = Buffer.from(certificate ?? []).toString('base64');
          if (known.has(text)) return ACCEPT;
          known.add(text);
          return authenticate(certificate);
        },
      };
    },
  },
  {
    name: 'takes early streams for ordinary ones',
    groups: ['early data'],
    stream: () => ({ isEarly: false }),
  },
  {
    name: 'takes ordinary streams for early ones',
    groups: ['streams', 'early data'],
    stream: ({ isLocal }) => ({ isEarly: !isLocal }),
  },
  {
    name: 'waits for the handshake though early data was asked for',
    groups: ['early data'],
    connect: () => ({ isEarly: false }),
  },
  {
    name: 'takes early data under keys that others have used',
    groups: ['early data'],
    options: ({ tickets }) =>
      tickets === undefined ? {} : { tickets: { ...tickets, keysUsedSince: Date.now() } },
  },
  {
    name: 'names a protocol before the peer has chosen it',
    groups: ['early data'],
    connection: () => ({ protocol: 'compliance/1' }),
  },
  {
    name: 'says that it has moved and stays',
    groups: ['migration'],
    connection: () => ({ migrate: () => Promise.resolve() }),
  },
  {
    name: 'does not tell that the peer has moved',
    groups: ['migration'],
    connectionHandler: () => ({ onPathChanged: nothing }),
  },
  {
    name: 'loses the connection when it cannot move',
    groups: ['migration'],
    connection: (connection) => ({
      migrate: (local) =>
        connection.migrate(local).catch((error: unknown) => {
          void connection.close(0, 'lost');
          throw error;
        }),
    }),
  },
  {
    name: 'takes a second handler',
    groups: ['misuse'],
    connection: (connection) => {
      let isSet = false;
      return {
        setHandler(handler) {
          if (!isSet) connection.setHandler(handler);
          isSet = true;
        },
      };
    },
  },
  {
    name: 'cuts codes of streams to 32 bits',
    groups: ['misuse'],
    stream: (stream) => ({ reset: (code) => stream.reset(code >>> 0) }),
  },
  {
    name: 'takes any urgency',
    groups: ['misuse'],
    stream: (stream) => ({
      setPriority: (urgency, isIncremental) =>
        stream.setPriority(Math.min(Math.max(urgency | 0, 0), 7), isIncremental),
    }),
  },
];

/** Opens memory engines of one network that make the mistake; without one, they make none. */
export function openMutant(mutant: Partial<Mutant>): (options: EngineOptions) => Promise<Engine> {
  const { openMemoryEngine } = createMemoryNetwork();
  return async (options) => {
    const changed = { ...options, ...mutant.options?.(options) };
    const engine = await openMemoryEngine({
      ...changed,
      onConnection: (connection) => changed.onConnection(mutateConnection(mutant, connection)),
    });
    return overriding(engine, {
      connect: async (connectOptions) => {
        const dial = { ...connectOptions, ...mutant.connect?.(connectOptions) };
        const connection = await engine.connect({
          ...dial,
          onOpen: (opened) => dial.onOpen(mutateConnection(mutant, opened)),
        });
        return mutateConnection(mutant, connection);
      },
      serve: (application) =>
        engine.serve({
          ...application,
          onConnection: (connection) =>
            application.onConnection(mutateConnection(mutant, connection)),
        }),
      ...mutant.engine?.(engine),
    });
  };
}

const mutated = new WeakMap<Connection, Connection>();

function mutateConnection(mutant: Partial<Mutant>, connection: Connection): Connection {
  const known = mutated.get(connection);
  if (known !== undefined) return known;
  const open = (
    opener: 'openBidirectional' | 'openUnidirectional',
    handler: StreamHandler,
  ): Stream | undefined => {
    const stream = connection[opener](mutateHandler(mutant, handler, connection));
    return stream === undefined ? undefined : mutateStream(mutant, stream, () => handler);
  };
  const changes = {
    setHandler: (handler: ConnectionHandler) =>
      connection.setHandler(mutateConnectionHandler(mutant, handler, connection)),
    openBidirectional: (handler: StreamHandler) => open('openBidirectional', handler),
    openUnidirectional: (handler: StreamHandler) => open('openUnidirectional', handler),
  };
  const inner = overriding(connection, changes);
  const result = overriding(inner, mutant.connection?.(inner) ?? {});
  mutated.set(connection, result);
  return result;
}

function mutateConnectionHandler(
  mutant: Partial<Mutant>,
  handler: ConnectionHandler,
  connection: Connection,
): ConnectionHandler {
  const inner = overriding(handler, {
    onStream: (stream) => {
      let own: StreamHandler | undefined;
      own = handler.onStream(mutateStream(mutant, stream, () => own!));
      return mutateHandler(mutant, own, connection);
    },
  });
  return overriding(inner, mutant.connectionHandler?.(handler, connection) ?? {});
}

function mutateHandler(
  mutant: Partial<Mutant>,
  handler: StreamHandler,
  connection: Connection,
): StreamHandler {
  return overriding(handler, mutant.streamHandler?.(handler, connection) ?? {});
}

function mutateStream(
  mutant: Partial<Mutant>,
  stream: Stream,
  handler: () => StreamHandler,
): Stream {
  return overriding(stream, mutant.stream?.(stream, handler) ?? {});
}

/** `target` with other members; methods keep their object. */
function overriding<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get(_target, key) {
      if (key in changes) return Reflect.get(changes, key);
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
