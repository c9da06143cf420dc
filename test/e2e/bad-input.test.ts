/** What users get wrong: each time a sentence, exit code 1, and nothing created or changed. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { createIdentity } from '../../transport/identity/index.js';
import { contentsOf, freePort, scratch, v1Installation } from './support/directories.js';
import { run, runWarm } from './support/processes.js';
import type { Finished } from './support/processes.js';
import { initSwarm, Swarm } from './support/swarm.js';

let swarm: Swarm;

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 1 });
});

/** Runs a command that must fail with a sentence on standard error, each pattern in it. */
async function expectFailure(
  args: readonly string[],
  patterns: readonly (RegExp | string)[],
): Promise<Finished> {
  // A command that would stay leaves in another way than the others.
  const finished = await (args[0] === 'node' ? run(args) : runWarm(args));
  expect(finished, args.join(' ')).toMatchObject({ code: 1, stdout: '' });
  for (const pattern of patterns) {
    if (typeof pattern === 'string') expect(finished.stderr).toContain(pattern);
    else expect(finished.stderr).toMatch(pattern);
  }
  expect(finished.stderr, 'a stack is for developers').not.toMatch(/\n\s+at /);
  return finished;
}

async function expectOneMember(): Promise<void> {
  const client = await swarm.connect();
  expect((await client.status()).members).toHaveLength(1);
  await client.close();
}

const address = async (): Promise<string> => `127.0.0.1:${await freePort()}`;
const init = (directory: string, listen: string): string[] => {
  return ['swarm', 'init', '--data', directory, '--listen', listen];
};
const joining = (directory: string, listen: string): string[] => {
  return ['node', 'start', '--data', directory, '--listen', listen];
};

describe('commands', () => {
  it.each([
    [['nonsense'], [/unknown command 'nonsense'/]],
    [['swarm', 'init'], [/required option '--data <dir>'/]],
    [['swarm', 'init', '--data', '/nowhere'], [/required option '--listen <host:port>'/]],
    [['swarm', 'status'], [/--data DIR, or --peer HOST:PORT#PEERID --token T/]],
    [['swarm', 'status', '--peer', 'here'], [/'here' is not the address of a peer/]],
    [
      ['swarm', 'status', '--data', '/nowhere'],
      [/\/nowhere holds no node/, /swarm init/],
    ],
    [['node', 'start'], [/required option '--data <dir>'/]],
    [
      ['node', 'start', '--data', '/nowhere'],
      [/\/nowhere holds no node/, /--join/],
    ],
    [['memory', 'insert', 'id'], [/missing required argument 'content'/]],
    [['memory', 'insert', 'id', 'text', '--metadata', '[1]'], [/--metadata must be a JSON object/]],
    [
      ['memory', 'search', 'text', '--limit', 'many'],
      [/--limit/, /many/],
    ],
    [
      ['memory', 'link', 'a', 'b', '--weight', 'heavy'],
      [/--weight/, /heavy/],
    ],
    [
      ['swarm', 'remove', 'first'],
      [/node-id/, /first/],
    ],
    [['rollout', 'start', 'v3'], [/moved to v2 or to a release such as .*, not to 'v3'/]],
    [['migrate', 'v3'], [/migrated to v2, not to 'v3'/]],
  ] as [string[], RegExp[]][])('%j', async (args, patterns) => {
    await expectFailure(args, patterns);
    expect(existsSync('/nowhere')).toBe(false);
  });

  it('name the address that cannot be listened on', async () => {
    const directory = scratch('new');
    await expectFailure(init(directory, 'here'), [/'here' is not an address; expected HOST:PORT/]);
    await expectFailure(init(directory, '127.0.0.1:0'), [/others|other nodes cannot reach/]);
    await expectFailure(init(directory, '0.0.0.0:4433'), [/--advertise HOST:PORT/]);
    await expectFailure(init(directory, '192.0.2.1:4433'), [/address of this machine/]);
    expect(existsSync(directory)).toBe(false);
  });
});

describe('a directory', () => {
  it('without v1 is no source', async () => {
    const [directory, source] = [scratch('new'), scratch('empty')];
    mkdirSync(source);
    const args = [...init(directory, await address()), '--from', source];
    await expectFailure(args, [/no agentic-flow v1 in/, source, /check the path/]);
    const missing = [...init(directory, await address()), '--from', join(source, 'missing')];
    await expectFailure(missing, [/no agentic-flow v1 in/]);
    mkdirSync(join(source, '.swarm'));
    writeFileSync(join(source, '.swarm', 'memory.db'), 'this is no database at all'.repeat(99));
    await expectFailure(args, [/not a SQLite database/, source]);
    expect(existsSync(directory)).toBe(false);
  });

  it('that holds something is not filled', async () => {
    const { directory } = await initSwarm();
    const before = contentsOf(directory);
    const again = [/holds a node already/, /empty or a new directory/];
    await expectFailure(init(directory, await address()), again);
    expect(contentsOf(directory)).toEqual(before);
    const other = scratch('other');
    mkdirSync(other);
    writeFileSync(join(other, 'letter.txt'), 'dear');
    await expectFailure(init(other, await address()), [/holds other files/, other]);
    const file = join(other, 'letter.txt');
    await expectFailure(init(file, await address()), [/is no directory/, file]);
    await expectFailure(init(join(file, 'below'), await address()), [/is no directory/]);
    expect(Object.keys(contentsOf(other))).toEqual([file]);
  });

  it('in use by a process is left alone', async () => {
    const { directory, process } = swarm.member(1);
    const patterns = [/is in use by process/, String(process.pid), /stop it first/];
    await expectFailure(['node', 'start', '--data', directory], patterns);
    await expectFailure(init(directory, await address()), [/holds a node already/]);
    const { address: own, joinToken } = swarm.created;
    const to = ['--join', own, '--token', joinToken];
    await expectFailure(['node', 'start', '--data', directory, ...to], patterns);
    await expectOneMember();
  });

  it('of another swarm does not join', async () => {
    const other = await initSwarm();
    const before = contentsOf(other.directory);
    for (const token of [swarm.created.joinToken, other.joinToken]) {
      const to = ['--join', swarm.created.address, '--token', token];
      const patterns = [other.directory, `belongs to swarm ${other.swarmId}`, /another directory/];
      await expectFailure(['node', 'start', '--data', other.directory, ...to], patterns);
    }
    expect(contentsOf(other.directory)).toEqual(before);
    await expectOneMember();
  });
});

describe('a port in use', () => {
  it('stops an init and a join before anything is created, and a restart', async () => {
    const { address: own, joinToken } = swarm.created;
    const taken = own.slice(0, own.indexOf('#'));
    const directory = scratch('new');
    const patterns = [taken, /in use/, /another port|stop/];
    await expectFailure(init(directory, taken), patterns);
    const to = ['--join', own, '--token', joinToken];
    await expectFailure([...joining(directory, taken), ...to], patterns);
    expect(existsSync(directory)).toBe(false);
    await expectOneMember();

    const stopped = await initSwarm();
    const key = join(stopped.directory, 'node.json');
    const before = contentsOf(stopped.directory)[key];
    const port = Number(/:(\d+)#/.exec(stopped.address)?.[1]);
    const socket = createSocket('udp4').bind(port, '127.0.0.1');
    await once(socket, 'listening');
    const start = ['node', 'start', '--data', stopped.directory];
    await expectFailure(start, [`127.0.0.1:${port}`, /in use/, /another port|stop/]);
    socket.close();
    expect(contentsOf(stopped.directory)[key]).toEqual(before);
  });
});

describe('a wrong token', () => {
  it('lets no node and no client in', async () => {
    const directory = scratch('new');
    const { address: own } = swarm.created;
    const wrong = ['--token', 'afj_wrong'];
    const joined = [...joining(directory, await address()), '--join', own, ...wrong];
    await expectFailure(joined, [/wrong token/, /join token of this swarm/]);
    const none = [...joining(directory, await address()), '--join', own];
    await expectFailure(none, [/--join needs/, /--token TOKEN/]);
    expect(existsSync(directory)).toBe(false);
    await expectFailure(['swarm', 'status', '--peer', own, ...wrong], [/token/, own]);
    await expectFailure(['swarm', 'status', '--peer', own], [/give --token, or --data/]);
    await expectOneMember();
  });
});

describe('a peer with another identity', () => {
  it('is named as who was expected and who answered', async () => {
    const { peerId } = createIdentity();
    const { address: own, joinToken, peerId: found } = swarm.created;
    const wrong = `${own.slice(0, own.indexOf('#'))}#${peerId}`;
    const directory = scratch('new');
    const to = ['--join', wrong, '--token', joinToken];
    const patterns = [`expected peer ${peerId}`, `found ${found}`];
    await expectFailure([...joining(directory, await address()), ...to], patterns);
    expect(existsSync(directory)).toBe(false);
    const asked = ['swarm', 'status', '--peer', wrong, '--token', joinToken];
    await expectFailure(asked, [/another peer answers/, ...patterns]);
    const known = await initSwarm();
    const before = contentsOf(known.directory);
    await expectFailure(['node', 'start', '--data', known.directory, ...to], patterns);
    expect(contentsOf(known.directory)).toEqual(before);
    await expectOneMember();
  });

  it('is not found where nobody listens', async () => {
    const [directory, nobody] = [scratch('new'), await address()];
    const peer = `${nobody}#${swarm.created.peerId}`;
    const to = ['--join', peer, '--token', swarm.created.joinToken];
    const joined = expectFailure([...joining(directory, await address()), ...to], [nobody]);
    const status = ['swarm', 'status', '--peer', peer, '--token', swarm.created.clientToken];
    await Promise.all([joined, expectFailure(status, [/could be reached/, nobody])]);
    expect(existsSync(directory)).toBe(false);
  });
});

describe('a v1 installation in use as a source', () => {
  it('is not changed by a failure', async () => {
    const source = v1Installation(5);
    const before = contentsOf(source);
    const { directory } = await initSwarm();
    const args = [...init(directory, await address()), '--from', source];
    await expectFailure(args, [/holds a node already/]);
    expect(contentsOf(source)).toEqual(before);
  });
});
