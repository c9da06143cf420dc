import { describe, expect, it } from 'vitest';

import type { Command } from '../../../nodes/control-plane/command.js';
import type { ControlState } from '../../../nodes/control-plane/state.js';
import { ReleaseWatch } from '../../../nodes/release/watch.js';
import type { Rollout, RolloutStatus } from '../../../nodes/rollout/state.js';
import { swarmOf } from '../control-plane/rollout-world.js';
import { IN_STATUS, RELEASE } from '../rollout/rollouts.js';

/** What a node proposes and logs that runs the release before, in a rollout of nodes 1 and 2. */
function watching(rollout: Rollout, nodeId = 1): { proposed: Command[]; logged: string[] } {
  const control: ControlState = swarmOf(3);
  control.rollout = rollout;
  const proposed: Command[] = [];
  const logged: string[] = [];
  const watch = new ReleaseWatch({
    nodeId,
    releases: { running: RELEASE.from, find: async () => undefined },
    control: () => control,
    submit: async (command) => {
      proposed.push(command);
      return { ok: true, index: 1, value: 0 };
    },
    log: (message) => void logged.push(message),
  });
  watch.poke();
  watch.poke();
  return { proposed, logged };
}

describe('a node whose supervisor went back to the release before', () => {
  it.each(['switched', 'finalizing'] satisfies RolloutStatus[])(
    'takes a rollout back that is %s',
    (status) => {
      const { proposed } = watching(IN_STATUS[status]());
      expect(proposed).toMatchObject([{ type: 'rollbackRollout', rolloutId: 7 }]);
    },
  );

  it('says so, once, when the rollout is final, and takes nothing back', () => {
    const { proposed, logged } = watching(IN_STATUS.finalized());
    expect(proposed).toEqual([]);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('this node runs from again: its supervisor gave to up');
    expect(logged[0]).toContain("'agentic-flow release use to'");
  });

  it('is none that joined while the window was open', () => {
    const rollout = IN_STATUS.finalized();
    const [one] = rollout.nodes;
    if (one === undefined) throw new Error('the rollout has nodes');
    rollout.nodes.push({ ...one, nodeId: 3 });
    expect(watching(rollout, 3)).toEqual({ proposed: [], logged: [] });
    rollout.status = 'switched';
    expect(watching(rollout, 3).proposed).toEqual([]);
  });
});
