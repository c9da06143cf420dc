import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { GUARDS_DEFAULT } from '../../../nodes/rollout/limits.js';
import { planTree } from '../../../nodes/rollout/plan-text.js';
import { canonicalPlan, formerPlan, makePlan, planFault } from '../../../nodes/rollout/plan.js';
import type { PlanOptions } from '../../../nodes/rollout/plan.js';
import type { RolloutPlan } from '../../../nodes/rollout/state.js';
import { parseWindow } from '../../../nodes/rollout/windows.js';
import { expectGolden } from './golden.js';

const ids = (count: number) => Array.from({ length: count }, (_, i) => ({ nodeId: i + 1 }));

const RELEASE = {
  from: { name: '2.0.0+0123456789ab', digest: '01'.repeat(32), commandVersion: 5 },
  to: { name: '2.1.0+fedcba987654', digest: 'fe'.repeat(32), commandVersion: 6 },
};

const WINDOW = parseWindow('daily 00:00-24:00 UTC');

const ZONES = [
  { nodeId: 1, zone: 'a' },
  { nodeId: 2, zone: 'a' },
  { nodeId: 3, zone: 'b' },
  { nodeId: 4, zone: 'b' },
  { nodeId: 5, zone: 'c' },
  { nodeId: 6, zone: '' },
];

/** Each with the file that holds its text and its digest. */
const GOLDEN: Record<string, () => RolloutPlan> = {
  'engine-defaults.txt': () => makePlan(ids(3), 1),
  'engine-no-window.txt': () => makePlan(ids(1), 1, { rollbackWindowMs: 0, autoFinalize: false }),
  'release-canary.txt': () =>
    makePlan(ZONES, 4, {
      release: RELEASE,
      canaries: 1,
      batchSize: 2,
      soakMs: 90_000,
      notBeforeMs: Date.UTC(2026, 11, 1, 2),
      guards: GUARDS_DEFAULT,
      inexpressible: ['3 memories that expire.'],
    }),
  'engine-windows.txt': () =>
    makePlan(ids(2), 1, {
      windows: ['Mon-Fri 01:00-05:00 UTC', 'Sat,Sun 22:00-04:00 UTC+02:00'].map(parseWindow),
    }),
  'release-pausing.txt': () =>
    makePlan(ids(5), 2, {
      release: RELEASE,
      soakMs: 1_500,
      rollbackWindowMs: 3_600_000,
      guards: { ...GUARDS_DEFAULT, action: 'pause', windows: 1, memoryBytesMax: 1_000_000_000 },
    }),
};

describe('plans', () => {
  it.each(Object.entries(GOLDEN))('%s', (name, make) => {
    const plan = make();
    expect(planFault(plan)).toBeNull();
    const digest = createHash('sha256').update(canonicalPlan(plan)).digest('hex');
    const timeText = (timeMs: number): string => new Date(timeMs).toISOString();
    expectGolden(name, `${planTree(plan, timeText)}\n\n${canonicalPlan(plan)}\nsha256 ${digest}`);
  });

  it('put the leader last', () => {
    expect(makePlan(ids(3), 1).batches).toEqual([[2], [3], [1]]);
    expect(makePlan(ids(3), 0).batches).toEqual([[1], [2], [3]]);
  });

  it('take nodes by turns from each zone, so that no batch is of one zone', () => {
    const { batches } = makePlan(ZONES, 4, { batchSize: 3 });
    expect(batches).toEqual([
      [1, 3, 5],
      [6, 2, 4],
    ]);
  });

  it('begin with canaries of one node each', () => {
    const { batches } = makePlan(ids(7), 7, { canaries: 2, batchSize: 3 });
    expect(batches).toEqual([[1], [2], [3, 4, 5], [6, 7]]);
  });

  it('of releases never take so many nodes away that a majority is missing', () => {
    const unavailable = (nodes: number): number =>
      makePlan(ids(nodes), 1, { release: RELEASE, batchSize: 10 }).maxUnavailable;
    expect([1, 2, 3, 4, 5, 7, 100].map(unavailable)).toEqual([1, 1, 1, 1, 2, 3, 10]);
    const three = { release: RELEASE, maxUnavailable: 2 };
    expect(() => makePlan(ids(3), 1, three)).toThrow(/a swarm of 3 must be 1 to 1, not 2/);
    expect(makePlan(ids(3), 1, { maxUnavailable: 2 }).maxUnavailable).toBe(2);
  });

  it('of releases spread the voters of a large swarm over batches', () => {
    const members = ids(12).map(({ nodeId }) => ({ nodeId, voter: nodeId <= 5 }));
    const { batches } = makePlan(members, 1, { release: RELEASE, batchSize: 5 });
    expect(batches).toEqual([
      [2, 3, 6, 7, 8],
      [4, 5, 9, 10, 11],
      [12, 1],
    ]);
    const engine = makePlan(members, 1, { batchSize: 6 });
    expect(engine.batches[0]).toEqual([2, 3, 4, 5, 6, 7]);
  });

  it('of releases ration every member while more or fewer vote than are to', () => {
    const plan = (voters: number, votersWanted: number): readonly (readonly number[])[] => {
      const members = ids(7).map(({ nodeId }) => ({ nodeId, voter: nodeId <= voters }));
      return makePlan(members, 7, { release: RELEASE, batchSize: 3, votersWanted }).batches;
    };
    const pairs = [[1, 2], [3, 4], [5, 6], [7]];
    expect(plan(7, 5)).toEqual(pairs);
    expect(plan(3, 5)).toEqual([[1], [2], [3], [4], [5], [6], [7]]);
    expect(plan(5, 5)).toEqual([[1, 2, 6], [3, 4, 7], [5]]);
    for (const wanted of [0, 7]) expect(plan(7, wanted)).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  });

  const refused: [string, PlanOptions, RegExp][] = [
    ['no node in a batch', { batchSize: 0 }, /size of a batch must be 1 to 1000, not 0/],
    ['more canaries than nodes', { canaries: 4 }, /canaries must be 0 to 3, not 4/],
    ['a soak of years', { soakMs: 1e12 }, /soakMs must be a whole number/],
    ['half a millisecond', { soakMs: 0.5 }, /soakMs must be a whole number/],
    ['a window that never closes', { rollbackWindowMs: 1e12 }, /rollbackWindowMs must be/],
    ['a time before 1970', { notBeforeMs: -1 }, /notBeforeMs must be/],
    ['no window of measurement', { guards: { ...GUARDS_DEFAULT, windowMs: 0 } }, /windowMs/],
    ['no window at all', { guards: { ...GUARDS_DEFAULT, windows: 0 } }, /guard windows/],
    ['a share above one', { guards: { ...GUARDS_DEFAULT, errorRateMax: 2 } }, /errorRateMax/],
    ['no number', { guards: { ...GUARDS_DEFAULT, p99Factor: Number.NaN } }, /p99Factor/],
    ['the release that runs', { release: { from: RELEASE.to, to: RELEASE.to } }, /runs 2\.1\.0/],
    ['a window of no day', { windows: [{ ...WINDOW, days: [] }] }, /days of a maintenance window/],
    ['a window of no time', { windows: [{ ...WINDOW, lengthMinutes: 0 }] }, /lasts 1 minute/],
    ['a window elsewhere', { windows: [{ ...WINDOW, offsetMinutes: 900 }] }, /14 hours/],
    ['windows without end', { windows: Array(17).fill(WINDOW) }, /more than 16/],
    ['a novel', { inexpressible: ['x'.repeat(2_000)] }, /sentence is too long/],
  ];
  it.each(refused)('are not made with %s', (_what, options, message) => {
    expect(() => makePlan(ids(3), 1, options)).toThrow(message);
  });

  it('are not made of no nodes', () => {
    expect(() => makePlan([], 1)).toThrow(/no node/);
  });

  const faults: [string, Partial<RolloutPlan>, RegExp][] = [
    ['an empty batch', { batches: [[1], []] }, /batch is empty/],
    ['no batch', { batches: [] }, /batch is empty/],
    ['a node in two batches', { batches: [[1], [1]] }, /two batches/],
    ['a canary among others', { batches: [[1, 2]], canaries: 1 }, /canary/],
    ['engines that nobody has', { to: 'v3' }, /from one version to another/],
    ['a release in an engine rollout', { release: RELEASE }, /from one version to another/],
    [
      'a release that is named otherwise',
      { kind: 'release', release: RELEASE },
      /from one version/,
    ],
    ['nobody unavailable', { maxUnavailable: 0 }, /maxUnavailable/],
  ];
  it.each(faults)('that come with %s are not started', (_what, changes, fault) => {
    expect(planFault({ ...makePlan(ids(2), 1), ...changes })).toMatch(fault);
  });

  it('of the first form have the text that the release before gave them', () => {
    expect(canonicalPlan(formerPlan([2, 3, 1]))).toBe(
      '["rollout-plan",1,"v1","v2",[2,3,1],["cordon","drain","snapshot","stage","catchUp",' +
        '"validate","switch","rejoin"]]',
    );
  });
});
