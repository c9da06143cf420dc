import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataPaths } from '../../nodes/data-directory.js';
import { listenOptions } from '../../nodes/listening.js';
import { createIdentity } from '../../transport/identity/index.js';
import type { Connection, Engine, EngineOptions } from '../../transport/quic/index.js';
import { openQuicheEngine } from '../../transport/quic/index.js';
import { listenRpc, type PeerEndpoint } from '../../transport/rpc/index.js';
import { WITHIN, until } from '../waiting.js';

const HOST = '127.0.0.1';
let folder = '';
const open: PeerEndpoint[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'listening-'));
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((endpoint) => endpoint.close(0)));
  rmSync(folder, { recursive: true, force: true });
});

/** A node as far as its endpoint goes; `inbound` takes the connections of its engine. */
async function node(
  name: string,
  identity = createIdentity(),
  inbound: Connection[] = [],
): Promise<PeerEndpoint> {
  const openEngine = (options: EngineOptions): Promise<Engine> =>
    openQuicheEngine({
      ...options,
      onConnection: (connection) => {
        inbound.push(connection);
        options.onConnection(connection);
      },
    });
  mkdirSync(join(folder, name), { recursive: true });
  const endpoint = await listenRpc({
    ...listenOptions(dataPaths(join(folder, name)), identity, () => undefined),
    host: HOST,
    port: 0,
    handlers: { echo: (payload) => payload },
    openEngine,
  });
  open.push(endpoint);
  return endpoint;
}

describe('a node', () => {
  it('that was started again is resumed by its peers, out of what lies in both directories', async () => {
    const identity = createIdentity();
    const other = createIdentity();
    const first = await node('a', identity);
    const peer = await node('b', other);
    const address = { host: HOST, peerId: identity.peerId };
    await peer.connect({ ...address, port: first.port }, WITHIN);
    const sessions = join(folder, 'b', 'sessions');
    await until(() => existsSync(sessions) && readdirSync(sessions).length === 1);
    await Promise.all(open.splice(0).map((endpoint) => endpoint.close(0)));

    const inbound: Connection[] = [];
    const again = await node('a', identity, inbound);
    const back = await node('b', other);
    const connection = await back.connect({ ...address, port: again.port }, WITHIN);
    expect(await connection.call('echo', 'hello', WITHIN)).toBe('hello');
    expect(inbound.map(({ isResumed }) => isResumed)).toEqual([true]);
  });

  it('keeps its ticket keys and sessions for itself', async () => {
    const identity = createIdentity();
    const first = await node('a', identity);
    const peer = await node('b');
    await peer.connect({ host: HOST, port: first.port, peerId: identity.peerId }, WITHIN);
    const sessions = join(folder, 'b', 'sessions');
    await until(() => existsSync(sessions) && readdirSync(sessions).length === 1);
    const keys = readdirSync(join(folder, 'a')).filter((name) => name.startsWith('ticket-keys'));
    expect(keys).toHaveLength(1);
    const files = [
      join(folder, 'a', keys[0] ?? ''),
      join(sessions, readdirSync(sessions)[0] ?? ''),
    ];
    for (const file of files) expect(statSync(file).mode & 0o077).toBe(0);
  });
});
