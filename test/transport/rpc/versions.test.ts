import { describe, expect, it } from 'vitest';
import type { Methods } from '../../../transport/rpc/rpc.js';
import { handler, openEngine } from '../quic/engines.js';
import { encodeHello } from '../../../transport/rpc/hello.js';
import { createIdentity } from '../../../transport/identity/index.js';
import { PROTOCOL } from '../../../transport/rpc/wire.js';
import { PROTOCOL_2, encodeHelloFrame } from '../../../transport/rpc/wire2.js';
import { misbehaving } from './misbehaving.js';
import { addressOf, listen, pairWith, rejection } from './pair.js';
import { WITHIN, until } from '../../waiting.js';

const PREVIOUS = { protocols: [PROTOCOL] } as const;

const methods: Methods = {
  echo: { kind: 'unary', handler: (payload) => payload },
  list: { kind: 'server-stream', handler: (payload) => payload as unknown[] },
};

describe.each([
  ['the current release, on both sides', {}, {}, 2],
  ['the previous release, on the side that dials', {}, PREVIOUS, 1],
  ['the previous release, on the side that is dialled', PREVIOUS, {}, 1],
  ['the previous release, on both sides', PREVIOUS, PREVIOUS, 1],
] as const)('%s', (_what, ofServer, ofClient, version) => {
  it(`speaks version ${version}: calls and notifications go both ways`, async () => {
    const notes: unknown[] = [];
    const handlers = { note: (payload: unknown) => notes.push(payload) };
    const { server, connection } = await pairWith(methods, {
      server: { ...ofServer, handlers },
      client: { ...ofClient, methods, handlers },
    });
    const [back] = [...server.connections()];
    expect([connection.version, back?.version]).toEqual([version, version]);
    for (const each of [connection, back]) {
      expect(await each?.call('echo', { a: [1, 'x'] }, WITHIN)).toEqual({ a: [1, 'x'] });
      const options = { ...WITHIN, metadata: { a: 'b' }, idempotencyKey: 'k', urgency: 0 };
      expect(await each?.call('echo', 5, options)).toBe(5);
      expect(await rejection(each?.call('nothing', 1, WITHIN) ?? Promise.resolve())).toMatchObject({
        code: 'unknown-method',
      });
      expect(each?.notify('note', each === back ? 'back' : 'there')).toBe(true);
    }
    await until(() => notes.length === 2);
    expect(notes.toSorted()).toEqual(['back', 'there']);
  });

  it(`and ${version === 1 ? 'refuses' : 'takes'} streaming calls`, async () => {
    const { connection } = await pairWith(methods, { server: ofServer, client: ofClient });
    const messages = connection.serverStream('list', [1, 2], WITHIN);
    if (version === 2) {
      expect(await messages.next()).toEqual({ done: false, value: 1 });
      return;
    }
    expect(await rejection(messages.next())).toMatchObject({
      code: 'unavailable',
      reason: 'version',
      message: "'list' is a streaming call, and the connection speaks version 1, which has none",
    });
    expect(await rejection(connection.clientStream('x', [], WITHIN))).toMatchObject({
      reason: 'version',
    });
  });
});

describe('the hello', () => {
  it('bounds what the other side sends', async () => {
    const identity = createIdentity();
    const limits = { messageBytes: 100_000 };
    const engine = await openEngine({
      ...identity,
      protocols: [PROTOCOL_2],
      onConnection: (connection) => {
        connection.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined });
        const hello = encodeHello({ versions: [2], features: [], limits });
        connection.openUnidirectional(handler())?.write(hello, true);
      },
    });
    const client = await listen();
    const { host, port } = engine;
    const connection = await client.connect({ host, port, peerId: identity.peerId }, WITHIN);
    expect(await rejection(connection.call('x', new Uint8Array(100_001), WITHIN))).toMatchObject({
      code: 'malformed',
      reason: 'message-too-long',
    });
  });

  it.each([
    ['that cannot be read', [{ versions: 'all' }], /versions?/],
    ['that is too long', [{ versions: [2], later: 'x'.repeat(70_000) }], /too long/],
    ['that comes twice', [{ versions: [2] }, { versions: [2] }], /twice/],
  ])('%s ends the connection with its own code', async (_what, hellos, reason) => {
    const server = await listen();
    const connection = await misbehaving(server.port);
    for (const members of hellos) {
      connection.openUnidirectional(handler())?.write(encodeHelloFrame(members), true);
    }
    const info = await connection.closed;
    expect([info.kind, info.code, info.local]).toEqual(['application', 5, false]);
    expect(info.reason).toMatch(reason);
  });

  it('that never comes leaves connect waiting no longer than it was told to', async () => {
    const identity = createIdentity();
    const engine = await openEngine({ ...identity, protocols: [PROTOCOL_2] });
    const client = await listen();
    const { host, port } = engine;
    const address = { host, port, peerId: identity.peerId };
    expect(await rejection(client.connect(address, { timeoutMs: 200 }))).toMatchObject({
      code: 'unavailable',
      message: `${host}:${port} did not let this node in within the time given`,
    });
  });

  it('lets a peer of a later release in whose version both know', async () => {
    const server = await listen({ echo: (payload) => payload });
    expect(addressOf(server).peerId).toBe(server.peerId);
    const connection = await misbehaving(server.port, 'agentic-flow/3', PROTOCOL_2);
    expect(connection.protocol).toBe(PROTOCOL_2);
  });
});
