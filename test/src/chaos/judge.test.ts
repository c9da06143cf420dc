import { describe, expect, it } from 'vitest';

import { judge, type Check, type Facts, type NodeContents } from '../../../src/chaos/judge.js';
import { limits } from '../../../src/chaos/limits.js';
import { inTurn, operation } from './operation.js';

const contents: readonly (readonly [string, string | null])[] = [
  ['shared-0', 'v1'],
  ['own-0-2', 'v2'],
  ['own-0-3', null],
];

function node(
  name: string,
  changes: readonly (readonly [string, string | null])[] = [],
): NodeContents {
  const held = new Map([...contents, ...changes]);
  const memories = [...held.values()].filter((content) => content !== null).length;
  return { name, memories, contents: held };
}

/** A run in which everything held. */
const good: Facts = {
  operations: inTurn([
    operation({ kind: 'insert', id: 'shared-0', content: 'v1' }),
    operation({ kind: 'insert', id: 'own-0-2', content: 'v2' }),
    operation({ kind: 'insert', id: 'own-0-3', content: 'v3', outcome: 'unknown' }),
    operation({ kind: 'get', id: 'shared-0', content: 'v1' }),
  ]),
  nodes: [node('n1'), node('n2'), node('n3')],
  nodeCount: 3,
  readProblems: [],
  recoveryMs: 1_500,
  recoveryFailure: '',
  deaths: [],
  faults: 2,
  loadSeconds: 3,
};

function failed(facts: Partial<Facts>): Check[] {
  return judge({ ...good, ...facts }).filter(({ passed }) => !passed);
}

const stale = inTurn([
  operation({ kind: 'insert', id: 'shared-0', content: 'v0' }),
  operation({ kind: 'insert', id: 'shared-0', content: 'v1' }),
  operation({ kind: 'get', id: 'shared-0', content: 'v0' }),
]);

/** What is doctored, the checks that must fail, and what the first of them must say. */
const doctored: readonly [string, Partial<Facts>, Check['name'][], string][] = [
  [
    'a stale read',
    { operations: [...good.operations, ...stale.map((each) => shifted(each, 100))] },
    ['linearizability'],
    'get = "v0"',
  ],
  [
    'an acknowledged write that no node has',
    {
      nodes: ['n1', 'n2', 'n3'].map((name) => node(name, [['own-0-2', null]])),
    },
    ['durability'],
    'n1 has nothing as own-0-2; v2 was acknowledged',
  ],
  [
    'an acknowledged write that one node lacks',
    { nodes: [node('n1'), node('n2', [['own-0-2', null]]), node('n3')] },
    ['durability', 'agreement'],
    'n2 has nothing',
  ],
  [
    'a node that holds something else',
    { nodes: [node('n1'), node('n2', [['own-0-3', 'v3']]), node('n3')] },
    ['agreement'],
    'own-0-3 is nothing on n1 and v3 on n2',
  ],
  [
    'a memory that nobody wrote',
    { nodes: ['n1', 'n2', 'n3'].map((name) => node(name, [['own-0-3', 'v9']])) },
    ['agreement'],
    'n1 has v9 as own-0-3, which nobody wrote',
  ],
  [
    'a memory that no insert named',
    { nodes: [{ ...node('n1'), memories: 3 }, node('n2'), node('n3')] },
    ['agreement'],
    'n1 counts 3 memories, and 2 ids were written',
  ],
  [
    'a node that cannot be read',
    { nodes: [node('n1'), node('n2')], readProblems: ['n3 could not be read: late'] },
    ['agreement'],
    'n3 could not be read',
  ],
  [
    'a swarm that does not recover',
    { recoveryMs: null, recoveryFailure: 'n2 did not serve: late' },
    ['liveness'],
    'n2 did not serve: late',
  ],
  ['a process that ended', { deaths: ['n1 ended with code 1'] }, ['processes'], 'with code 1'],
  ['a run without faults', { faults: 0 }, ['activity'], 'no fault had an effect'],
  ['a run without answers', { loadSeconds: 1_000 }, ['activity'], `4 operations`.replace('4', '3')],
];

function shifted(each: Facts['operations'][number], by: number): Facts['operations'][number] {
  const { callMicroseconds, returnMicroseconds } = each;
  return {
    ...each,
    callMicroseconds: callMicroseconds + by,
    returnMicroseconds: returnMicroseconds + by,
  };
}

describe('the verdict', () => {
  it('passes a run in which everything held', () => {
    expect(failed({})).toEqual([]);
  });

  it.each(doctored)('fails %s', (_name, facts, names, sentence) => {
    const checks = failed(facts);
    expect(checks.map(({ name }) => name)).toEqual(names);
    expect(checks[0]?.detail).toContain(sentence);
  });

  it('names only some of many examples', () => {
    const deaths = Array.from({ length: limits.examplesMax + 3 }, (_each, at) => `death ${at}`);
    const [check] = failed({ deaths });
    expect(check?.detail.split('\n')).toEqual([
      ...deaths.slice(0, limits.examplesMax),
      'and 3 more',
    ]);
  });
});
