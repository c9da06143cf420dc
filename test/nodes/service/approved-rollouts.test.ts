import { describe, expect, it } from 'vitest';

import type { SwarmNode } from '../../../nodes/node.js';
import { startApproved } from '../../../nodes/service/approved-rollouts.js';
import { stateOf } from '../approval/approving.js';

/** As much of a node as is looked at before anybody is asked. */
function nodeOf(members: number, commandVersion: 4 | 5): SwarmNode {
  const control = { ...stateOf(members), commandVersion };
  return { control, driver: { readBarrier: async () => undefined } } as unknown as SwarmNode;
}

const start = (node: SwarmNode) =>
  startApproved(node, {
    digest: undefined,
    by: 'somebody',
    timeoutMs: 1_000,
    planned: () => Promise.reject(new Error('nothing is planned')),
  });

describe('a rollout that members have to approve', () => {
  it('is refused while a member runs a release before, which would not check it', async () => {
    await expect(start(nodeOf(4, 4))).rejects.toMatchObject({
      code: 'refused',
      reason: 'release-too-old',
      message: expect.stringContaining('knows no rollouts that the members approve'),
    });
  });

  it('is refused where the members are too few to do without one', async () => {
    await expect(start(nodeOf(3, 5))).rejects.toMatchObject({
      code: 'refused',
      reason: 'too-few-members',
      message: expect.stringContaining('4 members at least'),
    });
    await expect(start(nodeOf(4, 5))).rejects.toThrow('nothing is planned');
  });
});
