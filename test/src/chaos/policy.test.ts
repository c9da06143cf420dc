import { describe, expect, it } from 'vitest';

import { generateSchedule, type FaultAction } from '../../../sim/nemesis/index.js';
import { reliableNetwork } from '../../../sim/world/index.js';
import { limits } from '../../../src/chaos/limits.js';
import { nodeNames } from '../../../src/chaos/places.js';
import { Policy } from '../../../src/chaos/policy.js';
import { chaosKinds, treatments } from '../../../src/chaos/treatments.js';

const SEED = 5;
const noDelay = { kind: 'uniform', minimumMicroseconds: 0, maximumMicroseconds: 0 } as const;
const clean = { ...reliableNetwork, delay: noDelay };
const BYTES = 1_200;

function arrives(policy: Policy, from: string, to: string): boolean {
  let isDelivered = false;
  policy.arrive(from, to, () => (isDelivered = true));
  return isDelivered;
}

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
      'a ring of majorities',
      [{ kind: 'ring', order: ['n2', 'n1', 'n3'] }],
      ['n1 n2', 'n1 n3', 'n2 n1', 'n3 n1'],
    ],
    [
      'a star',
      [{ kind: 'star', center: 'n3', leaves: ['n1', 'n2'] }],
      ['n1 n3', 'n2 n3', 'n3 n1', 'n3 n2'],
    ],
    [
      'a node cut off, in a partition',
      [
        { kind: 'partition', groups: [['n1'], ['n2', 'n3']] },
        { kind: 'cut-off', node: 'n3' },
      ],
      [],
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
    expect(arrives(policy, 'clients', 'n1')).toBe(true);
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
    expect(arrives(policy, 'n1', 'n2')).toBe(false);
    expect(arrives(policy, 'n2', 'n1')).toBe(true);
  });

  it('cuts a node off from clients too, until it rejoins', () => {
    const policy = new Policy(SEED, three, clean);
    policy.apply({ kind: 'cut-off', node: 'n1' });
    expect(policy.arrivals('clients', 'n1', 0, BYTES)).toEqual([]);
    expect(policy.arrivals('clients', 'n2', 0, BYTES)).toEqual([0]);
    policy.apply({ kind: 'rejoin', node: 'n1' });
    expect(policy.arrivals('clients', 'n1', 0, BYTES)).toEqual([0]);
  });

  it('holds what arrives over a clogged direction, and lets it go in order', () => {
    const policy = new Policy(SEED, three, clean);
    policy.apply({ kind: 'clog', from: 'n1', to: 'n2' });
    const delivered: number[] = [];
    for (const number of [1, 2, 3]) policy.arrive('n1', 'n2', () => delivered.push(number));
    policy.arrive('n2', 'n1', () => delivered.push(4));
    expect(delivered).toEqual([4]);
    policy.apply({ kind: 'unclog', from: 'n1', to: 'n2' });
    expect(delivered).toEqual([4, 1, 2, 3]);
  });

  it('holds no more than its limit', () => {
    const policy = new Policy(SEED, three, clean);
    policy.apply({ kind: 'clog', from: 'n1', to: 'n2' });
    let delivered = 0;
    for (let at = 0; at < limits.relayHeldMax + 5; at++) {
      policy.arrivals('n1', 'n2', 0, BYTES);
      policy.arrive('n1', 'n2', () => (delivered += 1));
    }
    policy.apply({ kind: 'heal-all' });
    expect(delivered).toBe(limits.relayHeldMax);
    expect(policy.counts).toEqual({ passed: limits.relayHeldMax, lost: 5, blocked: 0 });
  });

  it('carries no more than its links', () => {
    const policy = new Policy(SEED, three, clean);
    policy.apply({ kind: 'bandwidth', bytesPerSecond: 1_000_000, queueBytesMax: 3_600 });
    const times = [1, 2, 3, 4].map(() => policy.arrivals('n1', 'n2', 0, BYTES));
    expect(times).toEqual([[1_200], [2_400], [3_600], []]);
    policy.apply({ kind: 'bandwidth-end' });
    expect(policy.arrivals('n2', 'n1', 0, BYTES)).toEqual([0]);
  });

  it('slows one direction down, as long as it is told', () => {
    const policy = new Policy(SEED, three, clean);
    const delay = { ...noDelay, minimumMicroseconds: 700, maximumMicroseconds: 700 };
    policy.apply({ kind: 'slow-link', from: 'n1', to: 'n2', delay });
    expect(policy.arrivals('n1', 'n2', 0, BYTES)).toEqual([700]);
    expect(policy.arrivals('n2', 'n1', 0, BYTES)).toEqual([0]);
    policy.apply({ kind: 'slow-link-end', from: 'n1', to: 'n2' });
    policy.apply({ kind: 'delay', delay });
    expect(policy.arrivals('n2', 'n1', 0, BYTES)).toEqual([700]);
    policy.apply({ kind: 'heal-all' });
    expect(policy.arrivals('n3', 'n1', 0, BYTES)).toEqual([0]);
  });

  it('does every action of the relay', () => {
    const nodes = nodeNames(5);
    const kinds = chaosKinds.filter((kind) => kind !== 'crash' && kind !== 'pause');
    const done = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const policy = new Policy(seed, nodes, clean);
      const options = { nodes, kinds, durationMicroseconds: 60_000_000 };
      for (const { action } of generateSchedule(seed, options).faults) {
        policy.apply(action);
        done.add(action.kind);
      }
      for (const to of nodes.slice(1)) {
        expect(policy.arrivals('n1', to, 90_000_000, BYTES)).toHaveLength(1);
      }
    }
    const wanted = Object.entries(treatments).filter(([, treatment]) => treatment?.by === 'relay');
    expect([...done].toSorted()).toEqual(wanted.map(([kind]) => kind).toSorted());
  });

  it('refuses what is done to processes', () => {
    const policy = new Policy(SEED, three, clean);
    expect(() => policy.apply({ kind: 'crash', node: 'n1' })).toThrow('does not crash');
  });
});
