import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Connection } from '../../../transport/quic/index.js';
import {
  HALF_OPEN_CONNECTIONS_MAX,
  HALF_OPEN_CONNECTIONS_RETRY,
  RETRY_TOKEN_MS_MAX,
} from '../../../transport/quic/limits.js';
import { RetryTokens } from '../../../transport/quic/quiche/retry.js';
import { bidirectional, handler, openEngine } from './engines.js';
import { initials } from './initials.js';
import { StalledClients } from './stalled-clients.js';
import { UdpRelay } from './udp-relay.js';
import { WITHIN, sleep, until } from '../../waiting.js';

const ACCEPT = { isAccepted: true } as const;
const RETRY = 3;

async function dial(port: number, host = '127.0.0.1'): Promise<Connection> {
  const client = await openEngine({ host });
  return await client.connect({
    host: '127.0.0.1',
    port,
    ...WITHIN,
    authenticate: () => ACCEPT,
    onOpen: (connection) =>
      connection.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined }),
  });
}

async function answering(retry: 'auto' | 'always'): Promise<{ readonly port: number }> {
  return await openEngine({
    settings: { retry },
    onConnection: (connection) =>
      connection.setHandler({
        onStream: (stream) =>
          handler({
            onData: (bytes, isFinal) => void stream.write(Buffer.from(bytes), isFinal),
          }),
        onStreamsAvailable: () => undefined,
      }),
  });
}

async function echoOn(connection: Connection, text: string): Promise<string> {
  let answer = '';
  let isOver = false;
  const stream = bidirectional(
    connection,
    handler({
      onData: (bytes, isFinal) => {
        answer += Buffer.from(bytes).toString();
        isOver = isFinal;
      },
    }),
  );
  stream.write(Buffer.from(text), true);
  await until(() => isOver);
  return answer;
}

function retriesIn(relay: UdpRelay): number {
  return relay.seen.filter(
    ({ direction, bytes }) =>
      direction === 'down' &&
      ((bytes[0] ?? 0) & 0x80) !== 0 &&
      (((bytes[0] ?? 0) >> 4) & 3) === RETRY,
  ).length;
}

describe('Retry', () => {
  it('is asked of everybody when it is set to always, and costs a round trip', async () => {
    const server = await answering('always');
    const relay = await UdpRelay.to(server.port);
    const connection = await dial(relay.port);
    expect(retriesIn(relay)).toBe(1);
    expect(await echoOn(connection, 'hello')).toBe('hello');
  });

  it('is asked of nobody while few handshakes are going on', async () => {
    const server = await answering('auto');
    const relay = await UdpRelay.to(server.port);
    await dial(relay.port);
    expect(retriesIn(relay)).toBe(0);
  });

  it('lets an honest peer in while a flood of first packets goes on', async () => {
    const server = await answering('auto');
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const flood = initials(HALF_OPEN_CONNECTIONS_RETRY * 6);
    for (const packet of flood) {
      await new Promise((resolve) => socket.send(packet, server.port, '127.0.0.1', resolve));
      await sleep(0);
    }
    const relay = await UdpRelay.to(server.port);
    const connection = await dial(relay.port);
    expect(retriesIn(relay)).toBe(1);
    expect(await echoOn(connection, 'through the flood')).toBe('through the flood');
    socket.close();
  });

  it('leaves places to others when one address takes all that it gets', async () => {
    const server = await answering('auto');
    const stalled = await StalledClients.of('127.0.0.1', server.port);
    await stalled.begin(HALF_OPEN_CONNECTIONS_MAX + HALF_OPEN_CONNECTIONS_RETRY);
    await until(
      () => stalled.provenCount >= HALF_OPEN_CONNECTIONS_MAX - HALF_OPEN_CONNECTIONS_RETRY,
    );
    const connection = await dial(server.port, '127.0.0.2');
    expect(await echoOn(connection, 'from elsewhere')).toBe('from elsewhere');
    stalled.close();
  });
});

describe('the token of a Retry', () => {
  const tokens = new RetryTokens();
  const id = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const retryId = Uint8Array.of(9, 9, 9);

  it('gives back the first connection id', () => {
    expect(tokens.open(tokens.seal('a 1', retryId, id, 1_000), 'a 1', retryId, 1_500)).toEqual(id);
  });

  it.each([
    ['of another address', 'a 2', retryId, 1_500],
    ['at another connection id', 'a 1', Uint8Array.of(9, 9), 1_500],
    ['too old', 'a 1', retryId, 1_001 + RETRY_TOKEN_MS_MAX],
    ['from the future', 'a 1', retryId, 999],
  ])('is refused %s', (_what, address, to, nowMs) => {
    expect(tokens.open(tokens.seal('a 1', retryId, id, 1_000), address, to, nowMs)).toBeUndefined();
  });

  it('is refused with any bit changed, at any length, and of another process', () => {
    const token = tokens.seal('a 1', retryId, id, 1_000);
    for (let bit = 0; bit < token.length * 8; bit += 1) {
      const changed = Uint8Array.from(token);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(tokens.open(changed, 'a 1', retryId, 1_500)).toBeUndefined();
    }
    for (let length = 0; length < token.length; length += 1) {
      expect(tokens.open(token.subarray(0, length), 'a 1', retryId, 1_500)).toBeUndefined();
    }
    expect(tokens.open(Buffer.alloc(500), 'a 1', retryId, 1_500)).toBeUndefined();
    expect(new RetryTokens().open(token, 'a 1', retryId, 1_500)).toBeUndefined();
  });
});
