/** Sessions that carry several writes, expire and are kept alive. */
import { afterEach, describe, expect, it } from 'vitest';

import { SwarmClient } from '../../../src/client/swarm-client.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { FakeSwarm, refused } from './fake-swarm.js';
import { sleep, undisturbed, until } from '../../waiting.js';

const SETTINGS = { attemptTimeoutMs: 100, deadlineMs: 60_000, discoveryMs: 200, heartbeatMs: 20 };
const WINDOW = 8;

const clients: SwarmClient[] = [];

async function connect(timeoutMs = 3_600_000): Promise<{ swarm: FakeSwarm; client: SwarmClient }> {
  const swarm = new FakeSwarm(3);
  swarm.rules = { timeoutMs, window: WINDOW };
  const client = await SwarmClient.connect({
    seeds: [swarm.address(1)],
    token: swarm.token,
    endpoint: swarm.endpoint(),
    settings: SETTINGS,
  });
  clients.push(client);
  return { swarm, client };
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

describe('a client', () => {
  it('carries a window of writes in one session', async () => {
    const { swarm, client } = await connect();
    const arrived: string[] = [];
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    for (const member of swarm.members) {
      member.before = async (method) => {
        if (method !== 'memory.insert') return;
        arrived.push(method);
        if (arrived.length === WINDOW) release();
        await released;
      };
    }
    const writes = Array.from({ length: WINDOW }, (_, at) =>
      client.insert({ id: `m${at}`, content: 'x' }),
    );
    const indexes = (await Promise.all(writes)).map(({ index }) => index);
    expect(new Set(indexes).size).toBe(WINDOW);
    expect(swarm.sessions.size).toBe(1);
  });

  it('opens another session only while a write without an answer holds up the window', async () => {
    const { swarm, client } = await connect();
    let letGo = (): void => undefined;
    const heldUp = new Promise<void>((resolve) => (letGo = resolve));
    for (const member of swarm.members) {
      member.before = async (method) => {
        if (method === 'memory.addEdge') await heldUp;
      };
    }
    await client.insert({ id: 'a', content: 'x' });
    const held = client.addEdge({ from: 'a', to: 'a', relation: 'r', weight: 1 });
    await sleep(20);
    for (let at = 0; at < 3 * WINDOW; at += 1) await client.insert({ id: `m${at}`, content: 'x' });
    expect(swarm.sessions.size).toBe(2);
    letGo();
    await held;
    const once = swarm.applied.map(({ session, sequence }) => `${session}/${sequence}`);
    expect(new Set(once).size).toBe(once.length);
  });

  it('goes on in its session after a write that was given up, which comes back no more', async () => {
    const { swarm, client } = await connect();
    let late: (() => unknown) | undefined;
    let isGivenUp = false;
    swarm.members.forEach((member) => {
      member.before = (method) => {
        if (method !== 'memory.insert' || isGivenUp) return undefined;
        late = () =>
          swarm.handle(member, 'memory.insert', {
            session: 1,
            sequence: 1,
            awaitedFrom: 1,
            id: 'given up',
            content: 'x',
          });
        return new Promise(() => undefined);
      };
    });
    const givenUp = client.insert({ id: 'given up', content: 'x' }, { deadlineMs: 80 });
    await expect(givenUp).rejects.toMatchObject({ code: 'deadline-exceeded' });
    isGivenUp = true;
    await client.insert({ id: 'next', content: 'y' });
    expect(swarm.applied).toMatchObject([{ session: 1, sequence: 2, id: 'next' }]);
    // The members know by now that nobody waits for the first one.
    expect(() => late?.()).toThrow('its answer was dropped');
    expect(swarm.applied.map(({ id }) => id)).toEqual(['next']);
  });

  it('keeps an idle session alive, and gives it back when it is closed', async () => {
    const { swarm, client } = await connect(300);
    await client.insert({ id: 'a', content: 'x' });
    await until(() => swarm.kept.length >= 3);
    expect(new Set(swarm.kept)).toEqual(new Set([1]));
    await client.close();
    expect(swarm.closed).toEqual([1]);
    const { length } = swarm.kept;
    await sleep(200);
    expect(swarm.kept).toHaveLength(length);
  });

  it('sends no keep-alive while writes do as much', async () => {
    await undisturbed(async () => {
      const { swarm, client } = await connect(600);
      for (let at = 0; at < 20; at += 1) {
        await client.insert({ id: `m${at}`, content: 'x' });
        await sleep(30);
      }
      expect(swarm.kept).toEqual([]);
    });
  });

  it('tries a keep-alive again that nobody answered, and forgets a session that is gone', async () => {
    const { swarm, client } = await connect(300);
    await client.insert({ id: 'a', content: 'x' });
    let refusals = 2;
    for (const member of swarm.members) {
      member.before = (method) => {
        if (method !== 'memory.keepSession' || refusals === 0) return;
        refusals -= 1;
        throw new RpcError('internal', 'not now');
      };
    }
    await until(() => refusals === 0 && swarm.kept.length > 0);
    swarm.sessions.clear();
    const { length } = swarm.keepAlives;
    await until(() => swarm.keepAlives.length > length);
    await client.insert({ id: 'b', content: 'x' });
    expect(swarm.applied).toMatchObject([{ session: 1 }, { session: 2, sequence: 1 }]);
  });

  it('says so when the swarm holds no more sessions', async () => {
    const { swarm, client } = await connect();
    for (const member of swarm.members) {
      member.before = (method) => {
        if (method === 'memory.openSession') throw refused('sessions-full', 'no more sessions');
      };
    }
    await expect(client.insert({ id: 'a', content: 'x' })).rejects.toMatchObject({
      code: 'refused',
      reason: 'sessions-full',
    });
    for (const member of swarm.members) member.before = () => undefined;
    await client.insert({ id: 'a', content: 'x' });
  });

  it('never sends a write again whose session expired while its fate was unknown', async () => {
    const { swarm, client } = await connect();
    await client.insert({ id: 'a', content: 'x' });
    let lost = false;
    for (const member of swarm.members) {
      member.after = (method) => {
        if (method !== 'memory.insert' || lost) return;
        lost = true;
        swarm.sessions.clear();
        throw new RpcError('unavailable', 'the connection was lost');
      };
    }
    await expect(client.insert({ id: 'b', content: 'x' })).rejects.toMatchObject({
      code: 'outcome-unknown',
      reason: 'session-unknown',
      message: expect.stringContaining('may or may not have been applied'),
    });
    expect(swarm.applied.map(({ id }) => id)).toEqual(['a', 'b']);
    await client.insert({ id: 'c', content: 'x' });
    expect(swarm.applied.at(-1)).toMatchObject({ session: 2, sequence: 1, id: 'c' });
  });

  it('shares one session however many writes begin at once', async () => {
    const { swarm, client } = await connect();
    swarm.rules = { timeoutMs: 3_600_000, window: 64 };
    await Promise.all(
      Array.from({ length: 60 }, (_, at) => client.insert({ id: `m${at}`, content: 'x' })),
    );
    expect(swarm.sessions.size).toBe(1);
    expect(swarm.applied).toHaveLength(60);
  });
});
