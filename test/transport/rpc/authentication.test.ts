import { afterEach, describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import { loadNative } from '../../../transport/quic/quiche/native.js';
import type { Refusal } from '../../../transport/quic/index.js';
import type { RpcConnection } from '../../../transport/rpc/rpc.js';
import { PROTOCOL } from '../../../transport/rpc/wire.js';
import { RawClient } from '../quic/raw-client.js';
import { addressOf, listen, rejection, sleep, until } from './pair.js';

const WITHIN = { timeoutMs: 5_000 };

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

  it('that claims a certificate without its key gets nowhere, in either direction', async () => {
    const victim = createIdentity();
    const thief = { ...createIdentity(), certificatePem: victim.certificatePem };
    let callCount = 0;
    const server = await listen({ count: () => (callCount += 1) });
    const impostor = await listen({}, { identity: thief }).catch((error: unknown) => error);
    // BoringSSL drops a key that does not fit its certificate: it has nothing left to show.
    if (
      !(impostor instanceof Error) &&
      typeof impostor === 'object' &&
      impostor !== null &&
      'connect' in impostor
    ) {
      const endpoint = impostor as Awaited<ReturnType<typeof listen>>;
      expect(
        await rejection(endpoint.connect(addressOf(server), { timeoutMs: 2_000 })),
      ).toMatchObject({
        code: 'unauthenticated',
      });
      const client = await listen();
      const address = { ...addressOf(endpoint), peerId: victim.peerId };
      expect(await rejection(client.connect(address, { timeoutMs: 1_000 }))).toMatchObject({
        name: 'RpcError',
        code: expect.stringMatching(/unauthenticated|unavailable/) as string,
      });
    }
    expect([...server.connections()]).toEqual([]);
    expect(callCount).toBe(0);
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
