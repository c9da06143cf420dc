import { createSocket, type Socket } from 'node:dgram';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import { PROTOCOL, encodeNotification, encodeRequest } from '../../../transport/rpc/wire.js';
import { handler } from '../quic/engines.js';
import { fuzz } from '../seed.js';
import { misbehaving } from './misbehaving.js';
import { addressOf, listen, pair } from './pair.js';
import { WITHIN, until } from '../../waiting.js';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

function udp(): Socket {
  const socket = createSocket('udp4');
  sockets.push(socket);
  return socket;
}

describe('datagrams', () => {
  it('of any bytes disturb nobody', async () => {
    const { server, connection } = await pair({ echo: (payload) => payload });
    const socket = udp();
    const any = fc.uint8Array({ maxLength: 1_400 });
    const likeQuic = fc
      .tuple(fc.constantFrom(0x40, 0xc0, 0xd0, 0xe0, 0xf0), fc.constantFrom(0, 1, 2, 0xffff), any)
      .map(([first, version, rest]) => {
        const head = Buffer.from([first, 0, 0, 0, 0]);
        head.writeUInt32BE(version, 1);
        return Buffer.concat([head, rest, Buffer.alloc(Math.max(0, 1_200 - rest.length))]);
      });
    await fuzz(
      fc.asyncProperty(fc.array(fc.oneof(any, likeQuic), { maxLength: 20 }), async (datagrams) => {
        for (const datagram of datagrams) socket.send(datagram, server.port, '127.0.0.1');
        expect(await connection.call('echo', datagrams.length, WITHIN)).toBe(datagrams.length);
      }),
      40,
    );
  });

  it('of a connection, with bits flipped, cut short, doubled or out of order, do not break it', async () => {
    const { server, client } = await pair({ echo: (payload) => payload });
    // A path between them that spoils every fifth datagram in some way.
    const front = udp();
    const back = udp();
    await new Promise<void>((resolve) => front.bind(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => back.bind(0, '127.0.0.1', resolve));
    let clientPort = 0;
    let count = 0;
    let held: Buffer | undefined;
    const spoil = (datagram: Buffer, send: (spoilt: Buffer) => void): void => {
      count += 1;
      const copy = Buffer.from(datagram);
      if (held !== undefined) {
        send(held);
        held = undefined;
      }
      switch (count % 25) {
        case 3: {
          const at = (count * 7) % copy.length;
          copy[at] = (copy[at] ?? 0) ^ (1 << (count % 8));
          break;
        }
        case 8:
          send(copy.subarray(0, copy.length >> 1));
          return;
        case 13:
          send(copy);
          break;
        case 18:
          held = copy;
          return;
        case 23:
          return;
      }
      send(copy);
    };
    front.on('message', (datagram, remote) => {
      clientPort = remote.port;
      spoil(datagram, (spoilt) => back.send(spoilt, server.port, '127.0.0.1'));
    });
    back.on('message', (datagram) =>
      spoil(datagram, (spoilt) => front.send(spoilt, clientPort, '127.0.0.1')),
    );
    const address = { ...addressOf(server), port: front.address().port };
    const connection = await client.connect(address, WITHIN);
    const bytes = new Uint8Array(300_000).map((_, index) => index & 0xff);
    for (let round = 0; round < 20; round += 1) {
      const answer = await connection.call('echo', bytes.subarray(round), { timeoutMs: 20_000 });
      expect(Buffer.from(answer as Uint8Array).equals(bytes.subarray(round))).toBe(true);
    }
    expect(count).toBeGreaterThan(100);
  });
});

describe('streams', () => {
  it('of any bytes are answered or dropped, and the peer goes on', async () => {
    let handled = 0;
    const errors: unknown[] = [];
    const server = await listen(
      { echo: (payload) => ((handled += 1), payload) },
      { onHandlerError: (...all) => errors.push(all) },
    );
    const hostile = await misbehaving(server.port, PROTOCOL);
    const request = encodeRequest({ method: 'echo', timeoutMs: 1_000, payload: { a: [1, 'x'] } });
    const notification = encodeNotification({ method: 'echo', payload: 1 });
    const spoilt = fc
      .tuple(fc.constantFrom(request, notification), fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([frame, at, byte]) => {
        const copy = Buffer.from(frame);
        copy[at % copy.length] = byte;
        return copy;
      });
    // Sound ones as well, so that with every seed some are handled.
    const sound = fc.constantFrom(Buffer.from(request), Buffer.from(notification));
    const content = fc.oneof(fc.uint8Array({ maxLength: 200 }), spoilt, sound);
    const action = fc.constantFrom('end', 'reset', 'stop');
    await fuzz(
      fc.asyncProperty(content, action, fc.boolean(), async (bytes, how, isUnidirectional) => {
        let isOver = isUnidirectional;
        const end = (): void => void (isOver = true);
        const on = handler({ onData: (_, isFinal) => void (isOver ||= isFinal), onReset: end });
        const stream = await free(() =>
          isUnidirectional ? hostile.openUnidirectional(on) : hostile.openBidirectional(on),
        );
        stream.write(bytes, how === 'end');
        if (how !== 'end') stream.reset(5);
        if (how === 'stop') stream.stop(6);
        if (how === 'end') await until(() => isOver);
      }),
      300,
    );
    expect(hostile.isOpen).toBe(true);
    const client = await listen();
    const connection = await client.connect(addressOf(server), WITHIN);
    expect(await connection.call('echo', 'still here', WITHIN)).toBe('still here');
    expect(handled).toBeGreaterThan(1);
    expect(errors).toEqual([]);
  });

  it('that never end hold no more than their bytes, and leave the others their place', async () => {
    const server = await listen({ echo: (payload) => payload });
    const hostile = await misbehaving(server.port, PROTOCOL);
    for (let count = 0; count < 100; count += 1) {
      hostile.openBidirectional(handler())?.write(Buffer.from('00ffffff94', 'hex'));
    }
    const client = await listen({}, { identity: createIdentity() });
    const connection = await client.connect(addressOf(server), WITHIN);
    expect(await connection.call('echo', 1, WITHIN)).toBe(1);
  });
});

async function free<T>(open: () => T | undefined): Promise<T> {
  let opened: T | undefined;
  await until(() => (opened = open()) !== undefined);
  return opened as T;
}
