/** Client sessions of a real node: they expire without use, and outlive the node that serves them. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { SwarmClient } from '../../src/client/index.js';
import { createIdentity, parsePeerAddress } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import type { RpcConnection, RpcEndpoint } from '../../transport/rpc/rpc.js';
import { freePort, scratch } from './support/directories.js';
import { NodeProcess, run, runJson } from './support/processes.js';
import type { Created } from './support/swarm.js';
import { sleep } from '../waiting.js';

/** Long beside the start of a node on a busy machine, during which the time of a leader goes on. */
const TIMEOUT_MS = 10_000;
const timeout = { timeoutMs: 60_000 };
const identity = createIdentity();
const directory = scratch('node');
const endpoints: RpcEndpoint[] = [];
let created: Created;
let node: NodeProcess;
let connection: RpcConnection;

beforeAll(async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  const options = ['--listen', listen, '--session-timeout', String(TIMEOUT_MS / 1_000)];
  created = await runJson<Created>(['swarm', 'init', '--data', directory, ...options]);
  node = await NodeProcess.start(['--data', directory]);
  connection = await connect();
});
afterAll(async () => {
  for (const endpoint of endpoints) await endpoint.close(0);
});

async function connect(): Promise<RpcConnection> {
  const endpoint = await listenRpc({ identity, host: '127.0.0.1', port: 0, handlers: {} });
  endpoints.push(endpoint);
  const opened = await endpoint.connect(parsePeerAddress(created.address), timeout);
  await opened.call('client.hello', { protocol: 1, token: created.clientToken }, timeout);
  return opened;
}

async function open(): Promise<number> {
  const answer = await connection.call('memory.openSession', {}, timeout);
  expect(answer).toMatchObject({ timeoutMs: TIMEOUT_MS, window: 64 });
  return Number((answer as { session: unknown }).session);
}

/** The log index of the write, or the reason of its refusal. */
async function insert(session: number, sequence: number): Promise<unknown> {
  const write = { session, sequence, awaitedFrom: sequence, id: `${session}`, content: 'text' };
  try {
    return ((await connection.call('memory.insert', write, timeout)) as { index: unknown }).index;
  } catch (error) {
    return (error as { reason?: unknown }).reason;
  }
}

async function keep(session: number): Promise<unknown> {
  return connection.call('memory.keepSession', { session }, timeout);
}

describe('a session', () => {
  it('outlives the node, is kept alive, and expires without use; a retry is refused then', async () => {
    const [idle, kept] = [await open(), await open()];
    const [first, second] = [await insert(idle, 1), await insert(kept, 1)];
    expect([first, second].every((index) => typeof index === 'number')).toBe(true);
    await node.kill();
    node = await NodeProcess.start(['--data', directory]);
    connection = await connect();
    expect(await insert(idle, 1)).toBe(first);
    // Longer than the time-out by what a leader may leave out of its count at a restart.
    for (let sixths = 0; sixths < 10; sixths += 1) {
      await sleep(TIMEOUT_MS / 6);
      await keep(kept);
    }
    expect(await insert(idle, 1)).toBe('session-unknown');
    expect(await insert(kept, 1)).toBe(second);
  });

  it('of the client library is kept alive while the client only reads', async () => {
    const client = await SwarmClient.connect({
      seeds: [parsePeerAddress(created.address)],
      token: created.clientToken,
      identity,
    });
    const { index } = await client.insert({ id: 'before', content: 'x' });
    // The session of the client was opened a few entries before its write; asking uses it once.
    const candidates = Array.from({ length: 8 }, (_, at) => index - 1 - at);
    const known = async (session: number): Promise<boolean> =>
      keep(session).then(
        () => true,
        () => false,
      );
    let session = 0;
    for (const candidate of candidates) {
      if (session === 0 && (await known(candidate))) session = candidate;
    }
    expect(session).toBeGreaterThan(0);
    for (let sixths = 0; sixths < 9; sixths += 1) {
      await sleep(TIMEOUT_MS / 6);
      expect((await client.get('before')).memory?.content).toBe('x');
    }
    expect(await known(session)).toBe(true);
    await client.close();
    expect(await known(session)).toBe(false);
  });

  it('cannot be made to last less than a second or more than thirty days', async () => {
    const args = ['swarm', 'init', '--data', scratch('other'), '--listen', '127.0.0.1:1'];
    for (const seconds of ['0', '0.5', '2592001', 'soon']) {
      const refused = await run([...args, '--session-timeout', seconds]);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/whole seconds|is not a number/);
    }
  });
});
