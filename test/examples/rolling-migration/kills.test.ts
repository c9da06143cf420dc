import { describe, expect, it } from 'vitest';

import { KillPlan } from '../../../examples/rolling-migration/kills.js';
import type { KillMode } from '../../../examples/rolling-migration/options.js';
import type { SwarmStatus } from '../../../src/client/index.js';

type Step = 'pending' | 'cordon' | 'stage' | 'validate' | 'rejoin' | 'done';

function status(steps: readonly Step[], leader = 5): SwarmStatus {
  return {
    leader,
    rollout: {
      status: 'running',
      nodes: steps.map((step, at) => ({ nodeId: at + 1, step, epoch: 1, detail: null })),
    },
  } as unknown as SwarmStatus;
}

describe('the choice of a kill', () => {
  const rows: readonly [string, KillMode, SwarmStatus, number | undefined][] = [
    ['the node that stages', 'migrating', status(['done', 'stage', 'pending']), 2],
    ['the node that validates', 'migrating', status(['validate', 'pending', 'pending']), 1],
    ['nobody at a short step', 'migrating', status(['cordon', 'pending', 'pending']), undefined],
    ['any step when time runs out', 'migrating', status(['done', 'done', 'cordon']), 3],
    ['the leader while another stages', 'leader', status(['stage', 'pending', 'pending'], 3), 3],
    ['nobody without a leader', 'leader', status(['stage', 'pending', 'pending'], 0), undefined],
    ['nobody between two nodes', 'random', status(['done', 'pending', 'pending']), undefined],
  ];
  for (const [name, mode, seen, expected] of rows) {
    it(name, () => {
      expect(new KillPlan(mode, 1).choose(seen, true, 0)?.nodeId).toBe(expected);
    });
  }

  it('is nobody before and after the rollout', () => {
    const plan = new KillPlan('leader', 1);
    const none = { leader: 1, rollout: null } as SwarmStatus;
    const over = { leader: 1, rollout: { status: 'completed', nodes: [] } } as unknown;
    expect(plan.choose(none, true, 0)).toBeUndefined();
    expect(plan.choose(over as SwarmStatus, true, 0)).toBeUndefined();
  });

  it('tells what was hit', () => {
    const seen = status(['stage', 'pending', 'pending'], 3);
    expect(new KillPlan('leader', 1).choose(seen, true, 0)).toEqual({
      nodeId: 3,
      role: 'leader',
      migrating: false,
      step: 'stage',
      stepNodeId: 1,
      downMs: 0,
    });
  });

  it('happens once, except at random, and never while a node is down', async () => {
    const seen = status(['stage', 'pending', 'pending'], 3);
    for (const [mode, most] of [
      ['leader', 1],
      ['migrating', 1],
      ['random', 3],
    ] as const) {
      const plan = new KillPlan(mode, 1);
      expect(plan.choose(seen, false, 0)).toBeUndefined();
      for (let at = 0; at < 6; at += 1) {
        const kill = plan.choose(seen, true, Number.MAX_SAFE_INTEGER);
        if (kill !== undefined) plan.begin(kill, Promise.resolve());
        await plan.restarted();
      }
      expect(plan.kills.length).toBe(most);
    }
  });

  it('fails the run when a node does not come back', async () => {
    const plan = new KillPlan('leader', 1);
    const kill = plan.choose(status(['stage', 'pending', 'pending'], 3), true, 0);
    if (kill === undefined) throw new Error('expected a kill');
    plan.begin(kill, Promise.reject(new Error('node-3 ended')));
    await expect(plan.restarted()).rejects.toThrow('node-3 ended');
  });
});
