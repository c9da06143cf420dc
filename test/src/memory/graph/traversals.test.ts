/** Traversals against definitions that try everything, on graphs that arrive in any order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Edge } from '../../../../src/memory/engine.js';
import type { Direction } from '../../../../src/memory/graph/index.js';
import { seed } from '../support.js';
import { type EdgeRow, MapStore } from './support.js';

const IDS = ['a', 'b', 'c', 'd', 'e', 'ü', '\u{1f600}', '\uffff'];
const graphArbitrary = fc.record({
  edges: fc.array(
    fc.tuple(
      fc.constantFrom(...IDS),
      fc.constantFrom('near', 'far', 'a kind'),
      fc.constantFrom(...IDS),
      fc.constantFrom(0, 0.1, 0.25, 0.5, 0.5, 0.9, 1, 1),
    ),
    { maxLength: 20 },
  ),
  // How many nodes and edges are there when the arrays are built; the rest comes later.
  nodesFirst: fc.nat(IDS.length),
  edgesFirst: fc.nat(20),
  direction: fc.constantFrom<Direction>('out', 'in', 'both'),
  relations: fc.constantFrom(undefined, [], ['near'], ['far', 'a kind'], ['none']),
  from: fc.constantFrom(...IDS),
  to: fc.constantFrom(...IDS),
});

type Case = typeof graphArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** A store whose graph has seen some of it when it was built, and heard of the rest. */
async function storeOf({ edges, nodesFirst, edgesFirst }: Case): Promise<MapStore> {
  const known = new Set(IDS.slice(0, nodesFirst));
  const isKnown = ([from, , to]: EdgeRow): boolean => known.has(from) && known.has(to);
  const [first, later] = [edges.slice(0, edgesFirst), edges.slice(edgesFirst)];
  const store = new MapStore([...known], first.filter(isKnown));
  await store.graph.size();
  for (const id of IDS.slice(nodesFirst)) store.insert(id);
  for (const row of [...first.filter((row) => !isKnown(row)), ...later]) store.add(...row);
  return store;
}

interface Hop {
  readonly other: string;
  readonly edge: Edge;
}

/** The edges of a node, as the options select them. */
function hopsOf(store: MapStore, id: string, { direction, relations }: Case): Hop[] {
  const hops: Hop[] = [];
  for (const edge of store.edges.values()) {
    if (
      relations !== undefined &&
      relations.length > 0 &&
      !(relations as readonly string[]).includes(edge.relation)
    ) {
      continue;
    }
    if (direction !== 'in' && edge.from === id) hops.push({ other: edge.to, edge });
    if (direction !== 'out' && edge.to === id) hops.push({ other: edge.from, edge });
  }
  return hops;
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** All walks of at most so many hops that pass no memory twice. */
function pathsFrom(store: MapStore, from: string, most: number, which: Case): Hop[][] {
  const paths: Hop[][] = [];
  const go = (id: string, path: Hop[], passed: readonly string[]): void => {
    paths.push(path);
    if (path.length === most) return;
    for (const hop of hopsOf(store, id, which)) {
      if (!passed.includes(hop.other)) go(hop.other, [...path, hop], [...passed, hop.other]);
    }
  };
  go(from, [], [from]);
  return paths;
}

const run = (check: (store: MapStore, which: Case) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(graphArbitrary, async (which) => check(await storeOf(which), which)),
    { seed: seed(), numRuns: 300 },
  );

describe('on any graph', () => {
  it('neighbours are the edges, by id, relation and direction', async () => {
    await run(async (store, which) => {
      const { direction, relations, from } = which;
      const wanted = (['out', 'in'] as const)
        .filter((each) => direction === 'both' || direction === each)
        .flatMap((each) =>
          hopsOf(store, from, { ...which, direction: each }).map(({ other, edge }) => {
            return { id: other, relation: edge.relation, weight: edge.weight, direction: each };
          }),
        )
        .toSorted((a, b) => compareTexts(a.id, b.id) || compareTexts(a.relation, b.relation));
      const found = await store.graph.neighbours(from, { direction, relations });
      expect(found).toEqual({ neighbours: wanted, isCut: false });
      const cut = await store.graph.neighbours(from, { direction, relations, limit: 2 });
      expect(cut).toEqual({ neighbours: wanted.slice(0, 2), isCut: wanted.length > 2 });
    });
  });

  it('k hops give each memory with its least number of hops', async () => {
    await run(async (store, which) => {
      const { direction, relations, from } = which;
      const least = new Map<string, number>();
      for (const path of pathsFrom(store, from, 3, which)) {
        const id = path.at(-1)?.other ?? from;
        least.set(id, Math.min(path.length, least.get(id) ?? Infinity));
      }
      least.delete(from);
      const wanted = [...least]
        .map(([id, hops]) => ({ id, hops }))
        .toSorted((a, b) => a.hops - b.hops || compareTexts(a.id, b.id));
      const found = await store.graph.kHops(from, { direction, relations, hops: 3 });
      expect(found).toEqual({ nodes: wanted, isCut: false });
      const cut = await store.graph.kHops(from, { direction, relations, hops: 3, limit: 3 });
      expect(cut).toEqual({ nodes: wanted.slice(0, 3), isCut: wanted.length > 3 });
    });
  });

  it('the shortest path is the first by ids and relations of those with the fewest edges', async () => {
    await run(async (store, which) => {
      const { direction, relations, from, to } = which;
      const paths = pathsFrom(store, from, IDS.length, which)
        .filter((path) => (path.at(-1)?.other ?? from) === to)
        .toSorted((a, b) => {
          if (a.length !== b.length) return a.length - b.length;
          const byIds = a.map(({ other }, at) => compareTexts(other, b[at]?.other ?? ''));
          const byRelation = a.map(({ edge }, at) =>
            compareTexts(edge.relation, b[at]?.edge.relation ?? ''),
          );
          return [...byIds, ...byRelation].find((sense) => sense !== 0) ?? 0;
        });
      const found = await store.graph.path(from, to, { direction, relations });
      const [best] = paths;
      if (best === undefined) {
        expect(found).toBeNull();
        return;
      }
      expect(found?.ids).toEqual([from, ...best.map(({ other }) => other)]);
      if (direction !== 'both') expect(found?.edges).toEqual(best.map(({ edge }) => edge));
      if (best.length > 1) {
        const options = { direction, relations, hops: best.length - 1 };
        expect(await store.graph.path(from, to, options)).toBeNull();
      }
    });
  });

  it('the weighted path has the least cost', async () => {
    await run(async (store, which) => {
      const { direction, relations, from, to } = which;
      const costs = pathsFrom(store, from, IDS.length, which)
        .filter((path) => (path.at(-1)?.other ?? from) === to)
        .map((path) => path.reduce((sum, { edge }) => sum - Math.log(edge.weight), 0))
        .filter(Number.isFinite);
      const found = await store.graph.path(from, to, { direction, relations, weighted: true });
      if (costs.length === 0) expect(found).toBeNull();
      else expect(found?.cost).toBeCloseTo(Math.min(...costs), 9);
      for (const [at, edge] of found?.edges.entries() ?? []) {
        const ends = [found?.ids[at], found?.ids[at + 1]];
        const step = direction === 'in' ? ends.toReversed() : ends;
        const either = direction === 'both' ? [ends, ends.toReversed()] : [step];
        expect(either).toContainEqual([edge.from, edge.to]);
      }
    });
  });

  it('the weighted traversal gives the best product of weights and decay', async () => {
    await run(async (store, which) => {
      const { direction, relations, from } = which;
      const scores = new Map<string, number>();
      for (const path of pathsFrom(store, from, IDS.length, which)) {
        const score = path.reduce((product, { edge }) => product * edge.weight * 0.7, 1);
        const id = path.at(-1)?.other ?? from;
        if (id !== from && score >= 0.1) scores.set(id, Math.max(score, scores.get(id) ?? 0));
      }
      const options = { direction, relations, decay: 0.7, scoreMin: 0.1 };
      const { nodes, isCut } = await store.graph.traverse(from, options);
      expect(isCut).toBe(false);
      expect(new Map(nodes.map(({ id, score }) => [id, score]))).toEqual(scores);
      const inOrder = nodes.toSorted(
        (a, b) => b.score - a.score || a.hops - b.hops || compareTexts(a.id, b.id),
      );
      expect(nodes).toEqual(inOrder);
      const cut = await store.graph.traverse(from, { ...options, limit: 2 });
      expect(cut).toEqual({ nodes: nodes.slice(0, 2), isCut: nodes.length > 2 });
    });
  });

  it('answers do not depend on the order of arrival', async () => {
    await run(async (store, which) => {
      const { direction, relations, from, to } = which;
      const anew = new MapStore([...store.memories.keys()]);
      for (const [key, edge] of [...store.edges].toReversed()) anew.edges.set(key, edge);
      const options = { direction, relations };
      const answers = ({ graph }: MapStore): Promise<unknown> =>
        Promise.all([
          graph.neighbours(from, options),
          graph.path(from, to, options),
          graph.path(from, to, { ...options, weighted: true }),
          graph.traverse(from, { ...options, decay: 1 }),
          graph.query('MATCH (a)-[r*1..2]-(b) RETURN a.id, r, b.id'),
        ]);
      expect(await answers(anew)).toEqual(await answers(store));
    });
  });
});

describe('arguments', () => {
  const { graph } = new MapStore(['a', 'b'], [['a', 'r', 'b']]);
  it.each([
    [() => graph.neighbours('z'), 'unknown-memory', /no memory with the id z/],
    [() => graph.path('a', 'z'), 'unknown-memory', /no memory with the id z/],
    [() => graph.neighbours('a', { limit: 0 }), 'invalid', /limit .* 1 to 10000, not 0/],
    [() => graph.neighbours('a', { limit: 1.5 }), 'invalid', /limit/],
    [() => graph.kHops('a', { hops: 65 }), 'invalid', /hops .* 1 to 64, not 65/],
    [() => graph.kHops('a', { hops: Number.NaN }), 'invalid', /hops/],
    [() => graph.path('a', 'b', { direction: 'up' as 'in' }), 'invalid', /out, in or both, not up/],
    [() => graph.path('a', 'b', { relations: 'r' as never }), 'invalid', /relations/],
    [() => graph.path('a', 'b', { relations: [7 as never] }), 'invalid', /relation must be a text/],
    [() => graph.traverse('a', { decay: 0 }), 'invalid', /decay .* not 0/],
    [() => graph.traverse('a', { scoreMin: 2 }), 'invalid', /scoreMin .* not 2/],
  ] as [() => Promise<unknown>, string, RegExp][])('%s', async (ask, code, message) => {
    await expect(ask()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});
