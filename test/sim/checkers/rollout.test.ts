import { describe, expect, it } from 'vitest';
import { RolloutSafety } from '../../../sim/checkers/rollout.js';
import { violationOf } from './violations.js';

describe('rollout safety', () => {
  it('holds for one node at a time and an end in one version', () => {
    const checker = new RolloutSafety();
    checker.migrating(5, []);
    checker.migrating(6, [2]);
    checker.ended([]);
    checker.ended([{ node: 1, active: 'v1', open: ['v1'] }]);
    checker.ended([1, 2, 3].map((node) => ({ node, active: 'v2', open: ['v2'] })));
  });

  it('is violated by two nodes that migrate', () => {
    const { checker, message } = violationOf(() => new RolloutSafety().migrating(7, [1, 3]));
    expect(checker).toBe('rollout');
    expect(message).toBe('nodes 1 and 3 migrate at the same time, as of index 7');
  });

  it('is violated by nodes of two versions', () => {
    const run = () =>
      new RolloutSafety().ended([
        { node: 1, active: 'v2', open: ['v2'] },
        { node: 2, active: 'v1', open: ['v1'] },
      ]);
    expect(violationOf(run).message).toBe('node 1 ends in v2 and node 2 in v1');
  });

  it('is violated by a store that stays open, and by one that is missing', () => {
    const both = () => new RolloutSafety().ended([{ node: 1, active: 'v2', open: ['v1', 'v2'] }]);
    expect(violationOf(both).message).toMatch(/keeps the stores v1 and v2 open/);
    const none = () => new RolloutSafety().ended([{ node: 1, active: 'v2', open: [] }]);
    expect(violationOf(none).message).toMatch(/keeps the stores of none open/);
    const other = () => new RolloutSafety().ended([{ node: 1, active: 'v2', open: ['v1'] }]);
    expect(violationOf(other).message).toMatch(/ends in v2 and keeps the stores v1 open/);
  });
});
