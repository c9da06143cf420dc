import { describe, expect, it } from 'vitest';

import { applyControl, dropMember } from '../../../nodes/control-plane/apply.js';
import type { ControlCommand } from '../../../nodes/control-plane/apply.js';
import { FEATURES, isOpen } from '../../../nodes/control-plane/features.js';
import { isClockDue, withTime } from '../../../nodes/control-plane/sessions.js';
import type { ControlState } from '../../../nodes/control-plane/state.js';
import { nextUpkeep } from '../../../nodes/replica/upkeep.js';
import { rolloutUpkeep } from '../../../nodes/replica/rollout-upkeep.js';
import { formerPlan, makePlan } from '../../../nodes/rollout/plan.js';
import type { PlanOptions } from '../../../nodes/rollout/plan.js';
import type { RolloutNode } from '../../../nodes/rollout/state.js';
import type { RolloutRefusal } from '../../../nodes/rollout/transitions.js';
import { isUnavailable } from '../../../nodes/rollout/turns.js';
import { FROM, RolloutWorld, TO, swarmOf } from './rollout-world.js';

const RELEASE: PlanOptions = { release: { from: FROM, to: TO } };

function startOf(state: ControlState, options: PlanOptions = {}) {
  const plan = makePlan([...state.members.values()], 1, options);
  const after = state.rollout?.id ?? 0;
  return { type: 'startRollout', plan, digest: 'd', startedAtMs: 1, after } as const;
}

/** A world whose rollout has all nodes done, or whatever the options let it come to. */
function worldOf(nodes: number, options: PlanOptions = {}): RolloutWorld {
  const world = new RolloutWorld(nodes);
  expect(world.apply(startOf(world.state, options))).toBe(true);
  return world;
}

function finishAll(world: RolloutWorld): void {
  const { nodes } = world.rollout;
  for (let node = nodes.find(isUnavailable); node !== undefined; node = nodes.find(isUnavailable)) {
    world.finish(node);
  }
}

function finalizing(options: PlanOptions = {}): RolloutWorld {
  const world = worldOf(3, { ...RELEASE, ...options });
  finishAll(world);
  world.upkeep(0);
  expect(world.rollout.status).toBe('finalizing');
  return world;
}

describe('a start', () => {
  const refused: [string, (state: ControlState) => ControlCommand, RolloutRefusal][] = [
    [
      'of a release that reads less than is written',
      (state) => startOf(state, { release: { from: FROM, to: { ...TO, commandVersion: 4 } } }),
      'release-too-old',
    ],
    [
      'while a member has no supervisor',
      (state) => {
        state.members.get(2)!.supervised = false;
        return startOf(state, RELEASE);
      },
      'not-supervised',
    ],
    [
      'while a member runs another release than the others',
      (state) => {
        state.members.get(2)!.release = 'other';
        return startOf(state, RELEASE);
      },
      'mixed-releases',
    ],
    [
      'when all members have moved to another release since it was planned',
      (state) => {
        const start = startOf(state, RELEASE);
        for (const member of state.members.values()) member.release = 'other';
        return start;
      },
      'plan-outdated',
    ],
    [
      'of a plan that leaves a member out',
      (state) => {
        const plan = makePlan([{ nodeId: 1 }], 1);
        return { ...startOf(state), plan };
      },
      'plan-outdated',
    ],
    [
      'of a plan that cannot be carried out',
      (state) => {
        const start = startOf(state);
        return { ...start, plan: { ...start.plan, maxUnavailable: 0 } };
      },
      'invalid-plan',
    ],
    [
      'while a member reads no such entries',
      (state) => {
        state.commandVersion = 4;
        return startOf(state);
      },
      'release-too-old',
    ],
    [
      'in a swarm that is on v2',
      (state) => {
        state.swarmVersion = 2;
        return startOf(state);
      },
      'already-v2',
    ],
  ];
  it.each(refused)('is refused %s', (_when, prepared, refusal) => {
    const state = swarmOf(3);
    const command = prepared(state);
    expect(applyControl(state, 2, command)).toMatchObject({ ok: false, refusal });
    expect(state.rollout).toBeNull();
  });

  it('that comes late does not start again what was aborted meanwhile', () => {
    const state = swarmOf(1);
    const start = startOf(state);
    expect(applyControl(state, 2, start).ok).toBe(true);
    expect(applyControl(state, 3, { type: 'abortRollout', rolloutId: 2, reason: '' }).ok).toBe(
      true,
    );
    expect(applyControl(state, 4, start)).toMatchObject({ refusal: 'plan-outdated' });
    expect(applyControl(state, 5, startOf(state)).ok).toBe(true);
  });

  it('is refused while the one before can still be rolled back', () => {
    const world = finalizing();
    for (const nodeId of [1, 2, 3]) world.acknowledge(nodeId);
    world.upkeep(0);
    expect(world.rollout.status).toBe('finalized');
    const again = { ...startOf(world.state), after: world.rollout.id };
    expect(applyControl(world.state, 99, again)).toMatchObject({ refusal: 'window-open' });
  });
});

describe('members', () => {
  it('say which release they run by ending their switch, and are cordoned until they rejoin', () => {
    const world = worldOf(3, RELEASE);
    const member = world.state.members.get(2)!;
    const seen: string[] = [];
    for (const node = world.rollout.nodes[0]!; node.step !== 'done';) {
      seen.push(`${node.step} ${member.cordoned ? 'cordoned' : 'open'} ${member.release}`);
      world.finish(node);
    }
    expect(seen).toEqual([
      `cordon open ${FROM.name}`,
      `drain cordoned ${FROM.name}`,
      `stage cordoned ${FROM.name}`,
      `validate cordoned ${FROM.name}`,
      `switch cordoned ${FROM.name}`,
      `rejoin cordoned ${TO.name}`,
    ]);
    expect(member).toMatchObject({ cordoned: false, commandVersion: TO.commandVersion });
  });

  it('say which release they went back to by ending their switch back', () => {
    const world = worldOf(1, RELEASE);
    finishAll(world);
    const member = world.state.members.get(1)!;
    expect(member.release).toBe(TO.name);
    const { id: rolloutId, epoch } = world.rollout;
    world.apply({ type: 'rollbackRollout', rolloutId, epoch, reason: '' });
    finishAll(world);
    expect(world.rollout.status).toBe('rolledBack');
    expect(member).toMatchObject({ release: FROM.name, commandVersion: FROM.commandVersion });
  });

  it('of an older form of the state keep nothing that it has no room for', () => {
    const state = swarmOf(1);
    state.commandVersion = 4;
    const told = { type: 'setMember', nodeId: 1, status: 'up', host: 'h', port: 1 } as const;
    const more = { commandVersion: 5, release: 'r', supervised: false, zone: 'z' };
    applyControl(state, 2, { ...told, ...more });
    expect(state.members.get(1)).toMatchObject({ release: FROM.name, supervised: true, zone: '' });
    applyControl(state, 3, { type: 'raiseCommandVersion', version: 5, nowMs: 0 });
    applyControl(state, 4, { ...told, ...more });
    expect(state.members.get(1)).toMatchObject({ release: 'r', supervised: false, zone: 'z' });
  });

  it('may be removed in the middle, and not join', () => {
    const world = worldOf(3, RELEASE);
    expect(world.apply({ type: 'addMember', peerId: 'p', host: 'h', port: 1 })).toBe(false);
    world.remove(2, true);
    expect(world.rollout.nodes.map(({ step }) => step)).toEqual(['removed', 'cordon', 'pending']);
    world.runToEnd();
    expect(world.rollout.status).toBe('completed');
  });

  it('that are being removed keep nobody from finalizing', () => {
    const world = worldOf(3);
    world.remove(2, false);
    finishAll(world);
    world.upkeep(0);
    for (const nodeId of [1, 3]) world.acknowledge(nodeId);
    world.upkeep(0);
    expect(world.state.swarmVersion).toBe(2);
    dropMember(world.state, 2);
  });

  it('that join while the window is open go back with the others', () => {
    const world = finalizing();
    for (const nodeId of [1, 2, 3]) world.acknowledge(nodeId);
    world.upkeep(0);
    world.runs.set(4, TO.name);
    world.apply({ type: 'addMember', peerId: 'p', host: 'h', port: 1 });
    world.say(4);
    const { id: rolloutId, epoch } = world.rollout;
    world.apply({ type: 'rollbackRollout', rolloutId, epoch, reason: '' });
    world.runToEnd();
    expect(world.runs.get(4)).toBe(FROM.name);
  });
});

describe('the fence', () => {
  it('keeps out a node that says it is something older, and waits for it again', () => {
    const world = finalizing();
    for (const nodeId of [1, 2, 3]) world.acknowledge(nodeId);
    const said = { type: 'setMember', nodeId: 2, status: 'up', host: 'h', port: 1 } as const;
    for (const told of [{}, { commandVersion: 6 }, { commandVersion: 5, release: TO.name }]) {
      expect(applyControl(world.state, 90, { ...said, ...told })).toMatchObject({
        refusal: 'fenced',
      });
    }
    expect(world.state.members.get(2)?.release).toBe(TO.name);
    expect(rolloutUpkeep(world.state, world.state.clockMs, 0)).toBeUndefined();
    expect(world.rollout.fenced).toEqual([1, 3]);
  });

  it('takes no acknowledgement of something older', () => {
    const world = finalizing();
    const { id: rolloutId, epoch } = world.rollout;
    const ack = { type: 'ackFence', rolloutId, nodeId: 2, epoch, engine: 'v1' } as const;
    const old = { ...ack, release: FROM.name, commandVersion: 6 };
    expect(applyControl(world.state, 90, old)).toMatchObject({ refusal: 'fenced' });
    const now = { ...ack, release: TO.name, commandVersion: 6 };
    expect(applyControl(world.state, 91, now).ok).toBe(true);
  });

  it('of engines asks for the engine and the command version', () => {
    const world = worldOf(1);
    finishAll(world);
    world.upkeep(0);
    const { id: rolloutId, epoch } = world.rollout;
    const ack = { type: 'ackFence', rolloutId, nodeId: 1, epoch, release: '' } as const;
    for (const told of [
      { engine: 'v1', commandVersion: 5 },
      { engine: 'v2', commandVersion: 4 },
    ] as const) {
      expect(applyControl(world.state, 90, { ...ack, ...told })).toMatchObject({
        refusal: 'fenced',
      });
    }
    const taken = applyControl(world.state, 91, { ...ack, engine: 'v2', commandVersion: 5 });
    expect(taken.ok).toBe(true);
  });

  it('is not begun while a member says that it runs something else', () => {
    const world = worldOf(3, RELEASE);
    finishAll(world);
    world.say(2, FROM.name);
    const { id: rolloutId, epoch } = world.rollout;
    expect(world.upkeep(0)).toBe(false);
    const finalize = { type: 'finalizeRollout', rolloutId, epoch } as const;
    expect(applyControl(world.state, 90, finalize)).toMatchObject({ refusal: 'not-on-target' });
    world.say(2);
    expect(world.upkeep(0)).toBe(true);
  });
});

describe('a leader', () => {
  it('begins a scheduled rollout by its time of day, and by nothing else', () => {
    const world = worldOf(3, { notBeforeMs: 5_000 });
    world.apply({ type: 'advanceClock', nowMs: 1e9 });
    expect(world.upkeep(4_999)).toBe(false);
    expect(world.upkeep(5_000)).toBe(true);
    expect(world.rollout.status).toBe('running');
  });

  it('ends a soak when the replicated clock says so', () => {
    const world = worldOf(1, { soakMs: 1_000 });
    finishAll(world);
    expect(world.rollout.nodes[0]?.step).toBe('soak');
    expect(world.upkeep(1e12)).toBe(false);
    expect(isClockDue(world.state, 499)).toBe(false);
    expect(isClockDue(world.state, 500)).toBe(true);
    world.apply({ type: 'advanceClock', nowMs: 1_000 });
    expect(world.upkeep(0)).toBe(true);
    expect(world.rollout.status).toBe('switched');
  });

  it('tells its time with what begins a soak, however long the clock was not told', () => {
    const world = worldOf(1, { soakMs: 1_000 });
    const node = (): RolloutNode => world.rollout.nodes[0] as RolloutNode;
    while (node().step !== 'soak') {
      const { nodeId, step, epoch } = node();
      const report = {
        type: 'finishStep',
        rolloutId: world.rollout.id,
        nodeId,
        step,
        epoch,
      } as const;
      const timed = withTime({ ...report, detail: {} }, world.state, 60_000);
      expect(world.apply(timed as ControlCommand)).toBe(true);
    }
    expect(node().sinceMs).toBe(60_000);
    world.apply({ type: 'advanceClock', nowMs: 60_999 });
    expect(world.upkeep(0)).toBe(false);
    world.apply({ type: 'advanceClock', nowMs: 61_000 });
    expect(world.upkeep(0)).toBe(true);
  });

  it('tells no time to a swarm of which a member may not read it', () => {
    const state = swarmOf(1);
    const report = { type: 'raiseVersion', rolloutId: 9 } as const;
    expect(withTime(report, { ...state, commandVersion: 4 }, 7)).toEqual(report);
    expect(withTime(report, state, 7)).toEqual({ ...report, nowMs: 7 });
  });

  it('leaves finalization to an operator when the plan says so', () => {
    const world = worldOf(1, { autoFinalize: false });
    finishAll(world);
    expect(world.upkeep(0)).toBe(false);
    expect(world.rollout.status).toBe('switched');
  });

  it('closes the window at its end, with no session in the swarm', () => {
    const world = finalizing({ rollbackWindowMs: 1_000 });
    for (const nodeId of [1, 2, 3]) world.acknowledge(nodeId);
    world.upkeep(0);
    expect(world.upkeep(0)).toBe(false);
    expect(isClockDue(world.state, 999)).toBe(false);
    expect(isClockDue(world.state, 1_000)).toBe(true);
    world.apply({ type: 'advanceClock', nowMs: 1_000 });
    expect(world.upkeep(0)).toBe(true);
    expect(world.rollout.status).toBe('completed');
  });

  it('raises no command version while a rollout can be taken back', () => {
    const state = swarmOf(1);
    state.commandVersion = 4;
    state.rollout = null;
    const raft = {
      role: 'leader',
      transferTarget: 0,
      confState: { voters: [1], votersOutgoing: [], learners: [] },
      progress: new Map(),
    } as unknown as Parameters<typeof nextUpkeep>[1];
    expect(nextUpkeep(state, raft, 0, 0, () => 0)).toMatchObject({
      command: { type: 'raiseCommandVersion', version: 5 },
    });
    const former = { type: 'startRollout', plan: formerPlan([1]), digest: 'd', startedAtMs: 1 };
    applyControl(state, 2, former as ControlCommand);
    expect(nextUpkeep(state, raft, 0, 0, () => 0)).toBeUndefined();
    // An entry that was on its way is taken, since whoever goes back reads it; a later one is not.
    const raise = { type: 'raiseCommandVersion', version: 5, nowMs: 0 } as const;
    expect(applyControl(state, 3, raise).ok).toBe(true);
    const world = worldOf(1);
    world.state.commandVersion = 4;
    expect(applyControl(world.state, 9, raise)).toMatchObject({ refusal: 'rollout-running' });
  });
});

describe('features', () => {
  it('are open from their command version on', () => {
    for (const name of Object.keys(FEATURES) as (keyof typeof FEATURES)[]) {
      const { version } = FEATURES[name];
      expect(isOpen({ commandVersion: version }, name)).toBe(true);
      expect(isOpen({ commandVersion: (version - 1) as 1 }, name)).toBe(false);
    }
  });
});
