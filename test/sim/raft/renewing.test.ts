/** Nodes that lose their disk, and nodes of two releases, in the scenario `raft`. */
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../sim/explore/plan.js';
import type { FaultAction } from '../../../sim/nemesis/index.js';
import { raftRegisters } from '../../../sim/raft/index.js';
import { seedOfTest } from './seed.js';

const SECOND = 1_000_000;
const CHANGES = [
  { type: 'addVoter', node: 4 },
  { type: 'remove', node: 2 },
];

function kindsOf(plan: Plan): FaultAction['kind'][] {
  return plan.schedule.faults.map(({ action }) => action.kind);
}

/** Three voters and a spare node; of these faults one happens in each second. */
function planOf(...actions: readonly FaultAction[]): Plan {
  const faults = actions.map((action, at) => ({ atMicroseconds: (at + 2) * SECOND, action }));
  const durationMicroseconds = 15 * SECOND;
  const write = (at: number) => ({
    atMicroseconds: at * 500_000,
    client: 1,
    operation: { do: 'write', operation: { kind: 'write', key: 'a', value: at } },
  });
  return {
    scenario: 'raft',
    seed: 1,
    settings: { voters: 3, spares: 1 },
    schedule: {
      seed: 1,
      nodes: [1, 2, 3, 4].map((id) => `node-${id}`),
      durationMicroseconds,
      faults: [...faults, { atMicroseconds: durationMicroseconds, action: { kind: 'heal-all' } }],
    },
    operations: Array.from({ length: 30 }, (_, at) => write(at)),
  };
}

describe('a wiped node', () => {
  it('does not come back under its name, and the others go on', () => {
    const plan = planOf({ kind: 'wipe', node: 'node-2' }, { kind: 'restart', node: 'node-2' });
    const { failure, probes, counts } = raftRegisters.run(plan);
    expect(failure).toBeUndefined();
    expect([...probes]).toEqual(expect.arrayContaining(['disk-empty', 'disk-refused']));
    expect(counts['acknowledged']).toBe(30);
  });

  it('is replaced by a spare node, a new member', () => {
    const plan = planOf({ kind: 'wipe', node: 'node-2' }, { kind: 'restart', node: 'node-2' });
    const operation = { do: 'change', transition: 'auto', changes: CHANGES };
    const replace = { atMicroseconds: 4 * SECOND, client: 2, operation };
    const { failure, probes } = raftRegisters.run({
      ...plan,
      operations: [...plan.operations, replace],
    });
    expect(failure).toBeUndefined();
    expect(probes.has('refused-member-replaced')).toBe(true);
  });

  it('counts as damaged to the end: of three nodes no second one is wiped', () => {
    const wipes = [2, 1, 3].map((id) => ({ kind: 'wipe', node: `node-${id}` }) as const);
    const { failure, counts } = raftRegisters.run(planOf(...wipes));
    expect(failure).toBeUndefined();
    expect(counts['refused']).toBe(1);
    expect(counts['acknowledged']).toBe(30);
  });
});

describe('another release', () => {
  it('takes over the disk of the one before, and works beside it, forward and back', () => {
    const upgrade = (id: number, release: string): FaultAction => {
      return { kind: 'upgrade', node: `node-${id}`, release };
    };
    const { failure, probes, counts } = raftRegisters.run(
      planOf(
        upgrade(1, 'second'),
        upgrade(2, 'second'),
        upgrade(3, 'second'),
        upgrade(1, 'first'),
        upgrade(2, 'unheard of'),
      ),
    );
    expect(failure).toBeUndefined();
    expect(probes.has('releases-mixed')).toBe(true);
    // There is no such release: nothing happens.
    expect(counts['restarts']).toBe(4);
    expect(counts['acknowledged']).toBe(30);
  });
});

describe('drawn plans', () => {
  it('wipe and upgrade now and then, and reach what that is about', () => {
    const first = seedOfTest();
    const wanted = ['disk-empty', 'refused-member-replaced', 'releases-mixed'];
    const reached = new Set<string>();
    let seed = first;
    for (; seed < first + 2_000 && !wanted.every((probe) => reached.has(probe)); seed += 1) {
      const plan = raftRegisters.draw(seed);
      const kinds = kindsOf(plan);
      if (!kinds.includes('wipe') && !kinds.includes('upgrade')) continue;
      expect(kinds.at(-1)).toBe('heal-all');
      const { failure, probes } = raftRegisters.run(plan);
      expect(failure, `SEED=${seed}: ${failure?.message}`).toBeUndefined();
      for (const probe of probes) reached.add(probe);
    }
    expect([...reached], `seeds ${first} to ${seed}`).toEqual(expect.arrayContaining(wanted));
  });
});
