import { describe, expect, it } from 'vitest';
import type { ConfState } from '../../../../consensus/raft/index.js';
import { type ConfChange, LEAVE_JOINT } from '../../../../consensus/raft/confchange/change.js';
import {
  EMPTY_GROUP,
  applyChange,
  checkChange,
  restoreGroup,
} from '../../../../consensus/raft/confchange/changer.js';
import { toConfState } from '../../../../consensus/raft/tracker/membership.js';
import { Random } from '../random.js';

const START = { lastIndex: 10, limits: { maxInflightMessages: 4, maxInflightBytes: 100 } };

describe('a membership', () => {
  it('is the same after it was stored and restored, joint or not', () => {
    const seed = Number(process.env['SEED'] ?? 11);
    const random = new Random(seed);
    let group = applyChange(
      EMPTY_GROUP,
      { transition: 'auto', changes: [{ type: 'addVoter', node: 1 }] },
      START,
    );
    let changed = 0;
    for (let run = 0; run < 3000; run += 1) {
      const changes = Array.from({ length: random.below(4) }, () => ({
        type: random.pick(['addVoter', 'addLearner', 'remove', 'update'] as const),
        node: 1 + random.below(6),
      }));
      const transition = random.pick(['auto', 'jointImplicit', 'jointExplicit'] as const);
      const change: ConfChange = changes.length === 0 ? LEAVE_JOINT : { transition, changes };
      const before = [...group.progress].map(([id, each]) => [id, each.isLearner]);
      if (!checkChange(group, change, START)) {
        expect([...group.progress].map(([id, each]) => [id, each.isLearner])).toEqual(before);
        continue;
      }
      changed += 1;
      group = applyChange(group, change, START);
      const state = toConfState(group.members);
      const restored = restoreGroup(state, START);
      expect(toConfState(restored.members), `SEED=${seed}`).toEqual(state);
      const learners = [...restored.progress].map(([id, each]) => [id, each.isLearner]);
      expect(learners).toEqual([...group.progress].map(([id, each]) => [id, each.isLearner]));
    }
    expect(changed).toBeGreaterThan(500);
  });

  const wrong: Record<string, Partial<ConfState>> = {
    'a learner that votes': { learners: [1] },
    'a learner to be that does not vote': { votersOutgoing: [1], learnersNext: [9] },
    'automatic leave without a joint configuration': { autoLeave: true },
  };
  for (const [name, fields] of Object.entries(wrong)) {
    it(`is refused with ${name}`, () => {
      const state: ConfState = {
        voters: [1, 2],
        votersOutgoing: [],
        learners: [],
        learnersNext: [],
        autoLeave: false,
        ...fields,
      };
      expect(() => restoreGroup(state, START)).toThrow(/progress|learner|joint/);
    });
  }
});
