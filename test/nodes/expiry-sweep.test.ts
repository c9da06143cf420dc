import { describe, expect, it } from 'vitest';

import { ExpirySweep } from '../../nodes/expiry-sweep.js';
import { EXPIRY_PROPOSALS_MAX } from '../../nodes/limits.js';
import type { Command, CommandResult } from '../../nodes/control-plane/command.js';
import { until } from '../waiting.js';

const DONE: CommandResult = { ok: true, index: 1, value: 0 };

/** A sweep of so many memories that are due; `answer` says what becomes of each proposal. */
function sweepOf(
  memories: number,
  answer: (sweep: { isLeader: boolean }) => Promise<CommandResult>,
) {
  const due = new Set(Array.from({ length: memories }, (_, i) => `m${i}`));
  const state = { due, isLeader: true, proposed: [] as Command[], logged: [] as string[] };
  const sweep = new ExpirySweep({
    engine: () =>
      state.isLeader ? { expired: (_nowMs, limit) => [...due].slice(0, limit) } : undefined,
    propose: async (command) => {
      state.proposed.push(command);
      const result = await answer(state);
      if (command.type === 'expireMemory') due.delete(command.id);
      return result;
    },
    nowMs: () => 1_000,
    log: (message) => state.logged.push(message),
  });
  return { sweep, state };
}

describe('a sweep', () => {
  it('proposes all that is due, a bounded number at a time', async () => {
    const memories = EXPIRY_PROPOSALS_MAX + 3;
    const { sweep, state } = sweepOf(memories, async () => DONE);
    expect(await sweep.step()).toBe(true);
    expect(state.proposed).toHaveLength(EXPIRY_PROPOSALS_MAX);
    expect(state.proposed[0]).toEqual({ type: 'expireMemory', id: 'm0', timestampMs: 1_000 });
    expect(await sweep.step()).toBe(false);
    expect(state.due.size).toBe(0);
    await sweep.stop();
  });

  it('runs by itself, and is not deterred by proposals that fail', async () => {
    let failures = 2;
    const { sweep, state } = sweepOf(2, async () => {
      failures -= 1;
      if (failures >= 0) throw new Error('deposed');
      return DONE;
    });
    await until('all is deleted', async () => state.due.size === 0);
    expect(state.proposed).toHaveLength(4);
    await sweep.stop();
  });

  it('does nothing on a node that does not lead, and says what fails', async () => {
    const { sweep, state } = sweepOf(2, async () => DONE);
    state.isLeader = false;
    expect(await sweep.step()).toBe(false);
    expect(state.proposed).toEqual([]);
    await sweep.stop();
    const broken = new ExpirySweep({
      engine: () => {
        throw new Error('the disk is gone');
      },
      propose: async () => DONE,
      nowMs: () => 1,
      log: (message) => state.logged.push(message),
    });
    await until('it has tried', async () => state.logged.length > 0);
    expect(state.logged[0]).toMatch(/cannot be deleted now: Error: the disk is gone/);
    await broken.stop();
  });
});
