import { describe, expect, it } from 'vitest';

import { applyControl, dropMember } from '../../../nodes/control-plane/apply.js';
import type { ControlCommand } from '../../../nodes/control-plane/apply.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import type { ControlState } from '../../../nodes/control-plane/state.js';
import { nodesWithSteps } from '../../../nodes/rollout/machine.js';
import { formerPlan } from '../../../nodes/rollout/plan.js';

function founded(swarmVersion: 1 | 2 = 1): ControlState {
  return newControlState({
    swarmId: 'swarm',
    joinTokenHash: 'j',
    clientTokenHash: 'c',
    swarmVersion,
    peerId: 'peer-1',
    host: '127.0.0.1',
    port: 1,
  });
}

/** A state and a function that applies commands at the next index. */
function log(state = founded()) {
  let index = 1;
  const apply = (command: ControlCommand) => applyControl(state, (index += 1), command);
  return { state, apply };
}

const join = (n: number): ControlCommand => ({
  type: 'addMember',
  peerId: `peer-${n}`,
  host: '127.0.0.1',
  port: n,
});

const start = (order: number[]): ControlCommand => ({
  type: 'startRollout',
  plan: formerPlan(order),
  digest: 'd',
  startedAtMs: 1,
});

/** Ends the step whose turn it is; returns false when none is left. */
function finishOne({ state, apply }: ReturnType<typeof log>): boolean {
  const { rollout } = state;
  const node = rollout === null ? undefined : nodesWithSteps(rollout)[0];
  if (rollout === null || node === undefined) return false;
  const { nodeId, step, epoch } = node;
  const command = { type: 'finishStep', rolloutId: rollout.id, nodeId, step, epoch, detail: {} };
  expect(apply(command as ControlCommand).ok).toBe(true);
  return true;
}

describe('members', () => {
  it('get ids in order, and the same id when they ask again', () => {
    const { state, apply } = log();
    expect(apply(join(2))).toMatchObject({ ok: true, value: 2 });
    expect(apply(join(3))).toMatchObject({ ok: true, value: 3 });
    expect(apply({ ...join(2), port: 99 } as ControlCommand)).toMatchObject({ value: 2 });
    expect(state.members.get(2)?.port).toBe(99);
    expect(state.members.size).toBe(3);
  });

  it('stay known while they are being removed, and do not come back up', () => {
    const { state, apply } = log();
    apply(join(2));
    expect(apply({ type: 'removeMember', nodeId: 2 }).ok).toBe(true);
    expect(state.members.get(2)?.status).toBe('removing');
    const up = { type: 'setMember', nodeId: 2, status: 'up', host: 'h', port: 1 } as const;
    expect(apply(up)).toMatchObject({ refusal: 'unknown-member' });
    expect(apply({ type: 'removeMember', nodeId: 1 })).toMatchObject({ refusal: 'last-member' });
    dropMember(state, 2);
    expect(state.members.has(2)).toBe(false);
    dropMember(state, 1);
    expect(state.members.has(1)).toBe(true);
  });

  it('never get the id of a removed one', () => {
    const { state, apply } = log();
    apply(join(2));
    apply({ type: 'removeMember', nodeId: 2 });
    dropMember(state, 2);
    expect(apply(join(3))).toMatchObject({ value: 3 });
  });

  it('cannot all be removed', () => {
    expect(log().apply({ type: 'removeMember', nodeId: 1 })).toMatchObject({
      refusal: 'last-member',
    });
  });

  it('cannot join or be removed while a rollout runs', () => {
    const one = log();
    one.apply(join(2));
    one.apply(start([1, 2]));
    expect(one.apply(join(3))).toMatchObject({ refusal: 'rollout-running' });
    expect(one.apply({ type: 'removeMember', nodeId: 2 })).toMatchObject({
      refusal: 'rollout-running',
    });
  });
});

describe('rollouts', () => {
  function three() {
    const one = log();
    one.apply(join(2));
    one.apply(join(3));
    return one;
  }

  it('cordon, switch and rejoin each node in turn; then one entry raises the version', () => {
    const one = three();
    one.apply(start([2, 3, 1]));
    const id = one.state.rollout?.id ?? 0;
    const engines = () => [...one.state.members.values()].map(({ engine }) => engine).join();
    const seen = new Set<string>();
    while (finishOne(one)) {
      seen.add(engines());
      const cordoned = [...one.state.members.values()].filter((member) => member.cordoned);
      expect(cordoned.length).toBeLessThanOrEqual(1);
      expect(one.state.swarmVersion).toBe(1);
    }
    expect([...seen]).toEqual(['v1,v1,v1', 'v1,v2,v1', 'v1,v2,v2', 'v2,v2,v2']);
    expect(one.apply({ type: 'raiseVersion', rolloutId: id }).ok).toBe(true);
    expect(one.state.swarmVersion).toBe(2);
    expect(one.state.rollout?.status).toBe('completed');
  });

  it('cannot raise the version before every node is done', () => {
    const one = three();
    one.apply(start([1, 2, 3]));
    const rolloutId = one.state.rollout?.id ?? 0;
    const before = one.state.swarmVersion;
    expect(one.apply({ type: 'raiseVersion', rolloutId })).toMatchObject({ ok: false });
    expect(one.state.swarmVersion).toBe(before);
  });

  it('can be aborted at every step: all nodes are back on v1 and none is cordoned', () => {
    for (let steps = 0; steps < 24; steps += 1) {
      const one = three();
      one.apply(start([1, 2, 3]));
      for (let i = 0; i < steps; i += 1) finishOne(one);
      const rolloutId = one.state.rollout?.id ?? 0;
      expect(one.apply({ type: 'abortRollout', rolloutId, reason: 'test' }).ok).toBe(true);
      for (const member of one.state.members.values()) {
        expect(member).toMatchObject({ engine: 'v1', cordoned: false });
      }
      expect(one.state.rollout?.status).toBe('aborted');
      expect(one.apply(start([1, 2, 3])).ok).toBe(true);
    }
  });

  it('refuse a second start, a plan of other members, and a swarm that is of version 2', () => {
    const one = three();
    expect(one.apply(start([1, 2]))).toMatchObject({ refusal: 'plan-outdated' });
    expect(one.apply(start([1, 2, 2]))).toMatchObject({ refusal: 'plan-outdated' });
    expect(one.apply(start([1, 2, 3])).ok).toBe(true);
    expect(one.apply(start([1, 2, 3]))).toMatchObject({ refusal: 'rollout-running' });
    expect(log(founded(2)).apply(start([1]))).toMatchObject({ refusal: 'already-v2' });
  });
});
