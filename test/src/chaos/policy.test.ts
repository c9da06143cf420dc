import { describe, expect, it } from 'vitest';

import type { FaultAction } from '../../../sim/nemesis/index.js';
import { reliableNetwork } from '../../../sim/world/index.js';
import { nodeNames } from '../../../src/chaos/places.js';
import { Policy } from '../../../src/chaos/policy.js';

const SEED = 5;
const noDelay = { kind: 'uniform', minimumMicroseconds: 0, maximumMicroseconds: 0 } as const;
const clean = { ...reliableNetwork, delay: noDelay };
const BYTES = 1_200;

/** `n1 n2` for each direction that passes after the actions. */
function open(nodes: readonly string[], actions: readonly FaultAction[]): string[] {
  const policy = new Policy(SEED, nodes, clean);
  for (const action of actions) policy.apply(action);
  return nodes.flatMap((from) =>
    nodes
      .filter((to) => to !== from && policy.arrivals(from, to, 0, BYTES).length > 0)
      .map((to) => `${from} ${to}`),
  );
}

describe('the policy of the relay', () => {
  const three = nodeNames(3);

  it.each<[string, FaultAction[], string[]]>([
    ['nothing', [], ['n1 n2', 'n1 n3', 'n2 n1', 'n2 n3', 'n3 n1', 'n3 n2']],
    ['a partition', [{ kind: 'partition', groups: [['n1'], ['n2', 'n3']] }], ['n2 n3', 'n3 n2']],
    ['an isolated node', [{ kind: 'isolate', node: 'n2' }], ['n1 n3', 'n3 n1']],
    [
      'one way',
      [{ kind: 'one-way', from: ['n1'], to: ['n2', 'n3'] }],
      ['n2 n1', 'n2 n3', 'n3 n1', 'n3 n2'],
    ],
    [
      'a bridge',
      [{ kind: 'bridge', left: ['n1'], middle: 'n2', right: ['n3'] }],
      ['n1 n2', 'n2 n1', 'n2 n3', 'n3 n2'],
    ],
    [
      'a shape after another',
      [
        { kind: 'isolate', node: 'n1' },
        { kind: 'isolate', node: 'n3' },
      ],
      ['n1 n2', 'n2 n1'],
    ],
    [
      'a healed network',
      [{ kind: 'isolate', node: 'n1' }, { kind: 'heal' }],
      ['n1 n2', 'n1 n3', 'n2 n1', 'n2 n3', 'n3 n1', 'n3 n2'],
    ],
  ])('%s', (_name, actions, expected) => {
    expect(open(three, actions)).toEqual(expected);
  });

  it('loses the share that it was told, until that ends', () => {
    const policy = new Policy(SEED, three, clean);
    policy.apply({ kind: 'loss', probability: 0.3 });
    const count = 10_000;
    for (let sent = 0; sent < count; sent++) policy.arrivals('n1', 'n2', sent, BYTES);
    expect(policy.counts.lost / count).toBeCloseTo(0.3, 1);
    const { lost } = policy.counts;
    policy.apply({ kind: 'loss-end' });
    for (let sent = 0; sent < count; sent++) policy.arrivals('n1', 'n2', sent, BYTES);
    expect(policy.counts).toEqual({ passed: 2 * count - lost, lost, blocked: 0 });
  });

  it('leaves the traffic of clients alone', () => {
    const policy = new Policy(SEED, three, { ...clean, lossProbability: 1 });
    policy.apply({ kind: 'isolate', node: 'n1' });
    expect(policy.arrivals('clients', 'n1', 7, BYTES)).toEqual([7]);
    expect(policy.arrivals('n1', 'clients', 7, BYTES)).toEqual([7]);
    expect(policy.arrives('clients', 'n1')).toBe(true);
    expect(policy.arrivals('n1', 'n2', 7, BYTES)).toEqual([]);
  });

  it('delays, doubles and reorders as its links do', () => {
    const delay = {
      kind: 'uniform',
      minimumMicroseconds: 500,
      maximumMicroseconds: 1_500,
    } as const;
    const options = { ...clean, delay, duplicationProbability: 0.5, reorderingProbability: 0.5 };
    const policy = new Policy(SEED, three, options);
    const all = Array.from({ length: 1_000 }, (_each, at) =>
      policy.arrivals('n1', 'n2', at, BYTES),
    );
    const firsts = all.map(([first]) => first!);
    expect(firsts.every((at, sent) => at >= sent + 500 && at <= sent + 1_500)).toBe(true);
    expect(firsts).not.toEqual(firsts.toSorted((a, b) => a - b));
    expect(all.filter((copies) => copies.length === 2).length / 1_000).toBeCloseTo(0.5, 1);
  });

  it('drops what is under way when its direction is blocked', () => {
    const policy = new Policy(SEED, three, clean);
    expect(policy.arrivals('n1', 'n2', 0, BYTES)).toHaveLength(1);
    policy.apply({ kind: 'one-way', from: ['n1'], to: ['n2'] });
    expect(policy.arrives('n1', 'n2')).toBe(false);
    expect(policy.arrives('n2', 'n1')).toBe(true);
  });

  it('refuses what is done to processes', () => {
    const policy = new Policy(SEED, three, clean);
    expect(() => policy.apply({ kind: 'crash', node: 'n1' })).toThrow('does not crash');
  });
});
