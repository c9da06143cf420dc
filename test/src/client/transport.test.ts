import { afterEach, describe, expect, it } from 'vitest';

import { SwarmClient } from '../../../src/client/index.js';
import { createIdentity } from '../../../transport/identity/index.js';
import type { Identity } from '../../../transport/identity/index.js';
import { listenRpc, RpcError } from '../../../transport/rpc/index.js';
import type { Handlers, PeerAddress, RpcEndpoint } from '../../../transport/rpc/index.js';

const HOST = '127.0.0.1';
const TOKEN = 'secret';

interface Peer {
  readonly identity: Identity;
  endpoint: RpcEndpoint;
  calls: number;
}

let peers: Peer[] = [];
let client: SwarmClient | undefined;

afterEach(async () => {
  await client?.close();
  client = undefined;
  await Promise.all(peers.map((peer) => peer.endpoint.close(0)));
  peers = [];
});

function members(): object[] {
  return peers.map(({ identity, endpoint }, at) => ({
    nodeId: at + 1,
    peerId: identity.peerId,
    host: HOST,
    port: endpoint.port,
    status: 'up',
    engine: 'v1',
    cordoned: false,
    voter: true,
    reachable: true,
  }));
}

function handlers(at: number): Handlers {
  return {
    'client.hello': (payload) => {
      if ((payload as { token: unknown }).token !== TOKEN) {
        throw new RpcError('permission-denied', 'wrong token: it is not one of this swarm');
      }
      const { peerId } = (peers[at] as Peer).identity;
      return {
        swarmId: 's',
        peerId,
        nodeId: at + 1,
        swarmVersion: 1,
        members: members(),
        leader: 1,
      };
    },
    'memory.get': (payload) => {
      (peers[at] as Peer).calls += 1;
      const { id } = payload as { id: string };
      const memory = { id, content: 'x', metadata: { tags: ['a'] }, createdAtMs: 1 };
      return { memory, appliedIndex: 3 };
    },
  };
}

async function start(count: number): Promise<PeerAddress[]> {
  for (let at = 0; at < count; at += 1) {
    const identity = createIdentity();
    const endpoint = await listenRpc({ identity, host: HOST, port: 0, handlers: handlers(at) });
    peers.push({ identity, endpoint, calls: 0 });
  }
  return peers.map(({ identity, endpoint }) => {
    return { host: HOST, port: endpoint.port, peerId: identity.peerId };
  });
}

describe('a client over QUIC', () => {
  it('spreads its local reads over all members, found through one', async () => {
    const [seed] = await start(3);
    client = await SwarmClient.connect({ seeds: [seed as PeerAddress], token: TOKEN });
    const local = { consistency: 'local' } as const;
    const gets = Array.from({ length: 60 }, (_each, at) => client?.get(`m${at}`, local));
    const answers = await Promise.all(gets);
    expect(answers.map((each) => each?.memory?.id)).toEqual(gets.map((_each, at) => `m${at}`));
    for (const peer of peers) expect(peer.calls).toBeGreaterThan(10);
  });

  it('goes on when a member closes, and finds it again on its old port', async () => {
    const [first, second] = (await start(2)) as [PeerAddress, PeerAddress];
    client = await SwarmClient.connect({ seeds: [first], token: TOKEN });
    const through = { through: second.peerId };
    expect((await client.get('a', through)).servedBy).toBe(second.peerId);
    await peers[1]?.endpoint.close(0);
    expect((await client.get('a', through)).servedBy).toBe(first.peerId);
    const { identity } = peers[1] as Peer;
    const endpoint = await listenRpc({
      identity,
      host: HOST,
      port: second.port,
      handlers: handlers(1),
    });
    (peers[1] as Peer).endpoint = endpoint;
    // Connected is not yet admitted: what counts is who answers.
    let servedBy = '';
    for (let tries = 0; tries < 300 && servedBy !== second.peerId; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      ({ servedBy } = await client.get('a', through));
    }
    expect(servedBy).toBe(second.peerId);
  });

  it('says that the token is wrong', async () => {
    const seeds = await start(2);
    await expect(SwarmClient.connect({ seeds, token: 'guess' })).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('wrong token'),
    });
  });

  it('says that another peer answers at the address', async () => {
    const [seed] = (await start(1)) as [PeerAddress];
    const { peerId } = createIdentity();
    await expect(
      SwarmClient.connect({ seeds: [{ ...seed, peerId }], token: TOKEN }),
    ).rejects.toMatchObject({
      code: 'unexpected-identity',
      message: expect.stringMatching(new RegExp(`${peerId}[^]*${seed.peerId}`)),
    });
  });

  it('says that nobody answers', async () => {
    const [seed] = (await start(1)) as [PeerAddress];
    await peers[0]?.endpoint.close(0);
    await expect(
      SwarmClient.connect({ seeds: [seed], token: TOKEN, settings: { connectDeadlineMs: 400 } }),
    ).rejects.toMatchObject({
      code: 'no-seed-reachable',
      message: expect.stringContaining(`${HOST}:${seed.port}`),
    });
  });
});
