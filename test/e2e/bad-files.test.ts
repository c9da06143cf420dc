/** Directories of nodes that are damaged, of a newer release, not writable, or half made. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { DatabaseSync } from '@photostructure/sqlite';
import { beforeAll, describe, expect, it } from 'vitest';

import { createIdentity } from '../../transport/identity/index.js';
import { Random } from '../../examples/rolling-migration/random.js';
import { contentsOf, freePort, scratch, v1Installation } from './support/directories.js';
import { NodeProcess, run, runAndKill, runJson } from './support/processes.js';
import { initSwarm, Swarm } from './support/swarm.js';
import type { Created } from './support/swarm.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 0x7fff_ffff);
console.log(`SEED=${SEED}`);

/** Writes over a part of a file. */
function patch(path: string, offset: number, bytes: Uint8Array): void {
  const content = readFileSync(path);
  content.set(bytes, offset);
  writeFileSync(path, content);
}

/** The files of the node, without the lock and what SQLite keeps beside a store. */
function filesOf(directory: string): Record<string, string> {
  const entries = Object.entries(contentsOf(directory));
  return Object.fromEntries(entries.filter(([path]) => !/lock\.(db|pid)|-wal$|-shm$/.test(path)));
}

function storeOf(directory: string): string {
  const names = readdirSync(join(directory, 'v2')).filter((name) => name.endsWith('.db'));
  expect(names).toHaveLength(1);
  return join(directory, 'v2', names[0] ?? '');
}

const NEWER = Uint8Array.of(99, 0, 0, 0);
const INCOMPLETE = '{"formatVersion":1,"swarmId":"x"}';

const SPOILT: readonly [string, (directory: string) => void, readonly RegExp[]][] = [
  [
    'node.json of a newer release',
    (directory) => {
      const path = join(directory, 'node.json');
      const text = readFileSync(path, 'utf8').replace('"formatVersion": 1', '"formatVersion": 2');
      writeFileSync(path, text);
    },
    [/node\.json has format 2/, /newer agentic-flow/, /nothing was changed/],
  ],
  [
    'garbage in node.json',
    (directory) => writeFileSync(join(directory, 'node.json'), '\u0000garbage{'),
    [/node\.json is damaged/, /not JSON/],
  ],
  [
    'an empty node.json',
    (directory) => writeFileSync(join(directory, 'node.json'), ''),
    [/node\.json is damaged/],
  ],
  [
    'a node.json without what it must have',
    (directory) => writeFileSync(join(directory, 'node.json'), INCOMPLETE),
    [/node\.json is damaged/, /nodeId/],
  ],
  [
    'a v2 store of a newer release',
    (directory) => {
      const database = new DatabaseSync(storeOf(directory));
      database.exec('PRAGMA user_version = 99');
      database.close();
    },
    [/\.db has format 99/, /upgrade this node/],
  ],
  [
    'a log of a newer release',
    // Its header is there twice.
    (directory) => {
      for (const at of [8, 4096 + 8])
        patch(join(directory, 'raft', 'log-00000000000001.wal'), at, NEWER);
    },
    [/log-00000000000001\.wal has format version 99/, /start the newer release/],
  ],
  [
    'a snapshot of a newer release',
    (directory) => patch(join(directory, 'raft', 'snapshot-00000000000001.snap'), 8, NEWER),
    [/snapshot-00000000000001\.snap has format version 99/, /start the newer release/],
  ],
  [
    'a damaged snapshot',
    (directory) => patch(join(directory, 'raft', 'snapshot-00000000000001.snap'), 200, NEWER),
    [/snapshot-00000000000001\.snap is damaged/, /join again/],
  ],
  [
    'a key that is none',
    (directory) => writeFileSync(join(directory, 'identity.pem'), 'secret'),
    [/identity\.pem cannot be used/],
  ],
  [
    'no key',
    (directory) => rmSync(join(directory, 'identity.pem')),
    [/identity\.pem cannot be used/],
  ],
  [
    'the key of another node',
    (directory) => {
      writeFileSync(join(directory, 'identity.pem'), readFileSync(otherKey));
    },
    [/identity\.pem is the key of peer/, /node\.json is of peer/],
  ],
  ['no store', (directory) => rmSync(storeOf(directory)), [/is missing/]],
  [
    'no log',
    (directory) => rmSync(join(directory, 'raft'), { recursive: true }),
    [/raft is missing/],
  ],
];

let template: string;
let otherKey: string;

beforeAll(async () => {
  template = (await initSwarm()).directory;
  otherKey = join((await initSwarm()).directory, 'identity.pem');
});

/** The directory of a node that was never started. */
function copyOfNode(): string {
  const directory = scratch('node');
  cpSync(template, directory, { recursive: true });
  return directory;
}

describe('the directory of a node', () => {
  it.each(SPOILT)('with %s is refused and left as it is', async (_name, spoil, patterns) => {
    const directory = copyOfNode();
    spoil(directory);
    const before = filesOf(directory);
    const { code, stdout, stderr } = await run(['node', 'start', '--data', directory]);
    expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: '' });
    for (const pattern of patterns) expect(stderr).toMatch(pattern);
    expect(stderr).toContain(directory);
    expect(stderr).not.toMatch(/\n\s+at |assertion/);
    expect(filesOf(directory)).toEqual(before);
  });
});

describe('a directory without permission to write', () => {
  const unwritable = (): string => {
    const directory = scratch('unwritable');
    mkdirSync(directory);
    chmodSync(directory, 0o555);
    return directory;
  };

  it('is of a node alone, as far as the node makes it', async () => {
    const { directory } = await initSwarm(undefined, join(scratch('swarm'), 'below'));
    for (const made of [directory, dirname(directory)]) {
      expect(statSync(made).mode & 0o077).toBe(0);
    }
  });

  it('gets no new node', async () => {
    const closed = unwritable();
    const listen = `127.0.0.1:${await freePort()}`;
    const peer = `${listen}#${createIdentity().peerId}`;
    for (const directory of [closed, join(closed, 'below')]) {
      const commands = [
        ['swarm', 'init', '--data', directory, '--listen', listen],
        ['node', 'start', '--data', directory, '--listen', listen, '--join', peer, '--token', 't'],
      ];
      for (const args of commands) {
        const { code, stdout, stderr } = await run(args, { asNobody: true });
        expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: '' });
        expect(stderr).toMatch(/no permission to write in/);
        expect(stderr).toContain(directory);
        expect(stderr).toMatch(/Nothing was created/);
        expect(stderr).not.toMatch(/\n\s+at /);
      }
    }
    expect(readdirSync(closed)).toEqual([]);
  });

  it('does not start the node in it', async () => {
    const directory = copyOfNode();
    chmodSync(directory, 0o555);
    const before = contentsOf(directory);
    const start = ['node', 'start', '--data', directory];
    const { code, stdout, stderr } = await run(start, { asNobody: true });
    chmodSync(directory, 0o755);
    expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/cannot be written|permission/);
    expect(stderr).toMatch(/check owner and mode/);
    expect(stderr).toContain(directory);
    expect(contentsOf(directory)).toEqual(before);
  });
});

describe('a command that is killed', () => {
  const random = new Random(SEED);

  it('while it creates a swarm leaves a directory for a second try', async () => {
    const source = v1Installation(200);
    const before = contentsOf(source);
    for (let i = 0; i < 4; i += 1) {
      const directory = scratch('killed');
      const listen = `127.0.0.1:${await freePort()}`;
      const args = ['swarm', 'init', '--data', directory, '--listen', listen, '--from', source];
      await runAndKill(args, 250 + random.below(350));
      // Either all of it is there, or as good as nothing.
      if (!existsSync(join(directory, 'node.json'))) await runJson<Created>(args);
      const names = readdirSync(directory).filter((name) => !name.startsWith('.unfinished-'));
      expect(names.sort()).toEqual(['identity.pem', 'node.json', 'raft', 'v1']);
    }
    expect(contentsOf(source)).toEqual(before);
  });

  it('in the middle of its last steps leaves such a directory too', async () => {
    // The moments between two renames are too short to be met: this is what they leave.
    const names = readdirSync(template).sort();
    for (const missing of [['node.json'], ['node.json', 'raft'], ['node.json', 'identity.pem']]) {
      const directory = copyOfNode();
      for (const name of missing) rmSync(join(directory, name), { recursive: true });
      mkdirSync(join(directory, '.unfinished-Ab3dE6'));
      await initSwarm(undefined, directory);
      expect(readdirSync(directory).sort()).toEqual(names);
    }
  });

  it('never costs a file that the product did not write', async () => {
    const directory = copyOfNode();
    rmSync(join(directory, 'node.json'));
    mkdirSync(join(directory, '.unfinished-Ab3dE6'));
    writeFileSync(join(directory, 'letter.txt'), 'dear');
    const listen = `127.0.0.1:${await freePort()}`;
    const { code, stderr } = await run(['swarm', 'init', '--data', directory, '--listen', listen]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/holds other files/);
    expect(readFileSync(join(directory, 'letter.txt'), 'utf8')).toBe('dear');
  });

  it('while it joins leaves a directory for a second try', async () => {
    const swarm = await Swarm.start({ nodes: 1 });
    const directory = scratch('killed');
    const { address, joinToken } = swarm.created;
    const listen = `127.0.0.1:${await freePort()}`;
    const to = ['--listen', listen, '--join', address, '--token', joinToken];
    const args = ['node', 'start', '--data', directory, ...to];
    for (let i = 0; i < 3; i += 1) await runAndKill(args, 200 + random.below(500));
    const node = await NodeProcess.start(args.slice(2));
    const client = await swarm.connect();
    await client.insert({ id: 'a', content: 'both have it' });
    const { peerId, nodeId } = await node.ready();
    const { members } = await client.status({ only: peerId });
    expect(members.find((each) => each.nodeId === nodeId)?.status).toBe('up');
    expect((await client.get('a', { only: peerId })).memory?.content).toBe('both have it');
  });
});
