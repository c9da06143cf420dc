import { describe, expect, it } from 'vitest';

import { verify } from '../../../examples/rolling-migration/verify.js';
import { BASELINE, COUNTS, edge, goodNode, goodOperations, insert } from './facts.js';

function loseLink(node: ReturnType<typeof goodNode>): void {
  node.edges.set('v1-a', (node.edges.get('v1-a') ?? []).slice(0, 1));
}

describe('verification', () => {
  it('finds everything when it is there', () => {
    const nodes = [goodNode(1), goodNode(2)];
    expect(verify(BASELINE, goodOperations(), nodes)).toEqual({
      acknowledgedWrites: 5,
      lostWrites: 0,
      losses: [],
      memoriesV2: 3,
      linksV2: 2,
      quarantined: 0,
      quarantinedMemories: 0,
      quarantinedLinks: 0,
      differences: [],
    });
  });

  const losses: readonly [string, (node: ReturnType<typeof goodNode>) => void, number][] = [
    ['a memory that is gone', (node) => node.contents.set('y', null), 1],
    ['a memory that was never asked for', (node) => node.contents.delete('y'), 1],
    ['the last of three overwrites', (node) => node.contents.set('x', 'two'), 1],
    ['the last two of three overwrites', (node) => node.contents.set('x', 'one'), 2],
    ['all three overwrites', (node) => node.contents.set('x', null), 3],
    ['a content that nobody wrote', (node) => node.contents.set('x', 'four'), 3],
    ['an edge', (node) => node.edges.delete('y'), 1],
    [
      'the weight of an edge',
      (node) => node.edges.set('y', [{ from: 'y', to: 'v1-a', relation: 'follows', weight: 0.5 }]),
      1,
    ],
  ];
  for (const [name, spoil, lost] of losses) {
    it(`counts as lost: ${name}, on one node of three`, () => {
      const spoiled = goodNode(2);
      spoil(spoiled);
      const verdict = verify(BASELINE, goodOperations(), [goodNode(1), spoiled, goodNode(3)]);
      expect(verdict.lostWrites).toBe(lost);
      expect(verdict.losses.length).toBe(lost);
      expect(verdict.losses[0]).toContain('node 2');
    });
  }

  it('counts a write that two nodes lost once', () => {
    const [a, b] = [goodNode(1), goodNode(2)];
    a.contents.set('y', null);
    b.contents.set('y', null);
    expect(verify(BASELINE, goodOperations(), [a, b]).lostWrites).toBe(1);
  });

  it('judges overlapping writes by their log index, not by when they returned', () => {
    const operations = [insert('x', 'late', 20), ...goodOperations()];
    expect(verify(BASELINE, operations, [goodNode(1)]).lostWrites).toBe(1);
    const node = goodNode(1);
    node.contents.set('x', 'late');
    expect(verify(BASELINE, operations, [node]).lostWrites).toBe(0);
  });

  it('allows a write of unknown fate to be there, or not', () => {
    const operations = [...goodOperations(), insert('x', 'maybe', null), insert('z', 'new', null)];
    expect(verify(BASELINE, operations, [goodNode(1)])).toMatchObject({
      lostWrites: 0,
      differences: [],
    });
    const node = goodNode(1);
    node.contents.set('x', 'maybe').set('z', 'new');
    node.counts = { ...node.counts, memories: 6 };
    expect(verify(BASELINE, operations, [node])).toMatchObject({ lostWrites: 0, differences: [] });
  });

  it('does not take two writes of one edge for two edges', () => {
    const operations = [...goodOperations(), edge('y', 'v1-a', 0.875, 16)];
    const node = goodNode(1);
    node.edges.set('y', [{ from: 'y', to: 'v1-a', relation: 'follows', weight: 0.875 }]);
    expect(verify(BASELINE, operations, [node])).toMatchObject({ lostWrites: 0, differences: [] });
    expect(verify(BASELINE, operations, [goodNode(1)]).lostWrites).toBe(1);
  });

  const differences: readonly [string, (node: ReturnType<typeof goodNode>) => void, RegExp][] = [
    ['a memory of v1 is gone', (node) => node.contents.set('v1-b', null), /3 memories, .*holds 2/],
    ['its content changed', (node) => node.contents.set('v1-b', 'bet'), /3 memories, .*holds 2/],
    ['a link of v1 is gone', (node) => loseLink(node), /2 links, .*holds 1/],
    [
      'a memory is counted twice',
      (node) => {
        node.counts = { ...node.counts, memories: 6 };
      },
      /counts 6 memories/,
    ],
    [
      'a link is missing from the count',
      (node) => {
        node.counts = { ...node.counts, links: 2 };
      },
      /counts 2 links/,
    ],
    [
      'a trajectory is missing',
      (node) => {
        node.counts = { ...node.counts, trajectories: 3 };
      },
      /counts 3 trajectories/,
    ],
    [
      'an entry is missing',
      (node) => {
        node.counts = { ...node.counts, entries: 4 };
      },
      /counts 4 entries/,
    ],
    [
      'another row is missing',
      (node) => {
        node.counts = { ...node.counts, otherRows: 5 };
      },
      /rows of the other tables/,
    ],
    [
      'only one node has something in quarantine',
      (node) => {
        node.counts = { ...node.counts, links: 2, quarantined: 1, quarantinedLinks: 1 };
      },
      /another node another number/,
    ],
  ];
  for (const [name, spoil, sentence] of differences) {
    it(`says so when ${name}`, () => {
      const spoiled = goodNode(2);
      spoil(spoiled);
      const verdict = verify(BASELINE, goodOperations(), [goodNode(1), spoiled]);
      expect(verdict.differences.join('\n')).toMatch(sentence);
    });
  }

  it('accepts what v2 refused when it lies in quarantine on every node', () => {
    const nodes = [goodNode(1), goodNode(2)];
    for (const node of nodes) {
      loseLink(node);
      node.counts = { ...COUNTS, memories: 5, links: 2, quarantined: 1, quarantinedLinks: 1 };
    }
    expect(verify(BASELINE, goodOperations(), nodes)).toMatchObject({
      linksV2: 1,
      quarantinedLinks: 1,
      differences: [],
    });
  });
});
