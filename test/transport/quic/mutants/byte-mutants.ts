import { QuicError } from '../../../../transport/quic/index.js';
import type { Stream, StreamHandler } from '../../../../transport/quic/stream.js';
import type { Mutant } from './mutant.js';

const nothing = (): void => undefined;

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

/** Mistakes with the bytes of streams and their flow. */
export const byteMutants: readonly Mutant[] = [
  {
    name: 'hands over bytes out of order',
    caughtBy: 'each direction of a bidirectional stream ends by itself',
    streamHandler: swapping,
  },
  {
    name: 'loses the final flag where there are bytes',
    caughtBy: 'the last bytes are marked as final, once',
    streamHandler: (handler) => ({
      onData: (bytes, isFinal) => handler.onData(bytes, isFinal && bytes.length === 0),
    }),
  },
  {
    name: 'does not tell of an end without bytes',
    caughtBy: 'a stream can end without any data',
    streamHandler: (handler) => ({
      onData: (bytes, isFinal) => {
        if (bytes.length > 0) handler.onData(bytes, isFinal);
      },
    }),
  },
  {
    name: 'tells of the end twice',
    caughtBy: 'the last bytes are marked as final, once',
    streamHandler: (handler) => ({
      onData: (bytes, isFinal) => {
        handler.onData(bytes, isFinal);
        if (isFinal) handler.onData(new Uint8Array(), true);
      },
    }),
  },
  {
    name: 'doubles bytes',
    caughtBy: 'the last bytes are marked as final, once',
    streamHandler: (handler) => ({
      onData: (bytes, isFinal) => {
        if (bytes.length === 5) handler.onData(bytes, false);
        handler.onData(bytes, isFinal);
      },
    }),
  },
  {
    name: 'numbers streams from 1 upward',
    caughtBy:
      'ids say who opened a stream and of which type it is, from 0 in steps of 4 (RFC 9000 2.1)',
    stream: ({ id }) => ({ id: id + 1 }),
  },
  {
    name: 'knows no type of streams',
    caughtBy: 'both sides know a stream by the same id and type, and one of them as local',
    stream: () => ({ isUnidirectional: false }),
  },
  {
    name: 'takes every stream for its own',
    caughtBy: 'both sides know a stream by the same id and type, and one of them as local',
    stream: () => ({ isLocal: true }),
  },
  {
    name: 'keeps the bytes of the caller instead of copying them',
    caughtBy: 'bytes may be changed once `write` has returned true',
    stream: lateWrites,
  },
  {
    name: 'calls the handler inside `write`',
    caughtBy: 'no handler is called before the call that causes it has returned',
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
    caughtBy: 'streams are counted, those of both sides together',
    connection: () => ({ streamsCount: 0 }),
  },
  {
    name: 'ignores `pause`',
    caughtBy:
      'a peer that is paused takes one window of a stream, and `write` says that it took no more',
    stream: () => ({ pause: nothing }),
  },
  {
    name: 'ignores `resume`',
    caughtBy: '`resume` hands over what has come without waiting for another packet',
    stream: () => ({ resume: nothing }),
  },
  {
    name: 'says that everything was taken',
    caughtBy:
      'a peer that is paused takes one window of a stream, and `write` says that it took no more',
    stream: (stream) => ({
      write: (bytes, isFinal) => stream.write(bytes, isFinal) || true,
    }),
  },
  {
    name: 'never says that a queue was drained',
    caughtBy: '`onDrained` follows a `write` that returned false, once, and no other',
    streamHandler: () => ({ onDrained: nothing }),
  },
  {
    name: 'says twice that a queue was drained',
    caughtBy: '`onDrained` follows a `write` that returned false, once, and no other',
    streamHandler: (handler) => ({
      onDrained: () => {
        handler.onDrained();
        handler.onDrained();
      },
    }),
  },
  {
    name: 'has ten times the windows that are set',
    caughtBy:
      'a peer that is paused takes one window of a stream, and `write` says that it took no more',
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
    caughtBy: 'all streams together are held to the window of the connection',
    options: ({ settings }) => ({ settings: { ...settings, connectionWindowBytes: 1 << 30 } }),
  },
  {
    name: 'drops what its queue does not hold',
    caughtBy:
      'a `write` that would pass the bound of the queue throws `limit`, and changes nothing',
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
    name: 'takes ordinary streams for early ones',
    caughtBy: 'both sides know a stream by the same id and type, and one of them as local',
    stream: ({ isLocal }) => ({ isEarly: !isLocal }),
  },
];
