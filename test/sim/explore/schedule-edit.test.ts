import { describe, expect, it } from 'vitest';

import {
  dropIdleEnding,
  pairFaults,
  restrictSchedule,
  undoes,
} from '../../../sim/explore/schedule-edit.js';
import { faultKinds, generateSchedule } from '../../../sim/nemesis/index.js';
import type { FaultAction } from '../../../sim/nemesis/index.js';
import { crash, NODES, planOf, restart } from './synthetic.js';

const actions = {
  heal: { kind: 'heal' },
  healAll: { kind: 'heal-all' },
  isolate: { kind: 'isolate', node: 'a' },
  crashA: { kind: 'crash', node: 'a' },
  restartA: { kind: 'restart', node: 'a' },
  restartB: { kind: 'restart', node: 'b' },
  loss: { kind: 'loss', probability: 0.5 },
  lossEnd: { kind: 'loss-end' },
  clog: { kind: 'clog', from: 'a', to: 'b' },
  unclog: { kind: 'unclog', from: 'a', to: 'b' },
  unclogOther: { kind: 'unclog', from: 'b', to: 'a' },
  drift: { kind: 'clock-drift', node: 'a', partsPerMillion: 50 },
  noDrift: { kind: 'clock-drift', node: 'a', partsPerMillion: 0 },
} as const satisfies Record<string, FaultAction>;

describe('undoing', () => {
  it.each([
    ['heal', 'isolate', true],
    ['heal', 'loss', false],
    ['heal', 'crashA', false],
    ['healAll', 'crashA', true],
    ['healAll', 'healAll', false],
    ['restartA', 'crashA', true],
    ['restartB', 'crashA', false],
    ['lossEnd', 'loss', true],
    ['lossEnd', 'clog', false],
    ['unclog', 'clog', true],
    ['unclogOther', 'clog', false],
    ['noDrift', 'drift', true],
    ['drift', 'drift', false],
    ['crashA', 'restartA', false],
  ] as const)('%s undoes %s: %s', (end, begin, expected) => {
    expect(undoes(actions[end], actions[begin])).toBe(expected);
  });
});

describe('pairs of faults', () => {
  it('are a beginning and the first end after it', () => {
    const faults = [crash(1, 'a'), crash(2, 'b'), restart(3, 'b'), restart(4, 'a'), crash(5, 'a')];
    expect(pairFaults(faults)).toEqual([[0, 3], [1, 2], [4]]);
  });

  it('hold every fault of a drawn schedule once', () => {
    const { faults } = generateSchedule(3, { nodes: NODES, durationMicroseconds: 60_000_000 });
    const groups = pairFaults(faults);
    expect(groups.flat().toSorted((a, b) => a - b)).toEqual([...faults.keys()]);
    expect(groups.length).toBeLessThan(faults.length);
  });
});

describe('a schedule', () => {
  it('loses an ending that undoes nothing', () => {
    expect(dropIdleEnding(planOf([]).schedule).faults).toEqual([]);
    expect(dropIdleEnding(planOf([crash(1, 'a')]).schedule).faults).toHaveLength(2);
  });

  it('without a node names it nowhere', () => {
    expect(faultKinds.length).toBeGreaterThan(20);
    const drawn = generateSchedule(9, { nodes: NODES, durationMicroseconds: 100_000_000 });
    expect(JSON.stringify(drawn)).toContain('"c"');
    const smaller = restrictSchedule(drawn, ['a', 'b']);
    expect(JSON.stringify(smaller)).not.toContain('"c"');
    expect(smaller.faults.length).toBeGreaterThan(0);
  });
});
