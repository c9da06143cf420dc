/** The subset of openCypher, as examples: each query with the rows that it gives. */
import { describe, expect, it } from 'vitest';

import type { JsonObject, JsonValue } from '../../../../../src/memory/engine.js';
import { MapStore } from '../support.js';

/**
 *   ann -knows 0.9-> bob -knows 0.5-> cat -likes 1-> ann
 *   ann -likes 0.3-> bob     dan -likes 0.2-> dan     eve stands alone
 */
function people(): MapStore {
  const store = new MapStore();
  const all: Record<string, JsonObject> = {
    ann: { kind: 'person', age: 40, tags: ['x', 'y'], home: { city: 'Bern' } },
    bob: { kind: 'person', age: 30 },
    cat: { kind: 'pet', age: 3, tags: [] },
    dan: { kind: 'person', age: '40', id: 'another', content: 'hidden' },
    eve: {},
  };
  for (const [id, metadata] of Object.entries(all)) store.insert(id, metadata, `text of ${id}`);
  store.add('ann', 'knows', 'bob', 0.9);
  store.add('bob', 'knows', 'cat', 0.5);
  store.add('cat', 'likes', 'ann', 1);
  store.add('ann', 'likes', 'bob', 0.3);
  store.add('dan', 'likes', 'dan', 0.2);
  return store;
}

const { graph } = people();
const rowsOf = async (text: string, parameters: Record<string, JsonValue> = {}) =>
  (await graph.query(text, { parameters })).rows;

type Example = [query: string, rows: unknown[][], parameters?: Record<string, JsonValue>];
const examples = (cases: readonly Example[]): void => {
  it.each(cases)('%s', async (query, rows, parameters) => {
    expect(await rowsOf(query, parameters)).toEqual(rows);
  });
};

describe('patterns', () => {
  examples([
    ['MATCH (a) RETURN a.id', [['ann'], ['bob'], ['cat'], ['dan'], ['eve']]],
    ['MATCH (a {kind: "person", age: 30}) RETURN a.id;', [['bob']]],
    ["MATCH (a {id: 'ann'})-->(b) RETURN b.id", [['bob'], ['bob']]],
    [
      'match (a)-[:likes]->(b) return a.id, b.id',
      [
        ['ann', 'bob'],
        ['cat', 'ann'],
        ['dan', 'dan'],
      ],
    ],
    [
      'MATCH (a)<-[:knows]-(b) RETURN a.id, b.id',
      [
        ['bob', 'ann'],
        ['cat', 'bob'],
      ],
    ],
    ["MATCH (a {id: 'cat'})--(b) RETURN b.id", [['ann'], ['bob']]],
    // A loop is one edge, in whichever direction it is looked at.
    ["MATCH ({id: 'dan'})--(b) RETURN b.id", [['dan']]],
    ["MATCH ({id: 'dan'})-[*1..3]-(b) RETURN b.id", [['dan']]],
    ['MATCH (a)-[:knows|likes]->(b {id: "bob"}) RETURN a.id', [['ann'], ['ann']]],
    ["MATCH (a {id: 'ann'})-[:knows*1..3]->(b) RETURN b.id", [['bob'], ['cat']]],
    ["MATCH (a {id: 'ann'})-[:knows*2]->(b) RETURN b.id", [['cat']]],
    ["MATCH (a {id: 'ann'})-[*0..1]->(b) RETURN b.id", [['ann'], ['bob'], ['bob']]],
    [
      "MATCH (a {id: 'ann'})-[r:knows*..2]->(b {id: 'cat'}) RETURN r",
      [
        [
          [
            { from: 'ann', to: 'bob', relation: 'knows', weight: 0.9 },
            { from: 'bob', to: 'cat', relation: 'knows', weight: 0.5 },
          ],
        ],
      ],
    ],
    // From the other end the list of edges has the order of the pattern still.
    ["MATCH (a)-[r*2]->(b {id: 'ann'}) RETURN size(r), a.id", [[2, 'bob']]],
    // No edge twice in one row: there is no way back over the same one.
    ["MATCH (a {id: 'bob'})-[:knows]-(b)-[:knows]-(c) RETURN b.id, c.id", []],
    ["MATCH (a {id: 'cat'})-[:knows]-(b)-[:knows]-(c) RETURN c.id", [['ann']]],
    [
      'MATCH (a)-[]->(b)-[]->(c)-[]->(a) RETURN a.id, b.id, c.id ORDER BY a.id',
      [
        ['ann', 'bob', 'cat'],
        ['ann', 'bob', 'cat'],
        ['bob', 'cat', 'ann'],
        ['bob', 'cat', 'ann'],
        ['cat', 'ann', 'bob'],
        ['cat', 'ann', 'bob'],
      ],
    ],
    ['MATCH (a {id: "ann"}), (b {id: "eve"}) RETURN a.id, b.id', [['ann', 'eve']]],
    ['MATCH (a)-[:knows]->(b), (b)-[:knows]->(c) RETURN a.id, c.id', [['ann', 'cat']]],
    ['MATCH (a)-[x:`no such`]->(b) RETURN a', []],
  ]);
});

describe('conditions', () => {
  examples([
    ['MATCH (a) WHERE a.age > 20 RETURN a.id', [['ann'], ['bob']]],
    ["MATCH (a) WHERE a.age = '40' RETURN a.id", [['dan']]],
    // Null is not different from anything, and neither is NOT null true.
    ["MATCH (a) WHERE a.kind <> 'pet' RETURN a.id", [['ann'], ['bob'], ['dan']]],
    ["MATCH (a) WHERE NOT a.kind = 'pet' RETURN a.id", [['ann'], ['bob'], ['dan']]],
    ["MATCH (a) WHERE a.kind = 'pet' OR a.none = 1 RETURN a.id", [['cat']]],
    ['MATCH (a) WHERE a.kind IS NULL RETURN a.id', [['eve']]],
    ['MATCH (a) WHERE a.kind IS NOT NULL AND NOT a.age >= 30 RETURN a.id', [['cat']]],
    [
      "MATCH (a) WHERE a.id IN ['eve', $other, 7] RETURN a.id",
      [['bob'], ['eve']],
      { other: 'bob' },
    ],
    ['MATCH (a) WHERE a.age IN [3, null] RETURN a.id', [['cat']]],
    ['MATCH (a) WHERE NOT a.age IN [3, null] RETURN a.id', []],
    [
      'MATCH (a) WHERE a.id IN $ids AND id(a) = "ann" RETURN a.id',
      [['ann']],
      { ids: ['ann', 'cat'] },
    ],
    ["MATCH (a) WHERE a.content STARTS WITH 'text of c' RETURN a.id", [['cat']]],
    ["MATCH (a) WHERE a.content ENDS WITH 'ob' RETURN a.id", [['bob']]],
    ["MATCH (a) WHERE a.content CONTAINS 'of d' RETURN a.id", [['dan']]],
    ["MATCH (a) WHERE a.home.city = 'Bern' RETURN a.metadata.age", [[40]]],
    ["MATCH (a) WHERE a.tags = ['x', 'y'] RETURN a.id", [['ann']]],
    [
      'MATCH (a)-[r]->(b) WHERE r.weight < 0.5 RETURN a.id, type(r)',
      [
        ['ann', 'likes'],
        ['dan', 'likes'],
      ],
    ],
    [
      "MATCH (a)-[r]->(b) WHERE type(r) = 'knows' XOR r.weight > 0.8 RETURN a.id, r.weight",
      [
        ['bob', 0.5],
        ['cat', 1],
      ],
    ],
    ['MATCH (a)-[r]->(b) WHERE a = b RETURN a.id', [['dan']]],
    ['MATCH (a)-[r]->(b) WHERE startNode(r) <> a RETURN a.id', []],
    ['MATCH (a)-[r]->(b) WHERE endNode(r) = b RETURN count(*)', [[5]]],
    ['MATCH (a) WHERE false RETURN a.id', []],
    ['MATCH (a) WHERE null RETURN count(*)', [[0]]],
    ['MATCH (a) WHERE a.id = "bob" AND a.age - 10 * 2 + -1 = 9 RETURN a.id', [['bob']]],
    ["MATCH (a) WHERE toUpper(a.id) + '!' = 'EVE!' RETURN a.id", [['eve']]],
  ]);
});

describe('answers', () => {
  const ann = {
    id: 'ann',
    content: 'text of ann',
    metadata: { kind: 'person', age: 40, tags: ['x', 'y'], home: { city: 'Bern' } },
    createdAtMs: 5,
  };
  examples([
    ["MATCH (a {id: 'ann'}) RETURN a", [[ann]]],
    // What a memory has itself goes before what its metadata calls so.
    [
      "MATCH (a) WHERE a.id = 'dan' RETURN a.id, a.content, a.metadata.id, a.createdAtMs",
      [['dan', 'text of dan', 'another', 5]],
    ],
    ['MATCH (a)-[r:knows]->(b) RETURN * LIMIT 0', []],
    ['MATCH (a) RETURN DISTINCT a.kind AS kind ORDER BY kind', [['person'], ['pet'], [null]]],
    ['MATCH (a) RETURN a.age AS age ORDER BY age DESC', [[null], [40], [30], [3], ['40']]],
    ['MATCH (a) RETURN a.id ORDER BY a.kind, a.age DESC LIMIT 2', [['ann'], ['bob']]],
    ['MATCH (a) RETURN a.id SKIP 3', [['dan'], ['eve']]],
    [
      'MATCH (a) RETURN a.id ORDER BY a.id DESC SKIP $skip LIMIT $limit',
      [['dan'], ['cat']],
      { skip: 1, limit: 2 },
    ],
    ['MATCH (a) RETURN count(*), count(a.age), count(DISTINCT a.kind)', [[5, 4, 2]]],
    [
      'MATCH (a) WHERE a.id <> "dan" RETURN min(a.age), max(a.age), sum(a.age), avg(a.age)',
      [[3, 40, 73, 73 / 3]],
    ],
    ['MATCH (a) RETURN min(a.age), max(a.age)', [['40', 40]]],
    [
      'MATCH (a {id: "none"}) RETURN count(a), sum(a.age), avg(a.age), min(a.age), collect(a.id)',
      [[0, 0, null, null, []]],
    ],
    ['MATCH (a {id: "none"}) RETURN a.kind, count(*)', []],
    [
      'MATCH (a) RETURN a.kind, count(*) AS n ORDER BY n DESC, a.kind',
      [
        ['person', 3],
        ['pet', 1],
        [null, 1],
      ],
    ],
    [
      'MATCH (a)-->(b) RETURN b.id, collect(a.id) ORDER BY b.id',
      [
        ['ann', ['cat']],
        ['bob', ['ann', 'ann']],
        ['cat', ['bob']],
        ['dan', ['dan']],
      ],
    ],
    ['MATCH (a) RETURN count(*) * 2 + 1 AS n', [[11]]],
    [
      'MATCH (a {id: "eve"}) RETURN size(a.id), size([1, null]), coalesce(a.none, a.id), toLower("Ä"), 1 = 1.0',
      [[3, 2, 'eve', 'ä', true]],
    ],
    [
      "MATCH (a {id: 'eve'}) RETURN 'it\\'s \\u00e4\\n' AS text, -2.5e3 AS number, null, true",
      [["it's ä\n", -2500, null, true]],
    ],
    ['MATCH (a {id: "eve"}) /* why */ RETURN a.id AS `odd name` // end', [['eve']]],
  ]);

  it('names its columns', async () => {
    const { columns } = await graph.query('MATCH (b)-[a]->(c) RETURN *');
    expect(columns).toEqual(['a', 'b', 'c']);
    const named = await graph.query('MATCH (a) RETURN a.id , count( * ) AS n');
    expect(named.columns).toEqual(['a.id', 'n']);
  });
});

describe('work', () => {
  const ids = Array.from({ length: 40 }, (_, at) => `m${at}`);
  const dense = new MapStore(
    ids,
    ids.flatMap((from) => ids.map((to) => [from, 'r', to] as const)),
  );

  it.each([
    ['MATCH (a)-[*1..64]-(b) RETURN count(*)', /more than 100000 steps/],
    ['MATCH (a), (b), (c), (d) RETURN count(*)', /more than 100000 steps/],
    ['MATCH (a)-->(b)-->(c)-->(d) WHERE a.x = 1 AND d.y = 2 OR false RETURN a', undefined],
    ['MATCH (a)-->(b) RETURN a.id, b.id', /more than 1000 rows/],
    ['MATCH (a)-->(b) RETURN collect(a.id)', /more than 1000 rows or values/],
    ['MATCH (a)-->(b) RETURN count(DISTINCT a.id + b.id)', /more than 1000 rows or values/],
    ['MATCH (a)-->(b) RETURN DISTINCT a.id, b.id ORDER BY b.id LIMIT 1', /more than 1000 rows/],
    [
      'MATCH (a)-->(b) WHERE b.content = "x" RETURN a',
      /content or metadata of more than 20 memories/,
    ],
  ])('of %s has an end', async (text, message) => {
    const bounds = { expansionsMax: 100_000, heldMax: 1_000, readsMax: 20 };
    const asked = dense.graph.query(text, { bounds });
    if (message === undefined) await expect(asked).rejects.toMatchObject({ code: 'limit' });
    else await expect(asked).rejects.toThrow(message);
  });

  it('stops at the limit of the answer', async () => {
    const bounds = { expansionsMax: 100, heldMax: 10 };
    const text = 'MATCH (a)-[*1..64]-(b) RETURN a.id LIMIT 10';
    expect((await dense.graph.query(text, { bounds })).rows).toHaveLength(10);
  });

  it('begins at known ids, from whichever end', async () => {
    const bounds = { expansionsMax: 100 };
    for (const text of [
      "MATCH (a)-->(b {id: 'm7'}) RETURN count(*)",
      "MATCH (a), (b)-->(a) WHERE 'm7' = a.id RETURN count(*)",
      "MATCH (a)-->(b) WHERE b.id IN ['none', 'm7'] AND b.id <> 'x' RETURN count(*)",
    ]) {
      expect((await dense.graph.query(text, { bounds })).rows, text).toEqual([[40]]);
    }
  });
});
