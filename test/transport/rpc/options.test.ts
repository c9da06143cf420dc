import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import {
  ConnectionPool,
  listenRpc,
  type DialOptions,
  type Dialler,
  type ListenOptions,
  type PeerAddress,
} from '../../../transport/rpc/index.js';
import { addressOf, listen, pair, rejection } from './pair.js';
import { WITHIN } from '../../waiting.js';

const identity = createIdentity();
const good = { identity, host: '127.0.0.1', port: 0 };
const bad = (message: string): object => ({
  name: 'RpcError',
  code: 'malformed',
  reason: 'bad-option',
  message: expect.stringContaining(message) as string,
});

describe('listenRpc does not listen', () => {
  it.each<readonly [what: string, options: unknown, message: string]>([
    ['without options', undefined, 'listenRpc'],
    ['without a host', { identity, port: 0 }, 'host is left out'],
    ['on an empty host', { ...good, host: '' }, "host is ''"],
    ['on port 70000', { ...good, port: 70_000 }, 'port is 70000'],
    ['on port -1', { ...good, port: -1 }, 'port is -1'],
    ['on port 1.5', { ...good, port: 1.5 }, 'port is 1.5'],
    ['on a port of text', { ...good, port: '4433' }, "port is '4433'"],
    ['without an identity', { host: '127.0.0.1', port: 0 }, 'identity is missing'],
    ['with a handler that is none', { ...good, handlers: { a: 5 } }, "handlers['a'] is 5"],
    [
      'with a method that is a function',
      { ...good, methods: { a: () => 1 } },
      "methods['a'] is a function",
    ],
    [
      'with a method of no kind',
      { ...good, methods: { a: { kind: 'x', handler: () => 1 } } },
      "methods['a'] is an object",
    ],
    ['with an authorize that is none', { ...good, authorize: true }, 'authorize is true'],
    ['with settings beyond bounds', { ...good, settings: { idleTimeoutMs: -1 } }, '-1'],
  ])('%s', async (_what, options, message) => {
    expect(await rejection(listenRpc(options as ListenOptions))).toMatchObject(bad(message));
  });
});

describe('what connect is given is looked at', () => {
  it.each<readonly [what: string, address: unknown, message: string]>([
    ['a text', `127.0.0.1:1#${identity.peerId}`, 'parsePeerAddress'],
    ['nothing', undefined, 'the address is left out'],
    ['an empty host', { host: '', port: 1, peerId: identity.peerId }, "host of the address is ''"],
    ['port 0', { host: 'a', port: 0, peerId: identity.peerId }, 'port of the address is 0'],
    ['another id', { host: 'a', port: 1, peerId: 'me' }, "peerId of the address (a:1) is 'me'"],
  ])('%s is no address', async (_what, address, message) => {
    const endpoint = await listen();
    const connecting = endpoint.connect(address as PeerAddress, WITHIN);
    expect(await rejection(connecting)).toMatchObject(bad(message));
    const pool = new ConnectionPool(endpoint);
    const call = pool.call(address as PeerAddress, 'echo', 1, WITHIN);
    expect(await rejection(call)).toMatchObject(bad(message));
  });

  it.each<readonly [options: unknown, message: string]>([
    [undefined, 'is left out'],
    [{}, 'is left out'],
    [{ timeoutMs: 0 }, 'is 0'],
    [{ timeoutMs: '5' }, "is '5'"],
    [{ timeoutMs: 86_400_001 }, 'is 86400001'],
  ])('%j gives no time', async (given, message) => {
    const { server, client, connection } = await pair({ echo: (payload) => payload });
    const options = given as DialOptions;
    const to = addressOf(server);
    const told = bad(`timeoutMs of the call of 'echo' ${message}`);
    expect(await rejection(client.connect(to, options))).toMatchObject(
      bad(`timeoutMs of connect ${message}`),
    );
    const call = async (): Promise<unknown> => connection.call('echo', 1, options);
    expect(await rejection(call())).toMatchObject(told);
    const pool = new ConnectionPool(client);
    expect(await rejection(pool.call(to, 'echo', 1, options))).toMatchObject(told);
    expect(await rejection(pool.to(to).call('echo', 1, options))).toMatchObject(told);
    await pool.close();
  });
});

it('a pool says that it needs something to connect with', () => {
  expect(() => new ConnectionPool(undefined as unknown as Dialler)).toThrow(
    expect.objectContaining(bad('new ConnectionPool(await listenRpc(')),
  );
});
