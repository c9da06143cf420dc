import { afterEach, describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import { loadNative } from '../../../transport/quic/quiche/native.js';
import type { Refusal } from '../../../transport/quic/index.js';
import type { RpcConnection } from '../../../transport/rpc/rpc.js';
import { PROTOCOL } from '../../../transport/rpc/wire.js';
import { withNameOf, withValidity } from '../identity/certificates.js';
import { RawClient } from '../quic/raw-client.js';
import { addressOf, listen, rejection } from './pair.js';
import { WITHIN, sleep, until } from '../../waiting.js';

let raw: RawClient | undefined;
afterEach(() => raw?.close());

describe('a peer with another identity', () => {
  it('is not connected to, and both sides are told', async () => {
    const inbound: RpcConnection[] = [];
    let callCount = 0;
    const server = await listen(
      { count: () => (callCount += 1) },
      { onConnection: (connection) => inbound.push(connection) },
    );
    const client = await listen();
    const expected = createIdentity().peerId;
    const address = { ...addressOf(server), peerId: expected };
    const where = `${server.host}:${server.port}`;
    const text = `expected peer ${expected} at ${where}, found ${server.peerId}`;
    expect(await rejection(client.connect(address, WITHIN))).toMatchObject({
      name: 'RpcError',
      code: 'unauthenticated',
      message: text,
    });
    expect([...client.connections()]).toEqual([]);
    await until(() => inbound.length === 1);
    expect(await inbound[0]?.closed).toEqual({ code: 1, reason: text, local: false });
    expect([...server.connections()]).toEqual([]);
    expect(callCount).toBe(0);
  });

  it('is not let in, is told why, and reaches no handler', async () => {
    const refusals: Refusal[] = [];
    let callCount = 0;
    const server = await listen(
      { count: () => (callCount += 1) },
      { authorize: () => false, onRefusal: (refusal) => refusals.push(refusal) },
    );
    const client = await listen();
    expect(await rejection(client.connect(addressOf(server), WITHIN))).toMatchObject({
      code: 'permission-denied',
      message: `${server.host}:${server.port} refused the connection: peer ${client.peerId} is not admitted: it is not known here`,
    });
    await until(() => refusals.length === 1);
    expect(refusals[0]).toMatchObject({
      remotePort: client.port,
      reason: `peer ${client.peerId} is not admitted: it is not known here`,
    });
    expect([...server.connections()]).toEqual([]);
    expect(callCount).toBe(0);
  });

  it('is judged by its proven id, with a reason of its own', async () => {
    const friend = await listen();
    const stranger = await listen();
    const asked: string[] = [];
    const server = await listen(
      { echo: (payload) => payload },
      {
        authorize: (peerId) => {
          asked.push(peerId);
          return peerId === friend.peerId || 'it left the swarm';
        },
      },
    );
    const connection = await friend.connect(addressOf(server), WITHIN);
    expect(await connection.call('echo', 1, WITHIN)).toBe(1);
    expect(await rejection(stranger.connect(addressOf(server), WITHIN))).toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('it left the swarm') as string,
    });
    expect(asked).toEqual([friend.peerId, stranger.peerId]);
  });

  it('is a warning of the process, once, when authorize fails and nobody takes refusals', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', onWarning);
    const server = await listen({}, { authorize: (async () => true) as never });
    const client = await listen();
    await rejection(client.connect(addressOf(server), WITHIN));
    await rejection(client.connect(addressOf(server), WITHIN));
    process.off('warning', onWarning);
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('authorize returned a promise'),
    ]);
  });

  it.each<readonly [what: string, judge: () => unknown, told: string, why: string]>([
    ['answers with a promise', async () => true, 'is not admitted', 'returned a promise'],
    ['answers with nothing', () => undefined, 'is not admitted', 'returned nothing'],
    [
      'throws',
      () => {
        throw new Error('no table of secrets');
      },
      'could not be judged',
      'authorize threw: no table of secrets',
    ],
  ])('is not let in by an authorize that %s, of which only its own side hears', async (...row) => {
    const [, judge, told, why] = row;
    const refusals: Refusal[] = [];
    const authorize = judge as () => boolean;
    const server = await listen({}, { authorize, onRefusal: (each) => refusals.push(each) });
    const client = await listen();
    const text = `peer ${client.peerId} ${told}`;
    expect(await rejection(client.connect(addressOf(server), WITHIN))).toMatchObject({
      code: 'permission-denied',
      message: `${server.host}:${server.port} refused the connection: ${text}`,
    });
    await until(() => refusals.length === 1);
    expect(refusals[0]?.reason).toContain(`${text}: authorize`);
    expect(refusals[0]?.reason).toContain(why);
  });
});

/** A server that counts what reaches it, and remembers whom it refused. */
async function watched(identity = createIdentity()) {
  const refusals: Refusal[] = [];
  const inbound: RpcConnection[] = [];
  const calls = { count: 0 };
  const server = await listen(
    { count: () => (calls.count += 1) },
    {
      identity,
      onRefusal: (refusal) => refusals.push(refusal),
      onConnection: (connection) => inbound.push(connection),
    },
  );
  return { server, refusals, inbound, calls };
}

const DAY_MS = 24 * 60 * 60 * 1_000;
const iso = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 11);

describe.each<readonly [what: string, fromMs: number, toMs: number, words: string]>([
  [
    'an expired certificate',
    Date.now() - 20 * DAY_MS,
    Date.now() - DAY_MS,
    `the certificate expired at ${iso(Date.now() - DAY_MS)}`,
  ],
  [
    'a certificate that is not valid yet',
    Date.now() + DAY_MS,
    Date.now() + 20 * DAY_MS,
    `the certificate is not valid before ${iso(Date.now() + DAY_MS)}`,
  ],
])('a peer with %s', (_what, fromMs, toMs, words) => {
  const identity = withValidity(createIdentity(), fromMs, toMs);

  it('is not let in, and both sides are told', async () => {
    const { server, refusals, calls } = await watched();
    const client = await listen({}, { identity });
    const error = await rejection(client.connect(addressOf(server), WITHIN));
    expect(error).toMatchObject({ name: 'RpcError', code: 'unauthenticated' });
    expect((error as Error).message).toContain(words);
    await until(() => refusals.length === 1);
    expect(refusals[0]).toMatchObject({ remotePort: client.port });
    expect(refusals[0]?.reason).toContain(words);
    expect([...server.connections()]).toEqual([]);
    expect(calls.count).toBe(0);
  });

  it('is not connected to, and both sides are told', async () => {
    const { server, inbound, calls } = await watched(identity);
    const client = await listen();
    const error = await rejection(client.connect(addressOf(server), WITHIN));
    expect(error).toMatchObject({ name: 'RpcError', code: 'unauthenticated' });
    expect((error as Error).message).toContain(words);
    expect([...client.connections()]).toEqual([]);
    await until(() => inbound.length === 1);
    const info = await inbound[0]?.closed;
    expect(info).toMatchObject({ code: 1, local: false });
    expect(info?.reason).toContain(words);
    expect(calls.count).toBe(0);
  });
});

describe("a peer with another peer's certificate", () => {
  const victim = createIdentity();
  // BoringSSL drops a key that does not fit its certificate: it has nothing left to show.
  const thief = { ...createIdentity(), certificatePem: victim.certificatePem };

  it('but not its key is not let in, and both sides are told', async () => {
    const { server, refusals, calls } = await watched();
    const impostor = await listen({}, { identity: thief });
    expect(await rejection(impostor.connect(addressOf(server), WITHIN))).toMatchObject({
      name: 'RpcError',
      code: 'unauthenticated',
      message: expect.stringContaining('a certificate is required') as string,
    });
    await until(() => refusals.length === 1);
    expect(refusals[0]?.reason).toMatch(/TLS: a certificate is required/);
    expect([...server.connections()]).toEqual([]);
    expect(calls.count).toBe(0);
  });

  it('but not its key is not connected to, and both sides are told', async () => {
    const { server, refusals, calls } = await watched(thief);
    const client = await listen();
    const address = { ...addressOf(server), peerId: victim.peerId };
    // A server of BoringSSL without a certificate knows no alert for that.
    expect(await rejection(client.connect(address, WITHIN))).toMatchObject({
      name: 'RpcError',
      code: 'unauthenticated',
      message: expect.stringContaining('QUIC: internal error (code 1)') as string,
    });
    await until(() => refusals.length === 1);
    expect(refusals[0]?.reason).toContain('QUIC: internal error (code 1)');
    expect([...client.connections()]).toEqual([]);
    expect(calls.count).toBe(0);
  });

  it('behind its own is who its own key says', async () => {
    const own = createIdentity();
    const certificatePem = own.certificatePem + victim.certificatePem;
    const { server, inbound } = await watched();
    const client = await listen({}, { identity: { ...own, certificatePem } });
    const connection = await client.connect(addressOf(server), WITHIN);
    expect(inbound.map(({ peerId }) => peerId)).toEqual([own.peerId]);
    await connection.close();
    const { server: other } = await watched({ ...own, certificatePem });
    const address = { ...addressOf(other), peerId: victim.peerId };
    expect(await rejection(client.connect(address, WITHIN))).toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining(`found ${own.peerId}`) as string,
    });
  });

  it('or only its name is who its own key says', async () => {
    const own = createIdentity();
    const { server, inbound } = await watched();
    const client = await listen({}, { identity: withNameOf(own, victim) });
    await client.connect(addressOf(server), WITHIN);
    expect(inbound.map(({ peerId }) => peerId)).toEqual([own.peerId]);
  });
});

describe('a peer without a certificate', () => {
  it('is refused by TLS, which says so on both sides', async () => {
    const refusals: Refusal[] = [];
    const server = await listen({}, { onRefusal: (refusal) => refusals.push(refusal) });
    const config = loadNative().Config.withBoringSslCtx(
      false,
      true,
      undefined,
      undefined as never,
      undefined as never,
      'ed25519',
    );
    config.setApplicationProtos([PROTOCOL]);
    config.setMaxIdleTimeout(2_000);
    raw = await RawClient.connect(config, server.port);
    await until(() => raw?.peerError !== null);
    // CRYPTO_ERROR with the alert certificate_required (RFC 8446 6.2).
    expect(raw.peerError).toMatchObject({ isApp: false, errorCode: 0x174 });
    await until(() => refusals.length === 1);
    expect(refusals[0]?.reason).toMatch(/TLS: a certificate is required/);
  });

  it('or with another protocol is refused', async () => {
    const server = await listen();
    const identity = createIdentity();
    const config = loadNative().Config.withBoringSslCtx(
      true,
      true,
      undefined,
      [Buffer.from(identity.privateKeyPem)],
      [Buffer.from(identity.certificatePem)],
      'ed25519',
    );
    config.setApplicationProtos(['agentic-flow/0']);
    config.setMaxIdleTimeout(2_000);
    raw = await RawClient.connect(config, server.port);
    await until(() => raw?.peerError !== null);
    expect(raw.peerError).toMatchObject({ isApp: false, errorCode: 0x178 });
    await sleep(20);
    expect([...server.connections()]).toEqual([]);
  });
});
