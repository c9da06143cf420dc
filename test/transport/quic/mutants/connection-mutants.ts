import type { ConnectionCloseInfo } from '../../../../transport/quic/connection.js';
import type { Mutant } from './mutant.js';

const nothing = (): void => undefined;

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

/** Mistakes with datagrams and the end of connections. */
export const connectionMutants: readonly Mutant[] = [
  {
    name: 'cuts datagrams',
    caughtBy: 'a datagram arrives whole, in both directions',
    connectionHandler: (handler) => ({
      onDatagram: (bytes) => handler.onDatagram?.(bytes.subarray(0, 800)),
    }),
  },
  {
    name: 'doubles datagrams',
    caughtBy: 'a datagram arrives whole, in both directions',
    connectionHandler: (handler) => ({
      onDatagram: (bytes) => {
        handler.onDatagram?.(bytes);
        handler.onDatagram?.(bytes);
      },
    }),
  },
  {
    name: 'says that every datagram was taken',
    caughtBy: 'a queue of datagrams is bounded, and what does not fit is dropped with `false`',
    connection: (connection) => ({
      sendDatagram: (bytes) => connection.sendDatagram(bytes) || true,
    }),
  },
  {
    name: 'keeps the bytes of a datagram instead of copying them',
    caughtBy: 'the bytes of a datagram may be changed once it was sent',
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
    caughtBy: '`close` tells both sides code and reason, and who decided it',
    ...closeInfo((info) => ({ ...info, reason: '' })),
  },
  {
    name: 'mixes up who closed',
    caughtBy: '`close` tells both sides code and reason, and who decided it',
    ...closeInfo((info) => ({ ...info, local: !info.local })),
  },
  {
    name: 'calls silence an application close',
    caughtBy:
      'without keep-alive a connection that hears nothing is over, on both sides, as `idle`',
    ...closeInfo((info) => ({ ...info, kind: 'application' })),
  },
  {
    name: 'cuts a reason inside a character',
    caughtBy: 'a reason of more than 512 bytes is cut at a whole character',
    ...closeInfo((info) => ({
      ...info,
      reason: Buffer.from(info.reason).subarray(0, 300).toString('utf8'),
    })),
  },
  {
    name: 'loses at `close` what was just written',
    caughtBy: '`close` delivers also what was written to streams that have not ended',
    stream: (stream) => ({
      write(bytes, isFinal) {
        setTimeout(() => stream.write(bytes, isFinal), 1);
        return true;
      },
    }),
  },
  {
    name: 'tells streams of the end twice',
    caughtBy:
      'streams that are open hear of the end, on both sides, once; those that are over do not',
    streamHandler: (handler) => ({
      onConnectionClosed: (info) => {
        handler.onConnectionClosed(info);
        handler.onConnectionClosed(info);
      },
    }),
  },
  {
    name: 'does not tell streams of the end',
    caughtBy: 'streams hear of the end before `closed` resolves',
    streamHandler: () => ({ onConnectionClosed: nothing }),
  },
  {
    name: 'sends no keep-alive',
    caughtBy: 'with keep-alive a connection outlives its idle timeout',
    options: ({ settings }) => ({ settings: { ...settings, keepAliveMs: 0 } }),
  },
  {
    name: 'stays open until the peer has heard of the end',
    caughtBy: 'from `close` on the connection is not open and gives no streams',
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
];
