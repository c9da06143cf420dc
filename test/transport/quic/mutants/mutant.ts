import type { Connection, ConnectionHandler } from '../../../../transport/quic/connection.js';
import type { ConnectOptions, Engine, EngineOptions } from '../../../../transport/quic/engine.js';
import { createMemoryNetwork } from '../../../../transport/quic/memory/memory-network.js';
import type { Stream, StreamHandler } from '../../../../transport/quic/stream.js';

/** One misunderstanding of the contract, as changes of what the memory engine does. */
export interface Mutant {
  /** What it does wrong. */
  readonly name: string;
  /** The case of the suite that must catch it. */
  readonly caughtBy: string;
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
