import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createIdentity, peerIdFromCertificate } from '../../../transport/identity/index.js';
import type { Connection, Engine, EngineOptions, Stream } from '../../../transport/quic/index.js';
import { handler, openEngine } from './engines.js';
import { UdpRelay } from './udp-relay.js';
import { WITHIN, sleep, until } from '../../waiting.js';

const ACCEPT = { isAccepted: true } as const;
const LONG_HEADER = 0x80;
const ZERO_RTT = 1;

interface Heard {
  readonly text: string;
  readonly isEarly: boolean;
}

/** A server that notes what streams carry and answers 'ok'. */
async function listening(options: Partial<EngineOptions> = {}): Promise<{
  readonly engine: Engine;
  readonly heard: Heard[];
  readonly connections: Connection[];
}> {
  const heard: Heard[] = [];
  const connections: Connection[] = [];
  const engine = await openEngine({
    tickets: { keys: () => [TICKET_KEY], keysUsedSince: Date.now() },
    ...options,
    onConnection: (connection) => {
      connections.push(connection);
      connection.setHandler({
        onStream: (stream) => {
          const chunks: Buffer[] = [];
          return handler({
            onData: (bytes, isFinal) => {
              chunks.push(Buffer.from(bytes));
              if (!isFinal) return;
              heard.push({ text: Buffer.concat(chunks).toString(), isEarly: stream.isEarly });
              stream.write(Buffer.from('ok'), true);
            },
          });
        },
        onStreamsAvailable: () => undefined,
      });
    },
  });
  return { engine, heard, connections };
}

const TICKET_KEY = randomBytes(48);

interface Asked {
  readonly connection: Connection;
  readonly session: Uint8Array;
  readonly wasEarly: boolean;
}

/** Connects, sends `text` as soon as it can, waits for the answer and for a session. */
async function ask(
  engine: Engine,
  port: number,
  text: string,
  session?: Uint8Array,
): Promise<Asked> {
  let fresh: Uint8Array | undefined;
  let wasEarly = false;
  let answer = '';
  const connection = await engine.connect({
    host: '127.0.0.1',
    port,
    ...WITHIN,
    authenticate: () => ACCEPT,
    ...(session === undefined ? {} : { session, isEarly: true }),
    onSession: (bytes) => (fresh = bytes),
    onOpen: (opened) => {
      opened.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined });
      wasEarly = opened.isEarly;
      const stream = opened.openBidirectional(
        handler({ onData: (bytes) => (answer += Buffer.from(bytes).toString()) }),
      );
      stream?.write(Buffer.from(text), true);
    },
  });
  await until(() => answer === 'ok' && fresh !== undefined);
  return { connection, session: fresh as unknown as Uint8Array, wasEarly };
}

describe('a resumed connection', () => {
  it('carries application data in its first flight, as the packets show', async () => {
    const { engine, heard, connections } = await listening();
    const client = await openEngine();
    const first = await ask(client, engine.port, 'first');
    expect(first.wasEarly).toBe(false);
    expect(first.connection.isResumed).toBe(false);
    await first.connection.close(0, '');

    const relay = await UdpRelay.to(engine.port);
    relay.delayMs = 40;
    const second = await ask(client, relay.port, 'second', first.session);
    expect(second.wasEarly).toBe(true);
    expect(second.connection.isResumed).toBe(true);
    expect(second.connection.isEarly).toBe(false);
    expect(heard).toEqual([
      { text: 'first', isEarly: false },
      { text: 'second', isEarly: true },
    ]);
    // The first datagrams of the client, before anything came back: an Initial, and 0-RTT packets.
    const firstAnswer = relay.seen.findIndex(({ direction }) => direction === 'down');
    const flight = relay.seen.slice(0, firstAnswer).flatMap(({ bytes }) => packetTypes(bytes));
    expect(flight).toContain(ZERO_RTT);
    // And the peer is known on both sides as it was the first time.
    const server = connections[1] as Connection;
    expect(peerIdFromCertificate(server.peerCertificate)).toBe(
      peerIdFromCertificate((connections[0] as Connection).peerCertificate),
    );
    await server.established;
    expect(server.isResumed).toBe(true);
  });

  it('is answered one round trip earlier', async () => {
    const { engine } = await listening();
    const client = await openEngine();
    const { session } = await ask(client, engine.port, 'first');
    const relay = await UdpRelay.to(engine.port);
    relay.delayMs = 100;
    const tripsOf = async (withSession: boolean): Promise<number> => {
      const startedAt = performance.now();
      await ask(client, relay.port, 'x', withSession ? session : undefined);
      return (performance.now() - startedAt) / 200;
    };
    // The answer and the session come together at the end of: handshake and call, or call alone.
    const full = await tripsOf(false);
    const early = await tripsOf(true);
    expect(full - early).toBeGreaterThan(0.5);
  });

  it('whose early data is sent a second time is not heard a second time', async () => {
    const { engine, heard } = await listening();
    const client = await openEngine();
    const { session } = await ask(client, engine.port, 'first');
    const relay = await UdpRelay.to(engine.port);
    await ask(client, relay.port, 'pay 100', session);
    expect(heard.at(-1)).toEqual({ text: 'pay 100', isEarly: true });
    const ups = relay.seen.filter(({ direction }) => direction === 'up').map(({ bytes }) => bytes);
    // Whoever recorded it sends it again, from another address, so that it is a new connection.
    for (let times = 0; times < 3; times += 1) {
      await relay.rebind();
      for (const bytes of ups) relay.inject(bytes);
      await sleep(100);
    }
    expect(heard.filter(({ text }) => text === 'pay 100')).toHaveLength(1);
  });

  it('goes on without early data when the peer has lost the ticket key', async () => {
    const keys = [randomBytes(48)];
    const tickets = { keys: () => keys, keysUsedSince: Date.now() };
    const { engine, heard } = await listening({ tickets });
    const client = await openEngine();
    const { session } = await ask(client, engine.port, 'first');
    keys[0] = randomBytes(48);
    const again = await ask(client, engine.port, 'again', session);
    expect(again.wasEarly).toBe(true);
    expect(again.connection.isResumed).toBe(false);
    expect(heard.at(-1)).toEqual({ text: 'again', isEarly: false });
  });

  it('is resumed with the key before the newest, too', async () => {
    const keys = [randomBytes(48)];
    const tickets = { keys: () => keys, keysUsedSince: Date.now() };
    const { engine, heard } = await listening({ tickets });
    const client = await openEngine();
    const { session } = await ask(client, engine.port, 'first');
    keys.unshift(randomBytes(48));
    const again = await ask(client, engine.port, 'again', session);
    expect(again.connection.isResumed).toBe(true);
    expect(heard.at(-1)?.isEarly).toBe(true);
  });

  it('sends no early data that is taken while a register of an earlier process is missing', async () => {
    const tickets = { keys: () => [TICKET_KEY], keysUsedSince: 0 };
    const { engine, heard } = await listening({ tickets });
    const client = await openEngine();
    const { session } = await ask(client, engine.port, 'first');
    const again = await ask(client, engine.port, 'again', session);
    expect(again.connection.isResumed).toBe(true);
    expect(heard.at(-1)).toEqual({ text: 'again', isEarly: false });
  });

  it('survives a session that is no session', async () => {
    const { engine, heard } = await listening();
    const client = await openEngine();
    const again = await ask(client, engine.port, 'again', randomBytes(1_000));
    expect(again.wasEarly).toBe(false);
    expect(heard.at(-1)).toEqual({ text: 'again', isEarly: false });
  });

  it('is never early with a session of another peer', async () => {
    const { engine } = await listening();
    const other = await listening();
    const client = await openEngine();
    const { session } = await ask(client, other.engine.port, 'first');
    let wasEarly = false;
    let certificate: Uint8Array | undefined;
    const connecting = client.connect({
      host: '127.0.0.1',
      port: engine.port,
      ...WITHIN,
      session,
      isEarly: true,
      authenticate: (shown) => {
        certificate = shown;
        return { isAccepted: false, code: 1, reason: 'another peer' };
      },
      onOpen: (opened) => {
        wasEarly = opened.isEarly;
      },
    });
    await expect(connecting).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(wasEarly).toBe(false);
    expect(certificate).toBeDefined();
  });

  it('does not let early data in of a peer that is no longer admitted', async () => {
    let isAdmitted = true;
    const { engine, heard } = await listening({
      authenticate: () => (isAdmitted ? ACCEPT : { isAccepted: false, code: 2, reason: 'evicted' }),
    });
    const identity = createIdentity();
    const client = await openEngine(identity);
    const { session } = await ask(client, engine.port, 'first');
    isAdmitted = false;
    const connecting = client.connect({
      host: '127.0.0.1',
      port: engine.port,
      ...WITHIN,
      session,
      isEarly: true,
      authenticate: () => ACCEPT,
      onOpen: (opened) => {
        opened.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined });
        (opened.openBidirectional(handler()) as Stream).write(Buffer.from('let me in'), true);
      },
    });
    const connection = await connecting.catch(() => undefined);
    await connection?.closed;
    expect(heard.map(({ text }) => text)).toEqual(['first']);
  });
});

/** Long-header packet types of the packets in a datagram that can be told apart without keys. */
function packetTypes(datagram: Buffer): number[] {
  const first = datagram[0] ?? 0;
  return (first & LONG_HEADER) === 0 ? [] : [(first >> 4) & 3];
}
