/** The surroundings of several memories, and their bounds. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { MemoryEngine } from '../../../../src/memory/engine.js';
import { openV2Engine } from '../../../../src/memory/v2-engine.js';
import { applyAll, insert, scratch } from '../support.js';

const bounds = { hops: 1, neighboursMax: 16, addedMax: 100 };

describe('the surroundings of memories', () => {
  let engine: MemoryEngine;

  beforeEach(() => {
    engine = openV2Engine(scratch('graph.db'), { create: true });
    applyAll(engine, ...['a', 'b', 'c', 'd', 'e'].map((id) => insert(id, id)));
    const edges = [
      ['a', 'c', 0.5, 'r'],
      ['c', 'a', 0.75, 's'],
      ['d', 'a', 0.25, 'r'],
      ['c', 'e', 1, 'r'],
      ['b', 'b', 1, 'r'],
    ] as const;
    for (const [from, to, weight, relation] of edges) {
      applyAll(engine, { type: 'addEdge', from, to, weight, relation, timestampMs: 1 });
    }
  });

  afterEach(() => engine.close());

  it('begin with those that were asked for, and count edges either way', () => {
    const { ids, edges } = engine.graph.aroundNow(['b', 'a', 'gone'], undefined, bounds);
    expect(ids).toEqual(['b', 'a', 'gone', 'c', 'd']);
    expect(edges).toEqual([
      [0, 0, 1],
      [1, 3, 0.75],
      [1, 4, 0.25],
    ]);
  });

  it('reach farther with more hops, along the relations that are named', () => {
    const far = engine.graph.aroundNow(['a'], undefined, { ...bounds, hops: 2 });
    expect(far.ids).toEqual(['a', 'c', 'd', 'e']);
    expect(far.edges).toContainEqual([1, 3, 1]);
    expect(engine.graph.aroundNow(['a'], ['s'], { ...bounds, hops: 2 }).ids).toEqual(['a', 'c']);
  });

  it('hold the heaviest neighbours, and no more nodes than they may', () => {
    expect(engine.graph.aroundNow(['a'], undefined, { ...bounds, neighboursMax: 1 }).ids).toEqual([
      'a',
      'c',
    ]);
    const few = engine.graph.aroundNow(['c', 'a'], undefined, { ...bounds, addedMax: 1 });
    expect(few.ids).toEqual(['c', 'a', 'e']);
    // Edges between those that are there count all the same.
    expect(few.edges).toContainEqual([1, 0, 0.75]);
  });

  it('are refused when the store is closed', () => {
    engine.close();
    expect(() => engine.graph.aroundNow(['a'], undefined, bounds)).toThrow(/closed/);
    engine = openV2Engine(scratch('other.db'), { create: true });
  });
});
