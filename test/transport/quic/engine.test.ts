import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { HALF_OPEN_CONNECTIONS_MAX } from '../../../transport/quic/limits.js';
import { openQuicheEngine, type Stream } from '../../../transport/quic/index.js';
import type { QuicheConnection } from '../../../transport/quic/quiche/quiche-connection.js';
import { loadNative } from '../../../transport/quic/quiche/native.js';
import { rejection } from '../rpc/pair.js';
import { bidirectional, connected, handler, openEngine } from './engines.js';
import { initials } from './initials.js';
import { WITHIN, sleep, until } from '../../waiting.js';

const MB = 1024 * 1024;

describe('a stream', () => {
  it('brings bytes back in order, with their end', async () => {
    const { client } = await connected((stream) =>
      handler({ onData: (bytes, isFinal) => stream.write(bytes.slice(), isFinal) }),
    );
    const parts: Buffer[] = [];
    let isEnded = false;
    const stream = bidirectional(
      client,
      handler({
        onData: (bytes, isFinal) => {
          parts.push(Buffer.from(bytes));
          isEnded = isFinal;
        },
      }),
    );
    const sent = randomBytes(3 * MB);
    for (let at = 0; at < sent.length; at += 100_000) {
      stream.write(sent.subarray(at, at + 100_000), at + 100_000 >= sent.length);
    }
    await until(() => isEnded);
    expect(Buffer.concat(parts).equals(sent)).toBe(true);
  });

  it('has an id that says who opened it and which type it is (RFC 9000 2.1)', async () => {
    const seen: Stream[] = [];
    const { client, server } = await connected((stream) => {
      seen.push(stream);
      return handler();
    });
    expect([bidirectional(client).id, bidirectional(client).id]).toEqual([0, 4]);
    expect(client.openUnidirectional(handler())?.id).toBe(2);
    expect(bidirectional(server).id).toBe(1);
    // The higher id opens the lower ones.
    const last = bidirectional(client);
    last.write(Buffer.of(1));
    await until(() => seen.length === 3);
    expect(seen.map((stream) => [stream.id, stream.isLocal, stream.isUnidirectional])).toEqual([
      [0, false, false],
      [4, false, false],
      [8, false, false],
    ]);
  });

  it('holds back a sender whose peer does not read: 1 MB a stream, 10 MB a connection', async () => {
    const paused: Stream[] = [];
    let received = 0;
    let isPausing = true;
    // Without keep-alive nothing but `resume` makes the peer read again.
    const settings = { keepAliveMs: 0 };
    const { client } = await connected(
      (stream) => {
        if (isPausing) stream.pause();
        paused.push(stream);
        return handler({ onData: (bytes) => (received += bytes.length) });
      },
      { server: { settings }, client: { settings } },
    );
    const streams = Array.from({ length: 15 }, () => bidirectional(client));
    for (const stream of streams) expect(stream.write(new Uint8Array(2 * MB))).toBe(false);
    await until(() => client.queuedBytes <= 20 * MB);
    await sleep(200);
    const taken = streams.map((stream) => 2 * MB - stream.queuedBytes);
    expect(Math.max(...taken)).toBeLessThanOrEqual(MB);
    expect(taken.reduce((sum, each) => sum + each, 0)).toBe(10 * MB);
    expect(client.queuedBytes).toBe(20 * MB);
    expect(received).toBe(0);
    isPausing = false;
    for (const stream of paused) stream.resume();
    await until(() => received === 30 * MB);
    expect(client.queuedBytes).toBe(0);
  });

  it('is read at once when it is resumed', async () => {
    const seen: Stream[] = [];
    let received = 0;
    const settings = { keepAliveMs: 0 };
    const { client } = await connected(
      (stream) => {
        stream.pause();
        seen.push(stream);
        return handler({ onData: (bytes) => (received += bytes.length) });
      },
      { server: { settings }, client: { settings } },
    );
    bidirectional(client).write(Buffer.of(1));
    await until(() => seen.length === 1);
    await sleep(100);
    expect(received).toBe(0);
    seen[0]?.resume();
    await until(() => received === 1);
  });

  it('says when it has been drained', async () => {
    let drained = 0;
    let received = 0;
    const { client } = await connected(() =>
      handler({ onData: (bytes) => (received += bytes.length) }),
    );
    const stream = bidirectional(client, handler({ onDrained: () => (drained += 1) }));
    expect(stream.write(Buffer.of(1))).toBe(true);
    expect(stream.write(new Uint8Array(5 * MB))).toBe(false);
    expect(stream.write(Buffer.of(1))).toBe(false);
    await until(() => drained === 1);
    expect(stream.queuedBytes).toBe(0);
    await until(() => received === 5 * MB + 2);
  });

  it('refuses more than its queue holds', async () => {
    const { client } = await connected((stream) => {
      stream.pause();
      return handler();
    });
    const stream = bidirectional(client);
    stream.write(new Uint8Array(30 * MB));
    expect(() => stream.write(new Uint8Array(10 * MB))).toThrow(
      expect.objectContaining({ name: 'QuicError', code: 'limit' }),
    );
  });

  it('is reset with a code', async () => {
    const codes: number[] = [];
    const { client } = await connected(() => handler({ onReset: (code) => codes.push(code) }));
    const stream = bidirectional(client);
    stream.write(Buffer.of(1));
    await sleep(20);
    stream.reset(4_000_000_000);
    await until(() => codes.length === 1);
    expect(codes).toEqual([4_000_000_000]);
    expect(stream.write(Buffer.of(1))).toBe(true);
  });

  it('is stopped with a code, also while nothing is sent on it', async () => {
    const codes: number[] = [];
    const { client } = await connected(() => handler({ onStopped: (code) => codes.push(code) }));
    const stream = bidirectional(client);
    stream.write(Buffer.of(1), true);
    await sleep(50);
    stream.stop(77);
    await until(() => codes.length === 1);
    expect(codes).toEqual([77]);
  });

  it('that is stopped or finished is forgotten', async () => {
    let lostCount = 0;
    const { client } = await connected((stream) =>
      handler({
        onData: (bytes, isFinal) => {
          if (isFinal && bytes[0] === 1) stream.write(bytes.slice(), true);
        },
      }),
    );
    let isAnswered = false;
    const on = handler({
      onConnectionClosed: () => (lostCount += 1),
      onData: () => (isAnswered = true),
    });
    const stopped = bidirectional(client, on);
    stopped.write(Buffer.of(0), true);
    bidirectional(client, on).write(Buffer.of(1), true);
    await until(() => isAnswered);
    stopped.stop(1);
    const living = bidirectional(client, on);
    living.write(Buffer.of(0));
    await client.close(0, '');
    expect(lostCount).toBe(1);
  });

  it('is cut short, which costs the connection nothing', async () => {
    let received = 0;
    let endedCount = 0;
    const { client } = await connected(() =>
      handler({
        onData: (bytes, isFinal) => {
          received += bytes.length;
          if (isFinal) endedCount += 1;
        },
      }),
    );
    const large = new Uint8Array(10 * MB);
    for (let round = 0; round < 30; round += 1) {
      const stream = bidirectional(client);
      stream.write(large, true);
      await sleep(round % 5);
      stream.cut();
      stream.stop(1);
    }
    await until(() => endedCount === 30);
    expect(received).toBeLessThan(30 * large.length);
    expect(client.queuedBytes).toBe(0);
    received = 0;
    bidirectional(client).write(large, true);
    await until(() => received === large.length);
  });

  it('whose handler throws is lost, and no other', async () => {
    const resets: number[] = [];
    const { client } = await connected((stream) =>
      handler({
        onData: (bytes) => {
          if (bytes[0] === 0) throw new Error('a bug');
          stream.write(bytes.slice(), true);
        },
      }),
    );
    const answers: number[] = [];
    for (const byte of [0, 1, 0, 2]) {
      const stream = bidirectional(
        client,
        handler({
          onReset: (code) => resets.push(code),
          onData: (bytes) => answers.push(...bytes),
        }),
      );
      stream.write(Buffer.of(byte), true);
    }
    await until(() => answers.length === 2 && resets.length === 2);
    expect(answers).toEqual([1, 2]);
    expect(client.isOpen).toBe(true);
  });
});

describe('the limit of streams', () => {
  it('is that of the peer, and its end is told', async () => {
    const streams: Stream[] = [];
    const { client, available } = await connected(
      (stream) => {
        streams.push(stream);
        return handler();
      },
      { server: { settings: { streamsMax: 5 } } },
    );
    for (let count = 0; count < 5; count += 1) bidirectional(client).write(Buffer.of(1), true);
    expect(client.openBidirectional(handler())).toBeUndefined();
    expect(client.openUnidirectional(handler())).toBeDefined();
    await until(() => streams.length === 5);
    expect(available()).toBe(0);
    for (const stream of streams) stream.write(Buffer.of(2), true);
    await until(() => available() === 1);
    expect(client.openBidirectional(handler())).toBeDefined();
  });

  it('recovers when streams are stopped just as they are answered', async () => {
    const streams: Stream[] = [];
    const { client, server, serverEngine } = await connected(
      (stream) => {
        streams.push(stream);
        return handler();
      },
      { server: { settings: { streamsMax: 5 } } },
    );
    const here = client as QuicheConnection;
    const there = server as QuicheConnection;
    const packet = new Uint8Array(16_384);
    for (let round = 0; round < 20; round += 1) {
      let stream: Stream | undefined;
      await until(() => (stream = client.openBidirectional(handler())) !== undefined);
      stream?.write(Buffer.of(1), true);
      await until(() => streams.length === round + 1);
      stream?.stop(1);
      const [length] = here.native.send(packet) ?? [0];
      // The answer is written, and not sent yet, when the packet that stops it is heard.
      streams[round]?.write(Buffer.of(2), true);
      const to = { host: serverEngine.host, port: serverEngine.port };
      there.receive(packet.slice(0, length), there.remoteHost, there.remotePort, to);
    }
  });

  it('counts streams that are opened and not written to yet', async () => {
    const { client } = await connected(() => handler(), {
      server: { settings: { streamsMax: 3 } },
    });
    const opened = [1, 2, 3].map(() => bidirectional(client));
    expect(client.openBidirectional(handler())).toBeUndefined();
    for (const stream of opened) stream.write(Buffer.of(1));
    expect(client.openBidirectional(handler())).toBeUndefined();
  });
});

describe('a connection', () => {
  it.each(['bbr', 'cubic', 'reno'] as const)('works with %s', async (congestionControl) => {
    let received = 0;
    const { client } = await connected(
      () => handler({ onData: (bytes) => (received += bytes.length) }),
      { client: { settings: { congestionControl, packetBytes: 1_200 } } },
    );
    bidirectional(client).write(new Uint8Array(2 * MB), true);
    await until(() => received === 2 * MB);
  });

  it('whose native object throws is lost, and no other', async () => {
    const { client, serverEngine } = await connected(() => handler());
    const other = await openEngine();
    const second = await other.connect({
      host: serverEngine.host,
      port: serverEngine.port,
      ...WITHIN,
      authenticate: () => ({ isAccepted: true }),
      onOpen: (connection) =>
        connection.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined }),
    });
    const { native } = client as unknown as { native: { send: unknown } };
    Object.defineProperty(native, 'send', {
      value: () => {
        throw new Error('broken');
      },
    });
    bidirectional(client).write(Buffer.of(1));
    expect(await client.closed).toMatchObject({ local: true });
    expect(second.isOpen).toBe(true);
    await second.close(0, '');
  });

  it('that the peer missed the end of is told again', async () => {
    const { client, server } = await connected(() => handler());
    await sleep(50);
    // The last packet of the server is lost: the client learns of the end by asking.
    const { native } = client as unknown as { native: { recv: (...all: unknown[]) => number } };
    const recv = native.recv.bind(native);
    Object.defineProperty(native, 'recv', { configurable: true, value: () => 0 });
    await server.close(9, 'over');
    await sleep(50);
    expect(client.isOpen).toBe(true);
    Object.defineProperty(native, 'recv', { configurable: true, value: recv });
    bidirectional(client).write(Buffer.of(1));
    expect(await client.closed).toEqual({
      kind: 'application',
      code: 9,
      reason: 'over',
      local: false,
    });
  });
});

describe('an engine', () => {
  it('answers another version with the one it speaks', async () => {
    const engine = await openEngine();
    const socket = createSocket('udp4');
    const packet = Buffer.alloc(1_200);
    Buffer.from('c06b3343cf080102030405060708080a0b0c0d0e0f1011', 'hex').copy(packet);
    socket.send(packet, engine.port, '127.0.0.1');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    expect(answer.subarray(1).toString('hex')).toBe(
      '00000000080a0b0c0d0e0f101108010203040506070800000001',
    );
    socket.close();
  });

  it(`bounds the connections that are half open to ${HALF_OPEN_CONNECTIONS_MAX}`, async () => {
    let accepted = 0;
    const engine = await openEngine({
      settings: { idleTimeoutMs: 500, retry: 'never' },
      onRefusal: () => (accepted += 1),
    });
    const socket = createSocket('udp4');
    for (const packet of initials(HALF_OPEN_CONNECTIONS_MAX + 100)) {
      await new Promise((resolve) => socket.send(packet, engine.port, '127.0.0.1', resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Waiting for the rest of a handshake costs nothing.
    const cpu = process.cpuUsage();
    await sleep(200);
    const { user, system } = process.cpuUsage(cpu);
    expect((user + system) / 1_000).toBeLessThan(150);
    let before = 0;
    for (let after = 1; after === 0 || after !== before; after = accepted) {
      before = accepted;
      await sleep(accepted === 0 ? 50 : 400);
    }
    expect(accepted).toBeGreaterThan(HALF_OPEN_CONNECTIONS_MAX / 2);
    expect(accepted).toBeLessThanOrEqual(HALF_OPEN_CONNECTIONS_MAX);
    socket.close();
    // And is open for others again.
    const client = await openEngine();
    const options = { host: '127.0.0.1', port: engine.port, ...WITHIN };
    const connection = await client.connect({
      ...options,
      authenticate: () => ({ isAccepted: true }),
      onOpen: (opened) =>
        opened.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined }),
    });
    expect(connection.isOpen).toBe(true);
  });

  it('says when there is none for the platform', () => {
    expect(() => loadNative('plan9-mips')).toThrow(
      expect.objectContaining({
        name: 'QuicError',
        code: 'unsupported-platform',
        message: expect.stringContaining('there is no QUIC engine for plan9-mips') as string,
      }),
    );
  });

  it.each([
    { idleTimeoutMs: 0 },
    { streamsMax: 1.5 },
    { packetBytes: 1_199 },
    { congestionControl: 'vegas' as never },
  ])('refuses the setting %j', async (settings) => {
    expect(await rejection(openEngine({ settings }))).toMatchObject({ code: 'bad-option' });
  });

  it('refuses a key that cannot be used before it listens', async () => {
    const options = { host: '127.0.0.1', port: 0, protocols: ['x'], certificatePem: '' };
    const opening = openQuicheEngine({
      ...options,
      privateKeyPem: 'no key',
      authenticate: () => ({ isAccepted: true }),
      onConnection: () => undefined,
    });
    expect(await rejection(opening)).toMatchObject({ code: 'bad-option' });
  });
});
