/** Random queries on small random graphs: the planner finds what trying everything finds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readQuery } from '../../../../../src/memory/graph/cypher/read-query.js';
import { seed } from '../../support.js';
import { MapStore } from '../support.js';
import { keyOf, naiveRows, orderOf } from './naive.js';

const IDS = ['a', 'b', 'c', 'd'];
const graph = fc.record({
  kinds: fc.tuple(
    ...IDS.map(() =>
      fc.constantFrom(
        {},
        { kind: 'x' },
        { kind: 'y', size: 1 },
        { size: 2 },
        { kind: 3, size: null },
      ),
    ),
  ),
  edges: fc.array(
    fc.tuple(
      fc.constantFrom(...IDS),
      fc.constantFrom('R', 'S', 'a kind'),
      fc.constantFrom(...IDS),
      fc.constantFrom(0, 0.25, 0.5, 1),
    ),
    { maxLength: 7 },
  ),
  edgesFirst: fc.nat(7),
});

const literal = fc.constantFrom(
  "'x'",
  "'a'",
  "'b'",
  '1',
  '2',
  '0.5',
  '-1',
  'null',
  'true',
  '""',
  '[1]',
  "['x', null]",
);
/** Nodes that every generated pattern has, an edge that it may have, and their properties. */
function scalar(edges: readonly string[]): fc.Arbitrary<string> {
  const nodes = ['n.id', 'm.id', 'n.kind', 'm.kind', 'n.size', 'm.size', 'id(n)', 'n.content'];
  const ofEdges = edges.flatMap((edge) => [`${edge}.weight`, `type(${edge})`]);
  return fc.constantFrom(...nodes, ...ofEdges, 'm.metadata.kind', 'n.none');
}

function condition(edges: readonly string[], depth: number): fc.Arbitrary<string> {
  const one = fc.oneof(scalar(edges), literal);
  const simple = fc.oneof(
    fc
      .tuple(one, fc.constantFrom('=', '<>', '<', '<=', '>', '>='), one)
      .filter(([a, , b]) => !(a.startsWith('[') && b.startsWith('[')))
      .map((parts) => parts.join(' ')),
    fc
      .tuple(scalar(edges), fc.constantFrom("'a'", "'x'", '""', 'null'))
      .chain(([a, b]) =>
        fc.constantFrom('STARTS WITH', 'ends with', 'CONTAINS').map((test) => `${a} ${test} ${b}`),
      ),
    fc
      .tuple(one, fc.array(one, { maxLength: 3 }))
      .map(([value, list]) => `${value} IN [${list.join(', ')}]`),
    fc
      .tuple(scalar(edges), fc.constantFrom('IS NULL', 'is not null'))
      .map((parts) => parts.join(' ')),
    fc.constantFrom('n = m', 'n <> m', "n.id = 'a'", "m.id IN ['b', 'c', 'none']", 'null', 'true'),
  );
  if (depth === 0) return simple;
  const inner = condition(edges, depth - 1);
  return fc.oneof(
    simple,
    fc
      .tuple(inner, fc.constantFrom('AND', 'OR', 'XOR'), inner)
      .map(([a, sign, b]) => `(${a}) ${sign} (${b})`),
    fc.tuple(inner, inner, inner).map((parts) => `(${parts.join(') AND (')})`),
    inner.map((text) => `NOT (${text})`),
  );
}

const types = fc.constantFrom('', ':R', ':S|R', ':`a kind`', ':R|:`a kind`');
const hops = fc.constantFrom('', '', '', '*0..1', '*1..2', '*2', '*..3', '*0');
const arrows = fc.constantFrom(['-', '->'], ['<-', '-'], ['-', '-']);

const pattern = fc
  .tuple(
    fc.array(
      fc.record({ types, hops, arrows, properties: fc.constantFrom('', '', " {kind: 'x'}") }),
      {
        minLength: 2,
        maxLength: 3,
      },
    ),
    fc.constantFrom(
      ['n', 'm', ''],
      ['n', '', 'm'],
      ['n', 'm', 'n'],
      ['', 'm', 'n'],
      ['n', 'n', 'm'],
    ),
    fc.boolean(),
  )
  .map(([links, names, isSplit]) => {
    let text = '';
    const edges: string[] = [];
    for (const [at, { types: type, hops: length, arrows: ends, properties }] of links.entries()) {
      if (at > 0 && isSplit && at === 1) text += ', ';
      else if (at > 0) {
        const edge = `r${at}`;
        text += `${ends[0]}[${edge}${type}${length}]${ends[1]}`;
        if (length === '') edges.push(edge);
      }
      text += `(${names[at] ?? ''}${properties})`;
    }
    // Both are always there, so that every expression has a meaning.
    for (const name of ['n', 'm'])
      if (!(names.slice(0, links.length) as string[]).includes(name)) text += `, (${name})`;
    return { text, edges };
  });

const query = pattern.chain(({ text, edges }) =>
  fc.record({
    text: fc.constant(text),
    where: fc.option(condition(edges, 2), { nil: undefined, freq: 1 }),
    items: fc.oneof(
      fc.constantFrom(['n', 'm'], ['n.id', 'm.id'], [...edges, 'n'], ['*']),
      fc.uniqueArray(scalar(edges), { minLength: 1, maxLength: 3 }),
      fc
        .tuple(
          fc.uniqueArray(scalar(edges), { maxLength: 2 }),
          fc.uniqueArray(
            fc.constantFrom(
              'count(*)',
              'count(n.size)',
              'count(DISTINCT m.kind)',
              'min(m.kind)',
              'max(m.id)',
              'sum(n.size)',
              'avg(n.size)',
              'sum(DISTINCT m.size)',
              'collect(DISTINCT n.id)',
            ),
            { minLength: 1, maxLength: 3 },
          ),
        )
        .map(([keys, aggregates]) => [...keys, ...aggregates]),
    ),
    isDistinct: fc.boolean(),
    skip: fc.nat(3),
    limit: fc.nat(5),
  }),
);

/** Lists that collect made are sets here: their order is that of the rows, which is nobody's promise. */
function plain(value: unknown): unknown {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
    ? value.toSorted()
    : value;
}

const multiset = (rows: readonly unknown[][]): string[] =>
  rows.map((row) => keyOf(row.map(plain))).toSorted();

describe('a random query', () => {
  it('gives the rows that trying everything gives', async () => {
    let rowsSeen = 0;
    await fc.assert(
      fc.asyncProperty(graph, query, async ({ kinds, edges, edgesFirst }, asked) => {
        const store = new MapStore([], []);
        for (const [at, id] of IDS.entries()) {
          if (at === 2) await store.graph.size();
          store.insert(id, kinds[at] as {});
        }
        for (const [at, edge] of edges.entries()) {
          if (at === edgesFirst) {
            store.graph.clear();
            await store.graph.size();
          }
          store.add(...edge);
        }
        const where = asked.where === undefined ? '' : ` WHERE ${asked.where}`;
        const text = `MATCH ${asked.text}${where} RETURN ${asked.isDistinct ? 'DISTINCT ' : ''}${asked.items.join(', ')}`;
        const wanted = naiveRows(store, readQuery(text));
        rowsSeen += wanted.length;
        const { columns, rows } = await store.graph.query(text);
        expect(multiset(rows), text).toEqual(multiset(wanted));
        if (asked.items[0] !== '*') expect(columns).toEqual(asked.items);

        const isScalar = !asked.items.some((item) => /^(\*|n|m|r\d)$|collect/.test(item));
        if (!isScalar) return;
        // By all columns, so that rows that tie are alike.
        const sorted = `${text} ORDER BY ${asked.items.join(' DESC, ')} DESC`;
        const inOrder = wanted.toSorted((a, b) => {
          for (const [at, item] of a.entries()) {
            const sense = orderOf(item, b[at] ?? null);
            if (sense !== 0) return -sense;
          }
          return 0;
        });
        const { skip, limit } = asked;
        const page = await store.graph.query(`${sorted} SKIP ${skip} LIMIT ${limit}`);
        expect(page.rows, sorted).toEqual(inOrder.slice(skip, skip + limit));
        const some = await store.graph.query(`${text} LIMIT $limit`, { parameters: { limit } });
        expect(some.rows).toHaveLength(Math.min(limit, wanted.length));
        const left = multiset(wanted);
        for (const row of multiset(some.rows)) expect(left).toContain(row);
      }),
      { seed: seed(), numRuns: 1_500 },
    );
    console.log(`${rowsSeen} rows compared`);
    expect(rowsSeen).toBeGreaterThan(1_000);
  });
});
