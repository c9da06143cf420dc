import { describe, expect, it } from 'vitest';

import { finishStep, nodesWithSteps, startRollout } from '../../../nodes/rollout/machine.js';
import type { RolloutRefusal } from '../../../nodes/rollout/transitions.js';
import { allNodesDone } from '../../../nodes/rollout/turns.js';
import { canonicalPlan, formerPlan, orderOf } from '../../../nodes/rollout/plan.js';
import { stepsOf } from '../../../nodes/rollout/state.js';
import type { Rollout, RolloutStatus, RolloutStep } from '../../../nodes/rollout/state.js';

const STEPS = stepsOf('engine', 'forward').filter((step) => step !== 'soak');

function begin(order = [1, 2]): Rollout {
  return startRollout(7, formerPlan(order), 'digest', 1, 0);
}

function finish(rollout: Rollout, changes: Partial<Parameters<typeof finishStep>[1]> = {}) {
  const node = nodesWithSteps(rollout)[0];
  if (node === undefined) throw new Error('the rollout has a node whose turn it is');
  const { nodeId, step, epoch } = node;
  return finishStep(rollout, { nodeId, step, epoch, detail: {}, ...changes }, 0);
}

/** The step that follows each step, for the node whose turn it is. */
const NEXT: Record<Exclude<RolloutStep, 'pending' | 'soak' | 'done' | 'removed'>, RolloutStep> = {
  cordon: 'drain',
  drain: 'snapshot',
  snapshot: 'stage',
  stage: 'catchUp',
  catchUp: 'validate',
  validate: 'switch',
  switch: 'rejoin',
  rejoin: 'done',
};

describe('rollout machine', () => {
  it('takes a node through every step in order, and then the next node', () => {
    const rollout = begin();
    for (const nodeId of [1, 2]) {
      for (const step of STEPS) {
        expect(nodesWithSteps(rollout)[0]).toMatchObject({ nodeId, step });
        expect(finish(rollout)).toBeNull();
        const node = rollout.nodes.find((one) => one.nodeId === nodeId);
        expect(node?.step).toBe(NEXT[step as keyof typeof NEXT]);
      }
    }
    expect(allNodesDone(rollout)).toBe(true);
    expect(nodesWithSteps(rollout)[0]).toBeUndefined();
  });

  it('moves one node at a time', () => {
    const rollout = begin([1, 2, 3]);
    for (let i = 0; i < 3 * STEPS.length; i += 1) {
      const busy = rollout.nodes.filter(({ step }) => step !== 'pending' && step !== 'done');
      expect(busy).toHaveLength(1);
      finish(rollout);
    }
  });

  const refused: [string, Partial<Parameters<typeof finishStep>[1]>, RolloutRefusal][] = [
    ['by a node whose turn it is not', { nodeId: 2 }, 'not-your-turn'],
    ['of an older epoch', { epoch: 0 }, 'stale-epoch'],
    ['of another step', { step: 'switch' }, 'stale-epoch'],
  ];
  it.each(refused)('refuses a report %s, and changes nothing', (_name, changes, refusal) => {
    const rollout = begin();
    const before = structuredClone(rollout);
    expect(finish(rollout, changes)).toBe(refusal);
    expect(rollout).toEqual(before);
  });

  it('refuses the same report twice', () => {
    const rollout = begin();
    const node = nodesWithSteps(rollout)[0];
    const report = { nodeId: 1, step: 'cordon', epoch: 1, detail: {} } as const;
    expect(node?.epoch).toBe(1);
    expect(finishStep(rollout, report, 0)).toBeNull();
    expect(finishStep(rollout, report, 0)).toBe('stale-epoch');
  });

  const ended: RolloutStatus[] = ['aborted', 'completed'];
  it.each(ended)('takes no report once it is %s', (status) => {
    const rollout = begin();
    const report = { nodeId: 1, step: 'cordon', epoch: 1, detail: {} } as const;
    rollout.status = status;
    expect(finishStep(rollout, report, 0)).toBe('no-rollout');
  });
});

describe('plans', () => {
  const members = [
    { nodeId: 3, engine: 'v1' },
    { nodeId: 1, engine: 'v1' },
    { nodeId: 2, engine: 'v1' },
  ] as const;

  it('puts the leader last', () => {
    expect(orderOf(members, 1)).toEqual([2, 3, 1]);
    expect(orderOf(members, 0)).toEqual([1, 2, 3]);
  });

  it('has one text for one plan, which names the steps', () => {
    expect(canonicalPlan(formerPlan(orderOf(members, 1)))).toBe(
      '["rollout-plan",1,"v1","v2",[2,3,1],["cordon","drain","snapshot","stage","catchUp",' +
        '"validate","switch","rejoin"]]',
    );
  });
});
