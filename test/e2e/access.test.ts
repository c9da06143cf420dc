/** Who may call what, and what a node answers to payloads that are no requests. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { dataPaths, readIdentity } from '../../nodes/data-directory.js';
import { createIdentity, parsePeerAddress } from '../../transport/identity/index.js';
import type { Identity } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { RpcConnection, RpcEndpoint } from '../../transport/rpc/rpc.js';
import { freePort, scratch } from './support/directories.js';
import { run } from './support/processes.js';
import { Swarm } from './support/swarm.js';

const MEMBER_METHODS = [
  'raft.message',
  'raft.snapshotChunk',
  'raft.snapshotEnd',
  'node.propose',
  'approval.request',
  'approval.message',
  'approval.question',
  'node.vectors',
];
/** Methods that must be given something. */
const CLIENT_METHODS = [
  'swarm.remove',
  'rollout.plan',
  'rollout.start',
  'rollout.startApproved',
  'rollout.change',
  'memory.insert',
  'memory.addEdge',
  'memory.delete',
  'memory.deleteEdge',
  'memory.get',
  'memory.edges',
  'memory.search',
  'memory.list',
];
/** Methods that want the operator token, with something that would be taken from an operator. */
const OPERATOR_METHODS: readonly (readonly [string, object])[] = [
  ['swarm.remove', { nodeId: 1 }],
  ['swarm.voters', { wanted: 1 }],
  ['swarm.drain', { nodeId: 1, drained: true }],
  ['swarm.leave', { nodeId: 1 }],
  ['swarm.replace', { nodeId: 1, replaces: 2 }],
  ['swarm.token', { which: 'operator', hash: 'f'.repeat(64) }],
  ['swarm.backupBegin', {}],
  ['swarm.backupPrepare', {}],
  ['swarm.backupRead', {}],
  ['rollout.start', { to: 'v2' }],
  ['rollout.startApproved', { to: 'v2' }],
  ['rollout.abort', {}],
  ['rollout.change', { action: 'rollback' }],
];
/** Methods for which some of the garbage below is right: it names a session. */
const SESSION_METHODS = ['memory.keepSession', 'memory.closeSession'];
const CLIENT_METHODS_WITHOUT_PAYLOAD = [
  'swarm.status',
  'rollout.abort',
  'rollout.status',
  'memory.openSession',
  'memory.counts',
];

let nested: unknown = {};
for (let i = 0; i < 40; i += 1) nested = { metadata: nested };

const GARBAGE: readonly unknown[] = [
  null,
  7,
  'text',
  [],
  [1, 'snapshot-chunk', null],
  Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 0xff),
  new Uint8Array(0),
  { session: 'one', sequence: -1, id: 5, content: null },
  { session: 1, sequence: 1, id: 'x'.repeat(4_097), metadata: nested },
  { session: 1, sequence: 1.5, from: '', to: '', relation: '', weight: 7 },
  { to: 'v3' },
  { id: 'x'.repeat(5_000), consistency: 'eventual' },
  { text: '', limit: 1e9 },
  { nodeId: 'one', hashes: [1], protocol: 2, token: 7 },
];

const timeout = { timeoutMs: 60_000 };
const endpoints: RpcEndpoint[] = [];
let swarm: Swarm;

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 1 });
});
afterAll(async () => {
  for (const endpoint of endpoints) await endpoint.close(0);
});

async function connectAs(identity: Identity): Promise<RpcConnection> {
  const endpoint = await listenRpc({ identity, host: '127.0.0.1', port: 0, handlers: {} });
  endpoints.push(endpoint);
  return endpoint.connect(parsePeerAddress(swarm.created.address), timeout);
}

async function connectAsClient(token = swarm.created.clientToken): Promise<RpcConnection> {
  const connection = await connectAs(createIdentity());
  const hello = { protocol: 1, token };
  await connection.call('client.hello', hello, timeout);
  return connection;
}

/** Calls of which the answer is not that the payload is malformed, with what it is. */
async function notMalformed(
  connection: RpcConnection,
  methods: readonly string[],
  payloads: readonly unknown[],
): Promise<string[]> {
  const others: string[] = [];
  for (const method of methods) {
    for (const payload of payloads) {
      const answer = await connection.call(method, payload, timeout).then(
        () => 'an answer',
        (error: unknown) => (error instanceof RpcError ? error.code : String(error)),
      );
      const what = `${method} with ${JSON.stringify(payload)?.slice(0, 80)}: ${answer}`;
      if (answer !== 'malformed') others.push(what);
    }
  }
  return others;
}

async function expectServing(): Promise<void> {
  const client = await swarm.connect();
  const { memory } = await client.get('kept');
  expect(memory?.content).toBe('it stays');
  expect((await client.status()).members).toHaveLength(1);
  expect(swarm.member(1).process.isRunning).toBe(true);
  await client.close();
}

describe('a stranger', () => {
  it('is refused by every method until it shows a token', async () => {
    const client = await swarm.connect();
    await client.insert({ id: 'kept', content: 'it stays' });
    await client.close();
    const connection = await connectAs(createIdentity());
    const closed = [
      ...CLIENT_METHODS,
      ...SESSION_METHODS,
      ...CLIENT_METHODS_WITHOUT_PAYLOAD,
      ...MEMBER_METHODS,
    ];
    for (const method of closed) {
      await expect(connection.call(method, {}, timeout), method).rejects.toMatchObject({
        code: 'permission-denied',
      });
    }
    for (const token of [null, '', 'afc_wrong', swarm.created.clientToken.slice(0, -1)]) {
      const hello = connection.call('client.hello', { protocol: 1, token }, timeout);
      await expect(hello).rejects.toMatchObject({ code: 'permission-denied' });
      const asked = connection.call('swarm.status', {}, timeout);
      await expect(asked).rejects.toMatchObject({ code: 'permission-denied' });
    }
  });
});

describe('a client', () => {
  it('may not speak for a member', async () => {
    const connection = await connectAsClient();
    await connection.call('swarm.status', {}, timeout);
    for (const method of MEMBER_METHODS) {
      for (const payload of [{}, new Uint8Array([1, 2, 3])]) {
        await expect(connection.call(method, payload, timeout), method).rejects.toMatchObject({
          code: 'permission-denied',
          message: expect.stringMatching(/no member/),
        });
      }
      connection.notify(method, new Uint8Array(8));
    }
    await expectServing();
  });

  it('may not steer the swarm, nor may who holds the join token', async () => {
    const { clientToken, joinToken } = swarm.created;
    for (const token of [clientToken, joinToken]) {
      const connection = await connectAsClient(token);
      for (const [method, payload] of OPERATOR_METHODS) {
        const asked = connection.call(method, payload, timeout);
        await expect(asked, method).rejects.toMatchObject({
          code: 'permission-denied',
          message: expect.stringMatching(/this wants the operator token/),
        });
      }
      // It may look.
      await connection.call('rollout.status', {}, timeout);
    }
    const pause = ['rollout', 'pause', ...swarm.through(1, clientToken)];
    const refused = await run(pause);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /wants the operator token.*client token opens memories.*--data/s,
    );
    const steered = await run(['rollout', 'pause', ...swarm.through(1)]);
    expect(steered.stderr).toContain('no rollout is running');
    await expectServing();
  });

  it('may not bring a node in', async () => {
    const { address, clientToken } = swarm.created;
    const directory = scratch('intruder');
    const listen = `127.0.0.1:${await freePort()}`;
    const to = ['--listen', listen, '--join', address, '--token', clientToken];
    const joined = await run(['node', 'start', '--data', directory, ...to]);
    expect(joined.code).toBe(1);
    expect(joined.stderr).toMatch(/not the join token of this swarm/);
    await expectServing();
  });

  it('is told what is wrong with a payload, by every method', async () => {
    const connection = await connectAsClient(swarm.created.operatorToken);
    const methods = ['client.hello', 'swarm.join', ...CLIENT_METHODS];
    expect(await notMalformed(connection, methods, GARBAGE)).toEqual([]);
    const withoutSession = GARBAGE.filter((each) => !JSON.stringify(each).includes('"session":1'));
    expect(withoutSession.length).toBeGreaterThan(10);
    expect(await notMalformed(connection, SESSION_METHODS, withoutSession)).toEqual([]);
    const session = await connection.call('memory.openSession', {}, timeout);
    const write = { ...(session as object), sequence: 1, id: 'x', content: 'y' };
    const deep = [
      { ...write, metadata: nested },
      { ...write, metadata: [] },
    ];
    expect(await notMalformed(connection, ['memory.insert'], deep)).toEqual([]);
    await expectServing();
  });

  it('is told so too where nothing but an empty object is expected', async () => {
    const connection = await connectAsClient(swarm.created.operatorToken);
    const payloads = [null, 7, 'text', [], new Uint8Array(3)];
    const accepted = await notMalformed(connection, CLIENT_METHODS_WITHOUT_PAYLOAD, payloads);
    expect(accepted).toEqual([]);
    await expectServing();
  });
});

describe('a member', () => {
  it('that sends garbage is told so and does not stop the node', async () => {
    const connection = await connectAs(await readIdentity(dataPaths(swarm.member(1).directory)));
    const payloads = [...GARBAGE, {}, ['snapshot-chunk', 9, 'x', 0, []], ['snapshot-end', 1]];
    expect(await notMalformed(connection, MEMBER_METHODS, payloads)).toEqual([]);
    for (const method of MEMBER_METHODS) connection.notify(method, GARBAGE);
    await expectServing();
  });
});
