import type { Mutant } from './mutant.js';

const nothing = (): void => undefined;

/** Mistakes with limits, priorities, and streams that are given up. */
export const streamMutants: readonly Mutant[] = [
  {
    name: 'knows no limit of streams',
    caughtBy: 'no more streams can be opened than the peer allows, for each type apart',
    options: ({ settings }) => ({ settings: { ...settings, streamsMax: 100_000 } }),
  },
  {
    name: 'never says that streams can be opened again',
    caughtBy: 'who was refused a stream is told when there is room, and who was not is not',
    connectionHandler: () => ({ onStreamsAvailable: nothing }),
  },
  {
    name: 'forgets to reset streams that were not written to',
    caughtBy: 'streams that are reset before anything was written give their places back',
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
    caughtBy: 'a more urgent stream ends before one that was written earlier and is less urgent',
    stream: () => ({ setPriority: nothing }),
  },
  {
    name: 'sends the least urgent first',
    caughtBy: 'a more urgent stream ends before one that was written earlier and is less urgent',
    stream: (stream) => ({
      setPriority: (urgency, isIncremental) => stream.setPriority(7 - urgency, isIncremental),
    }),
  },
  {
    name: 'lets no streams take turns',
    caughtBy: 'equal streams that are incremental take turns',
    stream: (stream) => {
      if (stream.isLocal) stream.setPriority(3, false);
      return { setPriority: (urgency) => stream.setPriority(urgency, false) };
    },
  },
  {
    name: 'loses the code of a reset',
    caughtBy: 'of two resets the first counts',
    streamHandler: (handler) => ({ onReset: () => handler.onReset(0) }),
  },
  {
    name: 'tells of a reset as of an end',
    caughtBy: '`reset` tells the peer its code, the smallest and the largest too',
    streamHandler: (handler) => ({ onReset: () => handler.onData(new Uint8Array(), true) }),
  },
  {
    name: 'ends in the ordinary way instead of resetting',
    caughtBy: '`reset` while the final bytes wait to be sent drops them',
    stream: (stream) => ({ reset: () => stream.cut() }),
  },
  {
    name: 'resets instead of cutting',
    caughtBy: '`cut` sends what the engine has taken',
    stream: (stream) => ({ cut: () => stream.reset(0) }),
  },
  {
    name: 'resets both directions',
    caughtBy: '`reset` ends one direction: the other goes on',
    stream: (stream) => ({
      reset: (code) => {
        stream.reset(code);
        stream.stop(code);
      },
    }),
  },
  {
    name: 'resets what this side sends when it stops',
    caughtBy:
      '`stop` ends one direction: what this side sends on the stream goes on, much or little',
    stream: (stream) => ({
      stop: (code) => {
        stream.stop(code);
        stream.reset(code);
      },
    }),
  },
  {
    name: 'does not tell the peer that it was stopped',
    caughtBy:
      '`stop` on a stream that this side opened tells the peer its code, also when nothing is sent',
    streamHandler: () => ({ onStopped: nothing }),
  },
  {
    name: 'ignores `stop` on streams of the peer',
    caughtBy: '`stop` on a stream of the peer drops what comes, and the peer is not told',
    stream: (stream) => (stream.isLocal ? {} : { stop: nothing }),
  },
  {
    name: 'closes the connection when the handler of a stream throws',
    caughtBy: 'a handler that throws loses its stream, which the peer is told, and no other',
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
];
