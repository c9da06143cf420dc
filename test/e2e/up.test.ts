/** A swarm from a file: three nodes of this machine, and the same command again. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { parsePeerAddress } from '../../transport/identity/index.js';
import { until } from '../waiting.js';
import { freePort, scratch } from './support/directories.js';
import { run, runJson } from './support/processes.js';
import { connectTo, initSwarm } from './support/swarm.js';
import type { Created } from './support/swarm.js';

interface Report {
  readonly swarmId: string;
  readonly tokens: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly did: string;
    readonly address: string;
  }[];
}

const folder = scratch('up');
const file = join(folder, 'swarm.yaml');
mkdirSync(folder);

// They outlive the command that starts them.
afterAll(async () => {
  for (const name of ['a', 'b', 'c']) await run(['node', 'stop', '--data', join(folder, name)]);
});

async function writeFile(names: readonly string[]): Promise<void> {
  const nodes = [];
  for (const name of names) {
    const port = (ports[name] ??= await freePort());
    nodes.push(
      `  - {name: ${name}, directory: ${name}, listen: "127.0.0.1:${port}", zone: z-${name}, ` +
        'topicsListen: "127.0.0.1:0"}',
    );
  }
  writeFileSync(file, `version: 1\nnodes:\n${nodes.join('\n')}\n`);
}
const ports: Record<string, number> = {};

it('node stop ends a node that has a supervisor together with it', async () => {
  const { directory } = await initSwarm();
  const data = ['--data', directory];
  const started = ['node', 'start', ...data, '--supervise', '--detach'];
  const { pid } = await runJson<{ pid: number }>(started);
  expect(await runJson(['node', 'probe', ...data])).toMatchObject({ running: true, pid });
  expect(await runJson(['node', 'stop', ...data])).toMatchObject({ stopped: true, pid });
  expect(await runJson(['node', 'probe', ...data])).toMatchObject({ running: false });
});

describe('swarm up', () => {
  let first: Report;

  it('creates the swarm and starts its nodes', async () => {
    await writeFile(['a', 'b']);
    const result = await run(['swarm', 'up', '--file', file, '--json']);
    expect(result.code, result.stderr).toBe(0);
    first = JSON.parse(result.stdout) as Report;
    expect(first.nodes.map(({ name, did }) => [name, did])).toEqual([
      ['a', 'created'],
      ['b', 'joined'],
    ]);
    const tokens = JSON.parse(readFileSync(first.tokens, 'utf8')) as Created;
    expect(statSync(first.tokens).mode & 0o777).toBe(0o600);
    for (const secret of [tokens.joinToken, tokens.clientToken]) {
      expect(secret).toMatch(/^af[jc]_/);
      const said = [result.stdout, result.stderr, readFileSync(join(folder, 'b.log'), 'utf8')];
      expect(said.join()).not.toContain(secret);
    }
    const client = await connectTo({ ...tokens, address: first.nodes[0]!.address });
    await client.insert({ id: 'm', content: 'from a client with the token of the file' });
    // Both have topics, and found each other.
    const peers = first.nodes.map(({ address }) => parsePeerAddress(address).peerId);
    const [a, b] = peers as [string, string];
    const subscription = await client.topics.subscribe('news', { only: b });
    await until('it is given to the other one', async () => {
      return (await client.topics.publish('news', 'hello', { only: a })).members === 1;
    });
    const heard = await subscription[Symbol.asyncIterator]().next();
    expect(heard.value).toMatchObject({ message: 'hello' });
    subscription.close();
  });

  it('leaves what runs, starts what does not, and joins what is new', async () => {
    const again = await runJson<Report>(['swarm', 'up', '--file', file]);
    expect(again.nodes.map(({ did }) => did)).toEqual(['was running', 'was running']);
    const stopped = await runJson(['node', 'stop', '--data', join(folder, 'a')]);
    expect(stopped).toMatchObject({ stopped: true });
    await writeFile(['a', 'b', 'c']);
    const third = await runJson<Report>(['swarm', 'up', '--file', file]);
    expect(third.swarmId).toBe(first.swarmId);
    expect(third.nodes.map(({ did }) => did)).toEqual(['started', 'was running', 'joined']);
    const status = await runJson<{ members: { status: string }[] }>([
      'swarm',
      'status',
      '--data',
      join(folder, 'c'),
    ]);
    expect(status.members.map((member) => member.status)).toEqual(['up', 'up', 'up']);
  });

  it('says what is missing when the token that a new node needs is not there', async () => {
    await run(['node', 'stop', '--data', join(folder, 'c')]);
    rmSync(join(folder, 'c'), { recursive: true });
    const tokens = readFileSync(first.tokens);
    rmSync(first.tokens);
    const failed = await run(['swarm', 'up', '--file', file]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('nobody can join without the join token');
    writeFileSync(first.tokens, tokens, { mode: 0o600 });
    expect((await run(['node', 'probe', '--data', join(folder, 'a')])).stdout).toContain('runs');
  });
});
