/** Namespaces, times and fusion, by commands and by a client, at each node of a swarm of processes. */

import { beforeAll, describe, expect, it } from 'vitest';

import type { NamedHit, NamedMemory, SwarmClient } from '../../src/client/index.js';
import { run, runJson } from './support/processes.js';
import { Swarm } from './support/swarm.js';
import { sleep } from '../waiting.js';

let swarm: Swarm;
let client: SwarmClient;
/** Between the memories of before and the note of the team that comes last. */
let middleMs: number;

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 3 });
  client = await swarm.connect();
  for (const id of ['a', 'b', 'c']) {
    await client.insert({ id, content: `the disk of ${id} was full` });
    await client.insert({ id, namespace: 'team', content: `the queue of ${id} was full` });
  }
  await sleep(20);
  middleMs = Date.now();
  await sleep(20);
  await client.insert({ id: 'last', namespace: 'team', content: 'the disk was replaced' });
});

/** The arguments of a memory command, at each node by its directory. */
function atEachNode(...args: readonly string[]): string[][] {
  return swarm.members.map(({ directory }) => ['memory', ...args, '--data', directory]);
}

const placeOf = ({ namespace, id }: { namespace: string; id: string }): string =>
  `${namespace}/${id}`;

describe('every node', () => {
  it('finds what one namespace has, and of all when asked so', async () => {
    for (const args of atEachNode('search', 'a disk that was full', '--limit', '50')) {
      const of = async (...more: string[]): Promise<string[]> => {
        const { hits } = await runJson<{ hits: NamedHit[] }>([...args, ...more]);
        return hits.map(placeOf).sort();
      };
      expect(await of()).toEqual(['default/a', 'default/b', 'default/c']);
      const team = ['team/a', 'team/b', 'team/c', 'team/last'];
      expect(await of('--namespace', 'team')).toEqual(team);
      expect(await of('--namespace', 'nobody')).toEqual([]);
      expect(await of('--all-namespaces')).toEqual([
        'default/a',
        'default/b',
        'default/c',
        ...team,
      ]);
      const from = ['--created-from', String(middleMs)];
      expect(await of('--namespace', 'team', ...from)).toEqual(['team/last']);
      expect(
        await of('--created-from', '2026-01-31', '--created-to', String(middleMs)),
      ).toHaveLength(3);
      expect(await of(...from)).toEqual([]);
    }
  });

  it('lists memories page by page', async () => {
    for (const args of atEachNode('list')) {
      const of = async (...more: string[]): Promise<string> =>
        (await run([...args, ...more])).stdout;
      expect(await of()).toMatch(/^\S+ {2}a {2}the disk of a was full\n.+ {2}b .+\n.+ {2}c .+\n$/);
      const first = await of('--namespace', 'team', '--limit', '3');
      const [, cursor] = first.match(/ --cursor (\S+)\n$/) ?? [];
      expect(first).toContain('team/c');
      const rest = await of('--namespace', 'team', '--cursor', String(cursor));
      expect(rest).toMatch(/^\S+ {2}team\/last {2}the disk was replaced\n$/);
      expect(await of('--created-from', String(middleMs))).toBe('no memories\n');
    }
    const all = await client.list({ namespace: null, limit: 1000 });
    expect(all.cursor).toBeNull();
    expect(all.memories).toHaveLength(7);
    await expect(client.list({ cursor: '!' })).rejects.toMatchObject({ code: 'invalid' });
    await expect(client.list({ limit: 1001 })).rejects.toMatchObject({ code: 'invalid' });
  });

  it('has a memory, its edges and the graph by its namespace', async () => {
    await client.addEdge({ from: 'a', to: 'b', relation: 'next', weight: 1, namespace: 'team' });
    const away = { from: 'b', to: 'c', namespace: 'team', toNamespace: 'default' };
    await client.addEdge({ ...away, relation: 'next', weight: 0.5 });
    for (const args of atEachNode('get', 'a', '--namespace', 'team')) {
      const { memory } = await runJson<{ memory: NamedMemory }>(args);
      expect(memory).toMatchObject({
        id: 'a',
        namespace: 'team',
        content: 'the queue of a was full',
      });
    }
    for (const args of atEachNode('path', 'a', 'c', '--namespace', 'team')) {
      const path = await run([...args, '--to-namespace', 'default']);
      expect(path.stdout).toBe('team/a\nnext (1.000)  team/b\nnext (0.500)  c\n');
      const none = await run(args);
      expect(none).toMatchObject({ code: 1, stderr: 'error: no such path leads from a to c\n' });
    }
    expect((await client.edges('b', { namespace: 'team' })).edges).toEqual([
      {
        from: 'b',
        to: 'c',
        relation: 'next',
        weight: 0.5,
        namespace: 'team',
        toNamespace: 'default',
      },
    ]);
    await client.deleteEdge({ ...away, relation: 'next' });
    await client.delete('a', { namespace: 'team' });
    expect((await client.get('a', { namespace: 'team' })).memory).toBeNull();
    expect((await client.get('a')).memory).not.toBeNull();
    expect((await client.graph.neighbours('b', { namespace: 'team' })).neighbours).toEqual([]);
  });

  it('joins the lists of a hybrid search as it is told', async () => {
    for (const args of atEachNode('search', 'the disk of b', '--mode', 'hybrid')) {
      const of = async (...more: string[]): Promise<number[]> => {
        const { hits } = await runJson<{ hits: NamedHit[] }>([...args, ...more]);
        return hits.map(({ score }) => score);
      };
      // The first of both lists has the most that there can be, by either way.
      expect((await of('--fusion', 'rank'))[0]).toBeCloseTo(1, 9);
      expect(await of('--fusion', 'weight:0.7')).not.toEqual(await of('--fusion', 'weight:0.1'));
      expect(await of('--fusion', 'rank:1')).not.toEqual(await of('--fusion', 'rank'));
    }
  });
});

describe('what cannot be asked', () => {
  it.each([
    [['list', '--created-from', 'yesterday'], /'yesterday' is no date/],
    [['list', '--namespace', ''], /a namespace is a text of 1 to 256 characters/],
    [['list', '--limit', '0'], /limit must be 1 to 1000/],
    [['list', '--cursor', '!'], /the cursor is none of a list/],
    [['get', 'a', '--namespace', 'x'.repeat(257)], /a namespace is a text of 1 to 256 characters/],
    [['get', 'a', '--namespace', 'nobody'], /no memory with the id a in nobody/],
    [
      ['insert', 'x'.repeat(4091), 'text', '--namespace', 'team'],
      /with its namespace it may have 4096/,
    ],
    [['search', 'x', '--fusion', 'sum'], /'sum' is not rank, rank:60 or weight:0.7/],
    [['search', 'x', '--fusion', 'weight'], /'weight' is not rank/],
    [['search', 'x', '--fusion', 'rank'], /only a search with the mode hybrid/],
  ] as [string[], RegExp][])('%# is said in a sentence', async (args, message) => {
    const ended = await run(['memory', ...args, '--data', swarm.member(2).directory]);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toMatch(/\n\s+at /);
  });
});
