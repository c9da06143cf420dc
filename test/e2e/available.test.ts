/** Available namespaces on real processes: written by one member alone, killed ones, and commands. */
import { describe, expect, it } from 'vitest';

import { createIdentity, parsePeerAddress } from '../../transport/identity/index.js';
import { SwarmClient } from '../../src/client/index.js';
import { until } from '../waiting.js';
import { freePort, scratch } from './support/directories.js';
import { NodeProcess, run, runJson } from './support/processes.js';
import { Swarm, connectTo } from './support/swarm.js';
import type { Created } from './support/swarm.js';

/** Works with a client that reaches one node alone. */
async function at<T>(
  swarm: Swarm,
  nodeId: number,
  work: (client: SwarmClient) => Promise<T>,
): Promise<T> {
  const seeds = [parsePeerAddress(swarm.member(nodeId).address)];
  const token = swarm.created.clientToken;
  const client = await SwarmClient.connect({ seeds, token, identity: createIdentity() });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

const put = (swarm: Swarm, nodeId: number, id: string, content: string): Promise<unknown> =>
  at(swarm, nodeId, (client) => {
    const { peerId: only } = swarm.member(nodeId);
    return client.available.put('team', { id, content }, { only, deadlineMs: 60_000 });
  });

const contents = (swarm: Swarm, nodeId: number, id: string): Promise<string[]> =>
  at(swarm, nodeId, async (client) => {
    const { peerId: only } = swarm.member(nodeId);
    const { values } = await client.available.get('team', id, { only });
    return values.map(({ content }) => content);
  });

const untilAllHave = (swarm: Swarm, id: string, wanted: readonly string[]): Promise<void> =>
  untilHave(swarm, [1, 2, 3], id, wanted);

async function untilHave(
  swarm: Swarm,
  nodeIds: readonly number[],
  id: string,
  wanted: readonly string[],
): Promise<void> {
  for (const nodeId of nodeIds) {
    await until(`node ${nodeId} has ${wanted.join(' and ')}`, async () => {
      const found = await contents(swarm, nodeId, id);
      return found.toSorted().join() === wanted.toSorted().join();
    });
  }
}

/** A new swarm has what was in the backup, at each member: both values, and nothing that was deleted. */
async function requireRestored(file: string): Promise<void> {
  const directory = scratch('restored');
  const place = ['--data', directory, '--listen', `127.0.0.1:${await freePort()}`];
  const created = await runJson<Created>(['swarm', 'restore', file, ...place]);
  await NodeProcess.start(['--data', directory]);
  const join = ['--join', created.address, '--token', created.joinToken];
  const second = ['--data', scratch('second'), '--listen', `127.0.0.1:${await freePort()}`];
  const { peerId } = await (await NodeProcess.start([...second, ...join])).ready();
  const client = await connectTo(created);
  for (const only of [created.peerId, peerId]) {
    await until('both values are there', async () => {
      const { values } = await client.available.get('team', 'plan', { only });
      return (
        values
          .map(({ content }) => content)
          .sort()
          .join() === 'by one,by three'
      );
    });
    expect((await client.available.get('team', 'note', { only })).values).toEqual([]);
  }
  const { hits } = await client.available.search('team', { text: 'by three', mode: 'text' });
  expect(hits.map(({ id }) => id)).toEqual(['plan']);
  await client.available.put('team', { id: 'plan', content: 'the new swarm decides' });
  for (const only of [created.peerId, peerId]) {
    await until('it is decided', async () => {
      const { values } = await client.available.get('team', 'plan', { only });
      return values.map(({ content }) => content).join() === 'the new swarm decides';
    });
  }
}

describe('the available namespaces of a swarm', () => {
  it('are written by one member alone, survive kill -9, and come together', async () => {
    const swarm = await Swarm.start({ nodes: 3 });
    await put(swarm, 1, 'plan', 'agreed');
    await untilAllHave(swarm, 'plan', ['agreed']);
    // Alone, without a majority, and killed right after the acknowledgement.
    await swarm.member(1).process.kill();
    await swarm.member(2).process.kill();
    await put(swarm, 3, 'plan', 'by three');
    await put(swarm, 3, 'note', 'of three');
    await swarm.member(3).process.kill();
    await Promise.all([swarm.restart(1), swarm.restart(2)]);
    expect(await contents(swarm, 1, 'plan')).toEqual(['agreed']);
    await put(swarm, 1, 'plan', 'by one');
    await swarm.restart(3);
    await untilAllHave(swarm, 'plan', ['by one', 'by three']);
    await untilAllHave(swarm, 'note', ['of three']);
    await at(swarm, 2, (client) => client.available.delete('team', 'note'));
    const file = scratch('available.backup');
    const taken = await run(['swarm', 'backup', file, '--data', swarm.member(2).directory]);
    expect(taken).toMatchObject({ code: 0 });
    expect(taken.stdout).toContain('available namespaces 1\n');
    expect(taken.stderr).not.toContain('warning');
    await put(swarm, 2, 'plan', 'decided');
    await untilAllHave(swarm, 'plan', ['decided']);
    await requireRestored(file);
  });

  it('have rights, which hold at each member, also one that was killed meanwhile', async () => {
    const swarm = await Swarm.start({ nodes: 2 });
    const writer = createIdentity();
    await put(swarm, 2, 'plan', 'open to all');
    await swarm.member(2).process.kill();
    const rights = ['available', 'rights', 'team', '--writers', writer.peerId];
    const through = swarm.through(1, swarm.created.clientToken);
    const refused = await run([...rights, ...through]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/operator token/);
    const data = ['--data', swarm.member(1).directory, '--local'];
    const set = await run([...rights, ...data]);
    expect(set).toMatchObject({ code: 0 });
    expect(set.stdout).toBe(`readers: all whom the swarm lets in\nwriters: ${writer.peerId}\n`);
    await swarm.member(1).process.kill();
    await Promise.all([swarm.restart(1), swarm.restart(2)]);
    for (const nodeId of [1, 2]) {
      await until(`node ${nodeId} refuses`, async () =>
        put(swarm, nodeId, 'plan', `refused ${nodeId}`).then(
          () => false,
          (error: unknown) => /may not write the available namespace team/.test(String(error)),
        ),
      );
      const seeds = [parsePeerAddress(swarm.member(nodeId).address)];
      const token = swarm.created.clientToken;
      const client = await SwarmClient.connect({ seeds, token, identity: writer });
      const { peerId: only } = swarm.member(nodeId);
      await client.available.put('team', { id: `of ${nodeId}`, content: 'allowed' }, { only });
      expect((await client.available.rights('team', { only })).writers).toEqual([writer.peerId]);
      await client.close();
    }
    await untilHave(swarm, [1, 2], 'of 1', ['allowed']);
    await untilHave(swarm, [1, 2], 'of 2', ['allowed']);
  });

  it('have commands, which say what is in conflict and what is not there', async () => {
    const swarm = await Swarm.start({ nodes: 1 });
    const data = ['--data', swarm.member(1).directory];
    expect((await run(['available', 'namespaces', ...data])).stdout).toBe('no namespaces\n');
    const saved = await run(['available', 'put', 'team', 'a', 'the red fox', ...data]);
    expect(saved).toMatchObject({ code: 0 });
    expect(saved.stdout).toMatch(/^saved: a is on the disk of /);
    expect((await run(['available', 'get', 'team', 'a', ...data])).stdout).toBe('the red fox\n');
    expect(await runJson(['available', 'list', 'team', ...data])).toMatchObject({
      memories: [{ id: 'a', values: [{ content: 'the red fox' }] }],
      next: null,
    });
    const search = ['available', 'search', 'team', 'fox', '--mode', 'text', ...data];
    expect((await run(search)).stdout).toMatch(/ {2}a {2}the red fox\n$/);
    expect((await run(['available', 'namespaces', ...data])).stdout).toBe('team  1 memories\n');
    expect(await run(['available', 'delete', 'team', 'a', ...data])).toMatchObject({ code: 0 });
    const gone = await run(['available', 'get', 'team', 'a', ...data]);
    expect(gone).toMatchObject({ code: 1, stdout: '' });
    expect(gone.stderr).toMatch(/has no memory 'a' in the namespace 'team'/);
    expect(await run(['available', 'delete', 'team', 'a', ...data])).toMatchObject({ code: 1 });
    const brief = ['available', 'put', 'team', 'c', 'soon gone', '--expires-in', '0', ...data];
    expect(await run(brief)).toMatchObject({ code: 0 });
    expect(await run(['available', 'get', 'team', 'c', ...data])).toMatchObject({ code: 1 });
    const large = await run(['available', 'put', 'team', 'b', 'x'.repeat(70_000), ...data]);
    expect(large).toMatchObject({ code: 1, stdout: '' });
    expect(large.stderr).toMatch(/65536|64 KiB/);
  });
});
