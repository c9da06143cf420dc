import { afterEach, describe, expect, it } from 'vitest';

import type { ClientSettings } from '../../../src/client/settings.js';
import { SwarmClient } from '../../../src/client/swarm-client.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { FakeSwarm, refused } from './fake-swarm.js';
import { until } from '../../waiting.js';

const FAST: Partial<ClientSettings> = {
  attemptTimeoutMs: 100,
  deadlineMs: 60_000,
  connectDeadlineMs: 60_000,
  discoveryMs: 200,
  handshakeTimeoutMs: 200,
  heartbeatMs: 20,
  heartbeatTimeoutMs: 200,
};

const clients: SwarmClient[] = [];

async function connect(
  swarm: FakeSwarm,
  options: { seeds?: number[]; token?: string; settings?: Partial<ClientSettings> } = {},
): Promise<SwarmClient> {
  const client = await SwarmClient.connect({
    seeds: (options.seeds ?? [1]).map((nodeId) => swarm.address(nodeId)),
    token: options.token ?? swarm.token,
    endpoint: swarm.endpoint(),
    settings: { ...FAST, ...options.settings },
  });
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

describe('connecting', () => {
  it('finds all members through one seed', async () => {
    const client = await connect(new FakeSwarm(5), { seeds: [3] });
    expect([...client.connected].sort()).toEqual(['peer1', 'peer2', 'peer3', 'peer4', 'peer5']);
    expect(client.swarmId).toBe('swarm-a');
  });

  it('needs only one of the seeds', async () => {
    const swarm = new FakeSwarm(3);
    swarm.member(1).dead = true;
    const client = await connect(swarm, { seeds: [1, 2] });
    expect(client.connected).not.toContain('peer1');
    expect((await client.get('a')).memory).toBeNull();
  });

  it('lists every seed with its reason when none answers', async () => {
    const swarm = new FakeSwarm(2);
    for (const member of swarm.members) member.dead = true;
    const settings = { connectDeadlineMs: 300 };
    await expect(connect(swarm, { seeds: [1, 2], settings })).rejects.toMatchObject({
      code: 'no-seed-reachable',
      message: expect.stringMatching(/127.0.0.1:9001#peer1: .+\n.*127.0.0.1:9002#peer2: .+/),
    });
  });

  it('says that the token is wrong, at once', async () => {
    const swarm = new FakeSwarm(2);
    // Who tried again would do so for longer than a test may take.
    const settings = { connectDeadlineMs: 3_600_000 };
    await expect(connect(swarm, { token: 'guess', settings })).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('does not accept this token'),
    });
  });

  it('says that another peer answers', async () => {
    const swarm = new FakeSwarm(2);
    const seeds = [{ ...swarm.address(1), peerId: 'stranger' }];
    await expect(
      SwarmClient.connect({ seeds, token: 'secret', endpoint: swarm.endpoint(), settings: FAST }),
    ).rejects.toMatchObject({
      code: 'unexpected-identity',
      message: expect.stringContaining('expected peer stranger'),
    });
  });

  it('leaves out a member that turns out to be of another swarm', async () => {
    const swarm = new FakeSwarm(2);
    swarm.member(2).swarmId = 'swarm-b';
    const client = await connect(swarm);
    expect(client.connected).toEqual(['peer1']);
    expect(client.swarmId).toBe('swarm-a');
  });

  it('refuses to start without an address', async () => {
    await expect(connect(new FakeSwarm(1), { seeds: [] })).rejects.toMatchObject({
      code: 'invalid',
    });
  });
});

describe('requests', () => {
  it('take turns over the members, or go where the caller wants', async () => {
    const swarm = new FakeSwarm(3);
    const client = await connect(swarm);
    const served = new Set<string>();
    const local = { consistency: 'local' } as const;
    for (let at = 0; at < 9; at += 1) served.add((await client.get('a', local)).servedBy);
    expect(served.size).toBe(3);
    for (let at = 0; at < 9; at += 1) {
      expect((await client.get('a', { through: 'peer2' })).servedBy).toBe('peer2');
    }
  });

  it('go to the leader when any other member would have to ask it, and to others without it', async () => {
    const swarm = new FakeSwarm(3);
    swarm.leader = 2;
    const client = await connect(swarm);
    await client.insert({ id: 'a', content: 'x' });
    const edge = { from: 'a', to: 'a', relation: 'self', weight: 1 };
    for (let at = 0; at < 6; at += 1) {
      expect((await client.get('a')).servedBy).toBe('peer2');
      expect((await client.addEdge(edge)).servedBy).toBe('peer2');
    }
    // Whoever embeds an insert has the work: that is shared.
    const embedded = new Set<string>();
    for (let at = 0; at < 9; at += 1) {
      embedded.add((await client.insert({ id: 'a', content: 'x' })).servedBy);
    }
    expect(embedded.size).toBe(3);
    swarm.member(2).dead = true;
    expect((await client.get('a')).servedBy).not.toBe('peer2');
  });

  it('fall over when the wanted member is dead, and return to it when it is back', async () => {
    const swarm = new FakeSwarm(3);
    const client = await connect(swarm, { settings: { attemptTimeoutMs: 100 } });
    swarm.member(2).dead = true;
    const slow = await client.get('a', { through: 'peer2' });
    expect(slow.servedBy).not.toBe('peer2');
    // By now the member is known to be dead: nobody waits for it again.
    await until(() => !client.connected.includes('peer2'));
    const { unanswered } = swarm.member(2);
    expect(unanswered).toBeGreaterThan(0);
    await client.get('a', { through: 'peer2' });
    expect(swarm.member(2).unanswered).toBe(unanswered);
    swarm.member(2).dead = false;
    await until(() => client.connected.includes('peer2'));
    expect((await client.get('a', { through: 'peer2' })).servedBy).toBe('peer2');
  });

  it('answered by one member only never come from another', async () => {
    const swarm = new FakeSwarm(2);
    const client = await connect(swarm);
    swarm.member(2).dead = true;
    await expect(client.get('a', { only: 'peer2', deadlineMs: 200 })).rejects.toMatchObject({
      code: 'deadline-exceeded',
    });
    expect(swarm.member(1).calls).not.toContain('memory.get');
  });

  it('avoid a member that is cordoned', async () => {
    const swarm = new FakeSwarm(3);
    swarm.member(2).cordoned = true;
    const client = await connect(swarm);
    for (let at = 0; at < 9; at += 1) {
      expect((await client.get('a', { through: 'peer2' })).servedBy).not.toBe('peer2');
      await new Promise((resolve) => setTimeout(resolve, 7));
    }
    swarm.member(2).cordoned = false;
    await until(() => client.members.every((member) => !member.cordoned));
    expect((await client.get('a', { through: 'peer2' })).servedBy).toBe('peer2');
  });

  for (const reason of ['not-leader', 'no-leader', 'stopping', 'cordoned', 'leader-changed']) {
    it(`survive the refusal ${reason}`, async () => {
      const swarm = new FakeSwarm(3);
      const client = await connect(swarm);
      let refusals = 4;
      for (const member of swarm.members) {
        member.before = (method) => {
          if (method !== 'memory.insert' || refusals === 0) return;
          refusals -= 1;
          throw refused(reason, 'not now');
        };
      }
      expect(await client.insert({ id: 'a', content: 'x' })).toMatchObject({ index: 1 });
      expect(refusals).toBe(0);
    });
  }

  it('ask the next member after a refusal, and the leader when they know it', async () => {
    const swarm = new FakeSwarm(5);
    swarm.leader = 4;
    const client = await connect(swarm);
    const asked: number[] = [];
    for (const member of swarm.members) {
      member.before = (method) => {
        if (method !== 'memory.insert') return;
        asked.push(member.nodeId);
        if (member.nodeId !== swarm.leader) throw refused('not-leader', 'ask the leader');
      };
    }
    await client.insert({ id: 'a', content: 'x' }, { through: 'peer2' });
    expect(asked).toEqual([2, 4]);
    swarm.leader = 1;
    asked.length = 0;
    // What the client knows of the leader is old: every member is asked, none twice in a round.
    await client.insert({ id: 'b', content: 'x' }, { through: 'peer2' });
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked.at(-1)).toBe(1);
  });

  it('surface what no retry changes, with the words of the member', async () => {
    const swarm = new FakeSwarm(3);
    const client = await connect(swarm);
    await expect(
      client.addEdge({ from: 'x', to: 'y', relation: 'r', weight: 1 }),
    ).rejects.toMatchObject({
      code: 'refused',
      reason: 'missing-endpoint',
      message: expect.stringContaining('no memory x'),
    });
    expect(swarm.applied.length).toBe(1);
    await expect(client.counts()).rejects.toMatchObject({ code: 'failed' });
    await expect(client.search({ text: 'x', limit: 0 })).rejects.toMatchObject({
      code: 'invalid',
    });
  });

  it('that a member of a release before would answer without its filter are refused', async () => {
    const client = await connect(new FakeSwarm(1));
    await client.insert({ id: 'a', content: 'x' });
    expect((await client.search({ text: 'x', mode: undefined })).hits).toHaveLength(1);
    await expect(client.search({ text: 'x', filter: { kind: 'bug' } })).rejects.toMatchObject({
      code: 'refused',
      reason: 'release-too-old',
      message: expect.stringContaining('knows no filter'),
    });
  });

  it('of one namespace are made by the key of the memory, whatever release the member runs', async () => {
    const swarm = new FakeSwarm(1);
    const client = await connect(swarm);
    await client.insert({ id: 'a', content: 'of nobody' });
    await client.insert({ id: 'a', namespace: 'team', content: 'of the team' });
    const got = await client.get('a', { namespace: 'team' });
    expect(got.memory).toMatchObject({ id: 'a', namespace: 'team', content: 'of the team' });
    expect((await client.get('a')).memory).toMatchObject({ namespace: 'default' });
    await expect(client.get('a', { namespace: '' })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('a namespace is a text'),
    });
    await expect(client.insert({ id: '', content: 'x' })).rejects.toMatchObject({
      code: 'invalid',
    });
  });

  it('for one namespace never give hits of another one that an old member found', async () => {
    const client = await connect(new FakeSwarm(1));
    await client.insert({ id: 'a', content: 'x' });
    expect((await client.search({ text: 'x' })).hits).toMatchObject([{ namespace: 'default' }]);
    await client.insert({ id: 'a', namespace: 'team', content: 'x' });
    const refusal = { code: 'refused', message: expect.stringContaining('knows no namespace') };
    await expect(client.search({ text: 'x' })).rejects.toMatchObject(refusal);
    await expect(client.search({ text: 'x', namespace: 'team' })).rejects.toMatchObject(refusal);
    const { hits } = await client.search({ text: 'x', namespace: null });
    expect(hits).toMatchObject([
      { id: 'a', namespace: 'default' },
      { id: 'a', namespace: 'team' },
    ]);
  });

  it('end at their deadline, with the last reason', async () => {
    const swarm = new FakeSwarm(2);
    const client = await connect(swarm);
    for (const member of swarm.members) {
      member.before = (method) => {
        if (method === 'memory.get') throw refused('no-leader', 'an election runs');
      };
    }
    await expect(client.get('a', { deadlineMs: 100 })).rejects.toMatchObject({
      code: 'deadline-exceeded',
      message: expect.stringContaining('an election runs'),
    });
  });

  it('end when the caller aborts and when the client is closed', async () => {
    const swarm = new FakeSwarm(2);
    const client = await connect(swarm);
    for (const member of swarm.members) {
      member.before = (method) =>
        method === 'memory.get' ? new Promise(() => undefined) : undefined;
    }
    const abort = new AbortController();
    const aborted = client.get('a', { signal: abort.signal });
    const closed = client.get('a');
    setTimeout(() => abort.abort(), 10);
    setTimeout(() => void client.close(), 20);
    await expect(aborted).rejects.toMatchObject({ code: 'cancelled' });
    await expect(closed).rejects.toMatchObject({ code: 'closed' });
    await expect(client.get('a')).rejects.toMatchObject({ code: 'closed' });
  });

  it('reject an answer of another shape', async () => {
    const swarm = new FakeSwarm(1);
    const client = await connect(swarm);
    swarm.memories.set('a', 7 as unknown as string);
    await expect(client.search({ text: 'x' })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('hits.0.content'),
    });
  });
});

describe('writes', () => {
  it('are applied once although their answers are lost', async () => {
    const swarm = new FakeSwarm(3);
    const client = await connect(swarm);
    let lost = 0;
    for (const member of swarm.members) {
      member.after = async (method) => {
        if (method !== 'memory.insert' || lost >= 5) return;
        lost += 1;
        if (lost % 2 === 0) throw new RpcError('unavailable', 'the connection was lost');
        await new Promise(() => undefined);
      };
    }
    const written = await client.insert({ id: 'a', content: 'x' });
    expect(lost).toBe(5);
    expect(written.index).toBe(1);
    expect(swarm.applied).toEqual([{ method: 'memory.insert', session: 1, sequence: 1, id: 'a' }]);
  });

  it('never share the sequence of a session, however many run at once', async () => {
    const swarm = new FakeSwarm(3);
    const client = await connect(swarm);
    for (const member of swarm.members) {
      member.before = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    }
    const writes = Array.from({ length: 300 }, (_each, at) =>
      client.insert({ id: `m${at}`, content: 'x' }),
    );
    const indexes = (await Promise.all(writes)).map((written) => written.index);
    expect(new Set(indexes).size).toBe(300);
    expect(swarm.applied.length).toBe(300);
    expect(swarm.sessions.size).toBeLessThanOrEqual(64);
  });

  it('go on under a new session when theirs expired', async () => {
    const swarm = new FakeSwarm(2);
    const client = await connect(swarm);
    await client.insert({ id: 'a', content: 'x' });
    swarm.sessions.clear();
    swarm.sessions.set(77, { last: 0, answer: { index: 0 } });
    await client.insert({ id: 'b', content: 'y' });
    expect(swarm.applied.map((each) => each.id)).toEqual(['a', 'b']);
  });

  it('do not go out again when their fate is unknown and their session expired', async () => {
    const swarm = new FakeSwarm(2);
    const client = await connect(swarm);
    let lost = false;
    for (const member of swarm.members) {
      member.after = (method) => {
        if (method !== 'memory.insert' || lost) return;
        lost = true;
        swarm.sessions.clear();
        throw new RpcError('unavailable', 'the connection was lost');
      };
    }
    await expect(client.insert({ id: 'a', content: 'x' })).rejects.toMatchObject({
      code: 'outcome-unknown',
    });
    expect(swarm.applied.length).toBe(1);
  });

  it('leave a session of unknown state behind', async () => {
    const swarm = new FakeSwarm(1);
    const client = await connect(swarm);
    swarm.member(1).before = (method) =>
      method === 'memory.insert' ? new Promise(() => undefined) : undefined;
    await expect(
      client.insert({ id: 'a', content: 'x' }, { deadlineMs: 300 }),
    ).rejects.toMatchObject({ code: 'deadline-exceeded' });
    swarm.member(1).before = () => undefined;
    await client.insert({ id: 'b', content: 'y' });
    expect(swarm.applied).toEqual([{ method: 'memory.insert', session: 2, sequence: 1, id: 'b' }]);
  });
});

describe('rollouts', () => {
  it('start once although the first answer is lost', async () => {
    const swarm = new FakeSwarm(2);
    const client = await connect(swarm);
    let lost = false;
    for (const member of swarm.members) {
      member.after = (method) => {
        if (method !== 'rollout.start' || lost) return;
        lost = true;
        throw new RpcError('unavailable', 'the connection was lost');
      };
    }
    expect((await client.startRollout('v2', undefined)).status).toBe('running');
    expect(swarm.rollouts).toBe(1);
    await expect(client.startRollout('v2', undefined)).rejects.toMatchObject({
      code: 'refused',
      reason: 'rollout-running',
    });
  });
});
