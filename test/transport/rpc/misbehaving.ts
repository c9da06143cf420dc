import { expect } from 'vitest';
import type { Connection } from '../../../transport/quic/index.js';
import type { Methods, PeerEndpoint } from '../../../transport/rpc/rpc.js';
import { PROTOCOL_2, decodeFrame, encodeCall, encodeHead } from '../../../transport/rpc/wire2.js';
import { handler, openEngine } from '../quic/engines.js';
import { addressOf, listen } from './pair.js';
import { WITHIN, until } from '../../waiting.js';

/** A peer with a proper identity that sends what it likes on its streams; of version 2 unless told otherwise. */
export async function misbehaving(
  port: number,
  ...protocols: readonly string[]
): Promise<Connection> {
  const engine = await openEngine({ protocols: protocols.length > 0 ? protocols : [PROTOCOL_2] });
  return engine.connect({
    host: '127.0.0.1',
    port,
    ...WITHIN,
    authenticate: () => ({ isAccepted: true }),
    onOpen: (connection) =>
      connection.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined }),
  });
}

export const methods: Methods = {
  echo: { kind: 'unary', handler: (payload) => payload },
  list: { kind: 'server-stream', handler: (payload) => payload as unknown[] },
  sum: {
    kind: 'client-stream',
    handler: async (messages) => {
      let sum = 0;
      for await (const message of messages) sum += Number(message);
      return sum;
    },
  },
  same: { kind: 'duplex', handler: (messages) => messages },
  deaf: { kind: 'client-stream', handler: () => new Promise(() => undefined) },
};

/** A server, and a friend of it who must always be served. */
export async function servedBeside(headTimeoutMs = 10_000): Promise<{
  readonly server: PeerEndpoint;
  readonly hostile: Connection;
  readonly isServed: () => Promise<void>;
  readonly errors: unknown[];
}> {
  const errors: unknown[] = [];
  const server = await listen(
    {},
    { methods, headTimeoutMs, onHandlerError: (...told) => errors.push(told) },
  );
  const friend = await (await listen()).connect(addressOf(server), WITHIN);
  const isServed = async (): Promise<void> => {
    expect(await friend.call('echo', 'still here', WITHIN)).toBe('still here');
  };
  return { server, hostile: await misbehaving(server.port), isServed, errors };
}

/** Writes these bytes on a stream, ends it or not, and reads the failure that comes back. */
export async function answerTo(
  connection: Connection,
  parts: readonly Uint8Array[],
  isFinal: boolean,
): Promise<{ readonly code: string; readonly reason: string | undefined }> {
  const received: Buffer[] = [];
  let isOver = false;
  const stream = await free(() =>
    connection.openBidirectional(
      handler({
        onData: (bytes, isEnd) => {
          received.push(Buffer.from(bytes));
          isOver ||= isEnd;
        },
        onReset: () => (isOver = true),
      }),
    ),
  );
  stream.write(Buffer.concat(parts), isFinal);
  await until(() => isOver);
  stream.cut();
  const frame = decodeFrame(Buffer.concat(received).subarray(4));
  if (frame.type !== 'trailer' || frame.error === undefined) throw new Error('it was no failure');
  return { code: frame.error.code, reason: frame.error.reason };
}

export async function free<T>(open: () => T | undefined): Promise<T> {
  let opened: T | undefined;
  await until(() => (opened = open()) !== undefined);
  return opened as T;
}

export const head = (
  kind: 'unary' | 'server-stream' | 'client-stream' | 'duplex',
  method: string,
) => encodeHead({ kind, method, timeoutMs: 5_000 });
export const call = (method: string, payload: unknown): Uint8Array =>
  encodeCall({ kind: 'unary', method, timeoutMs: 5_000 }, payload, 1 << 24)[0];
export const announced = (length: number, start: string): Uint8Array => {
  const bytes = Buffer.from(`00000000${start}`, 'hex');
  bytes.writeUInt32BE(length);
  return bytes;
};
