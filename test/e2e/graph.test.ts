/** The graph of a swarm of processes: asked by commands and by a client, at any node. */
import { beforeAll, describe, expect, it } from 'vitest';

import type { SwarmClient } from '../../src/client/index.js';
import { run, runJson } from './support/processes.js';
import { Swarm } from './support/swarm.js';

let swarm: Swarm;
let client: SwarmClient;

const LINKS = [
  ['plan', 'build', 'before', 0.9],
  ['build', 'test', 'before', 0.9],
  ['test', 'ship', 'before', 0.9],
  ['plan', 'ship', 'wishes', 0.1],
  ['note', 'plan', 'about', 0.5],
] as const;

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 3 });
  client = await swarm.connect();
  for (const id of ['plan', 'build', 'test', 'ship', 'note']) {
    await client.insert({
      id,
      content: `how to ${id}`,
      metadata: { kind: 'step', size: id.length },
    });
  }
  for (const [from, to, relation, weight] of LINKS) {
    await client.addEdge({ from, to, relation, weight });
  }
});

/** The arguments of a memory command, at each node by its directory. */
function atEachNode(...args: readonly string[]): string[][] {
  return swarm.members.map(({ directory }) => ['memory', ...args, '--data', directory]);
}

describe('every node answers', () => {
  it('pattern queries', async () => {
    const text =
      'MATCH (a {id: $start})-[r:before*1..3]->(b) WHERE b.kind = "step" ' +
      'RETURN b.id AS id, size(r) AS hops, b.content ORDER BY hops DESC LIMIT 2';
    for (const args of atEachNode('query', text, '--parameters', '{"start":"plan"}')) {
      expect(await runJson(args)).toMatchObject({
        columns: ['id', 'hops', 'b.content'],
        rows: [
          ['ship', 3, 'how to ship'],
          ['test', 2, 'how to test'],
        ],
        servedBy: expect.any(String),
        appliedIndex: expect.any(Number),
      });
      const told = await run(args);
      expect(told.stdout).toBe('id\thops\tb.content\nship\t3\thow to ship\ntest\t2\thow to test\n');
    }
  });

  it('paths, neighbours, hops and traversals, with what was acknowledged just before', async () => {
    for (const [at, args] of atEachNode('path', 'note', 'ship').entries()) {
      const id = `new${at}`;
      await client.insert({ id, content: 'new' });
      await client.addEdge({ from: 'ship', to: id, relation: 'before', weight: 0.5 });
      expect((await run(args)).stdout).toBe('note\nabout (0.500)  plan\nwishes (0.100)  ship\n');
      const weighted = await run([...args, '--weighted']);
      expect(weighted.stdout.split('\n').map((line) => line.split('  ').at(-1))).toEqual([
        'note',
        'plan',
        'build',
        'test',
        'ship',
        '',
      ]);
      const { directory } = swarm.members[at] as { directory: string };
      const told = await run(['memory', 'neighbours', 'ship', '--data', directory]);
      expect(told.stdout).toContain(`->  0.500  before  ${id}\n`);
      const local = ['--local', '--data', directory, '--direction', 'in', '--relation', 'before'];
      expect((await run(['memory', 'neighbours', 'ship', ...local])).stdout).toBe(
        '<-  0.900  before  test\n',
      );
    }
    const walked = await client.graph.hops('note', { hops: 3, relations: ['about', 'before'] });
    expect(walked.nodes).toEqual([
      { id: 'plan', namespace: 'default', hops: 1 },
      { id: 'build', namespace: 'default', hops: 2 },
      { id: 'test', namespace: 'default', hops: 3 },
    ]);
    const scored = await client.graph.traverse('note', { decay: 1, limit: 3 });
    expect(scored).toMatchObject({
      nodes: [
        { id: 'plan', score: 0.5 },
        { id: 'build', score: 0.45 },
        { id: 'test', hops: 3 },
      ],
      isCut: true,
    });
  });
});

describe('what cannot be answered', () => {
  it.each([
    [['query', 'MATCH (a:Person) RETURN a'], /line 1, column 9: not supported: labels/],
    [['query', 'MATCH (a'], /expected \) \(closes the node pattern\)/],
    [['query', 'MATCH (a) RETURN $x'], /the parameter \$x was not given/],
    [
      ['query', 'MATCH (a) RETURN a', '--parameters', '[1]'],
      /--parameters.*must be a JSON object/s,
    ],
    [['query', 'MATCH (a) RETURN a', '--parameters', '{'], /--parameters.*not JSON/s],
    [['query', ''], /text/],
    [['query', 'x'.repeat(20_000)], /text/],
    [['neighbours', 'nobody'], /no memory with the id nobody/],
    [['neighbours', 'plan', '--direction', 'up'], /'up' is not out, in or both/],
    [['neighbours', 'plan', '--limit', '0'], /limit/],
    [['hops', 'plan', '--hops', '65'], /hops/],
    [['path', 'ship', 'note'], /no such path leads from ship to note/],
    [['path', 'ship'], /missing required argument 'to'/],
    [['traverse', 'plan', '--decay', '2'], /decay/],
  ] as [string[], RegExp][])('%j is said in a sentence', async (args, message) => {
    const ended = await run(['memory', ...args, '--data', swarm.member(2).directory]);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toMatch(/\n\s+at /);
  });

  it('has a reason that programs read, and leaves the nodes serving', async () => {
    for (const { peerId } of swarm.members) {
      const only = { only: peerId };
      const asked = [
        [() => client.graph.query('MATCH', {}, only), 'syntax'],
        [() => client.graph.query('CREATE (a)', {}, only), 'unsupported'],
        [() => client.graph.query('MATCH (a) RETURN sum(a.id)', {}, only), 'invalid'],
        [
          () =>
            client.graph.query(
              'MATCH (a)--(b), (c), (d), (e), (f), (g), (h), (i), (j), (k) RETURN 1',
              {},
              only,
            ),
          'limit',
        ],
        [() => client.graph.path('plan', 'nobody', {}, only), 'unknown-memory'],
      ] as const;
      for (const [answer, reason] of asked) {
        await expect(answer()).rejects.toMatchObject({ code: 'refused', reason });
      }
      expect((await client.graph.neighbours('plan', {}, only)).servedBy).toBe(peerId);
    }
  });

  it('is told by --help', async () => {
    const { code, stdout } = await run(['memory', 'query', '--help']);
    expect(code).toBe(0);
    for (const word of ['MATCH', 'RETURN', '--parameters', '--local', '--json', 'docs/graph.md']) {
      expect(stdout).toContain(word);
    }
  });
});
