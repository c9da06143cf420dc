/** Memories that expire, in a swarm of processes: hidden at once, deleted by the leader everywhere. */

import { beforeAll, describe, expect, it } from 'vitest';

import type { NamedMemory, SwarmClient } from '../../src/client/index.js';
import { v1Installation } from './support/directories.js';
import { run, runJson } from './support/processes.js';
import { Swarm } from './support/swarm.js';
import { sleep, until } from '../waiting.js';

let swarm: Swarm;
let client: SwarmClient;

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 3, from: v1Installation(0) });
  client = await swarm.connect();
  await client.insert({ id: 'stays', content: 'the disk was full' });
});

/** Memories in the store of each node that runs. */
async function countAtEach(): Promise<number[]> {
  const running = swarm.members.filter(({ process }) => process.isRunning);
  const answers = await Promise.all(running.map(({ peerId }) => client.counts({ only: peerId })));
  return answers.map(({ counts }) => counts.memories);
}

async function untilEachHas(memories: () => number): Promise<void> {
  await until('each node has deleted what has expired', async () =>
    (await countAtEach()).every((count) => count === memories()),
  );
}

/** Does `work` before the time that it is given; with twice as much when that was not enough. */
async function before(
  leastMs: number,
  work: (expiresAt: number) => Promise<void>,
): Promise<number> {
  for (let ms = leastMs; ; ms *= 2) {
    const expiresAt = Date.now() + ms;
    const failed = await work(expiresAt).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (Date.now() >= expiresAt) continue;
    if (failed !== undefined) throw failed.error;
    return expiresAt;
  }
}

describe('a memory with a time of expiry', () => {
  it('is served until then and by no node from then on, and is deleted at each', async () => {
    const shown = async (): Promise<string[][]> =>
      Promise.all(
        client.connected.map(async (only) => {
          const { memory } = await client.get('goes', { only });
          const { memories } = await client.list({}, { only });
          const { hits } = await client.search({ text: 'a full disk' }, { only });
          const found = [...(memory === null ? [] : [memory]), ...memories, ...hits];
          return found.map(({ id }) => id).sort();
        }),
      );
    const all = ['goes', 'goes', 'goes', 'stays', 'stays'];
    const expiresAt = await before(3_000, async (at) => {
      await client.insert({ id: 'goes', content: 'the disk was nearly full', expiresAt: at });
      await client.addEdge({ from: 'stays', to: 'goes', relation: 'next', weight: 1 });
      expect(await shown()).toEqual([all, all, all]);
      expect((await client.get('goes')).memory).toMatchObject({ expiresAt: at });
    });
    expect((await client.get('stays')).memory).toMatchObject({ expiresAt: null });
    await sleep(expiresAt - Date.now());
    // Before a leader can have looked.
    const left = ['stays', 'stays'];
    expect(await shown()).toEqual([left, left, left]);
    await untilEachHas(() => 1);
    expect((await client.edges('stays')).edges).toEqual([]);
  });

  it('stays when it was put again for longer, also while leaders look all the time', async () => {
    for (let round = 0; round < 20; round += 1) {
      const expiresAt = round === 19 ? null : Date.now() + 150;
      await client.insert({ id: 'renewed', content: 'x', expiresAt });
      await sleep(100);
    }
    await sleep(1_500);
    expect((await client.get('renewed')).memory).not.toBeNull();
    await client.delete('renewed');
  });

  it('may come from the command line', async () => {
    const { directory } = swarm.member(2);
    const at = ['--namespace', 'team', '--data', directory];
    let expiresAt = 0;
    await before(4_000, async (wanted) => {
      // From the start of the command on, so not before what is wanted.
      const seconds = String((wanted - Date.now()) / 1_000);
      const insert = ['memory', 'insert', 'brief', 'x', '--expires-in', seconds, ...at];
      const said = await runJson<{ expiresAt: number }>(insert);
      expiresAt = said.expiresAt;
      const { memory } = await runJson<{ memory: NamedMemory }>(['memory', 'get', 'brief', ...at]);
      expect(memory).toMatchObject({ namespace: 'team', expiresAt: said.expiresAt });
    });
    await sleep(expiresAt - Date.now());
    expect(await run(['memory', 'get', 'brief', ...at])).toMatchObject({
      code: 1,
      stderr: 'error: there is no memory with the id brief in team\n',
    });
    for (const wrong of ['-1', 'soon']) {
      const ended = await run(['memory', 'insert', 'a', 'x', '--expires-in', wrong, ...at]);
      expect(ended).toMatchObject({ code: 1, stdout: '' });
      expect(ended.stderr).toMatch(/--expires-in|is not a number/);
    }
    const never = { id: 'a', content: 'x', expiresAt: 0.5 };
    await expect(client.insert(never)).rejects.toMatchObject({ code: 'failed' });
    await untilEachHas(() => 1);
  });

  it('goes when another node leads, and after the swarm has gone over to v2', async () => {
    // One of them expires soon after, however long the swarm takes to go over.
    const seconds = [8, 16, 32, 64, 128, 256, 512];
    const laters = seconds.map((each) => ({ id: `in-${each}`, at: Date.now() + each * 1_000 }));
    for (const { id, at } of laters) {
      await client.insert({ id, content: 'the queue was full', expiresAt: at });
    }
    const left = (): number => 1 + laters.filter(({ at }) => at > Date.now()).length;
    const soonAt = Date.now() + 2_000;
    await client.insert({ id: 'soon', content: 'x', expiresAt: soonAt });
    const { leader } = await client.status();
    await swarm.member(leader).process.kill();
    // Before that it may be there, and the others may not have heard of it.
    await sleep(Math.max(0, soonAt - Date.now()));
    expect((await client.get('soon')).memory).toBeNull();
    await untilEachHas(left);
    await swarm.restart(leader);
    await run(['rollout', 'start', 'v2', '--no-guards', '--data', swarm.member(leader).directory]);
    expect((await client.status()).swarmVersion).toBe(2);
    for (const { id, at } of laters) {
      const { memory } = await client.get(id);
      if (Date.now() >= at) continue;
      expect(memory).toMatchObject({ id, expiresAt: at });
      await sleep(at - Date.now());
      expect((await client.get(id)).memory).toBeNull();
      await untilEachHas(left);
      return;
    }
    expect.unreachable('the swarm took longer than any of them lived');
  });
});
