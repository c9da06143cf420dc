import { describe, expect, it } from 'vitest';
import { RolloutSafety } from '../../../sim/checkers/rollout.js';
import type { RolledNode } from '../../../sim/checkers/rollout.js';
import { violationOf } from './violations.js';

function node(id: number, active: 'v1' | 'v2', open: ('v1' | 'v2')[], release = ''): RolledNode {
  return { node: id, active, open, release };
}

describe('rollout safety', () => {
  it('holds for one node at a time and an end on one side', () => {
    const checker = new RolloutSafety();
    checker.unavailable(5, 1, [], 1);
    checker.unavailable(6, 1, [2], 1);
    checker.ended([]);
    checker.ended([node(1, 'v1', ['v1'])]);
    checker.ended([1, 2, 3].map((id) => node(id, 'v2', ['v2'])));
  });

  it('is violated by more unavailable nodes than may be', () => {
    const { checker, message } = violationOf(() =>
      new RolloutSafety().unavailable(7, 1, [1, 3], 1),
    );
    expect(checker).toBe('rollout');
    expect(message).toMatch(/nodes 1 and 3 are unavailable at the same time, as of index 7/);
  });

  it('lets go on what was begun under wider limits, of the same rollout alone', () => {
    const checker = new RolloutSafety();
    checker.unavailable(7, 1, [1, 3], 2);
    checker.unavailable(8, 1, [1, 3], 1);
    expect(violationOf(() => checker.unavailable(9, 2, [1, 3], 1)).checker).toBe('rollout');
  });

  it('is violated by an epoch that stands for two steps', () => {
    const checker = new RolloutSafety();
    const stand = { nodeId: 2, epoch: 4, step: 'drain', direction: 'forward' };
    checker.stands(7, 1, stand);
    checker.stands(7, 1, stand);
    checker.stands(8, 1, { ...stand, epoch: 5, step: 'switch' });
    // A node that lags tells of an earlier one.
    checker.stands(7, 1, stand);
    const second = { ...stand, epoch: 5, step: 'rejoin' };
    expect(violationOf(() => checker.stands(9, 1, second)).message).toMatch(
      /epoch 5 of node 2 stands for forward switch and for forward rejoin/,
    );
  });

  it('is violated by nodes of two engines or two releases', () => {
    const engines = () => new RolloutSafety().ended([node(1, 'v2', ['v2']), node(2, 'v1', ['v1'])]);
    expect(violationOf(engines).message).toMatch(/node 1 ends in v2 .*node 2 in v1/);
    const releases = () =>
      new RolloutSafety().ended([node(1, 'v2', ['v2'], 'a'), node(2, 'v2', ['v2'], 'b')]);
    expect(violationOf(releases).message).toMatch(/node 1 ends in v2 a and node 2 in v2 b/);
  });

  it('is violated by a store that stays open, and by one that is missing', () => {
    const both = () => new RolloutSafety().ended([node(1, 'v2', ['v1', 'v2'])]);
    expect(violationOf(both).message).toMatch(/keeps the stores v1 and v2 open/);
    const none = () => new RolloutSafety().ended([node(1, 'v2', [])]);
    expect(violationOf(none).message).toMatch(/keeps the stores of none open/);
    const other = () => new RolloutSafety().ended([node(1, 'v2', ['v1'])]);
    expect(violationOf(other).message).toMatch(/ends in v2 and keeps the stores v1 open/);
  });
});
