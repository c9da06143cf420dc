import { describe, expect, it } from 'vitest';

import { ackFence, closeWindow, finalize, raise } from '../../../nodes/rollout/finalizing.js';
import * as machine from '../../../nodes/rollout/machine.js';
import { GUARDS_DEFAULT } from '../../../nodes/rollout/limits.js';
import type { Rollout, RolloutStatus } from '../../../nodes/rollout/state.js';
import { TRANSITIONS } from '../../../nodes/rollout/transitions.js';
import type { RolloutEvent, RolloutRefusal } from '../../../nodes/rollout/transitions.js';
import { expectGolden } from './golden.js';
import { IN_STATUS } from './rollouts.js';

const reason = 'why';
const ALWAYS = { days: [1], fromMinute: 0, lengthMinutes: 1_440, offsetMinutes: 0 };

/** Each event with what fits the rollout that it comes to. */
const EVENTS: Readonly<Record<RolloutEvent, (rollout: Rollout) => RolloutRefusal | null>> = {
  finishStep(rollout) {
    const node = machine.nodesWithSteps(rollout)[0] ?? rollout.nodes[0]!;
    return machine.finishStep(rollout, { ...node, detail: {} }, 0);
  },
  begin: (rollout) => machine.begin(rollout, rollout.epoch, 0),
  open(rollout) {
    const windowed = { ...rollout, plan: { ...rollout.plan, windows: [ALWAYS] } };
    return machine.open(windowed, { epoch: rollout.epoch, openUntilMs: 9_000 }, 0);
  },
  pause: (rollout) => machine.pause(rollout, { epoch: rollout.epoch, reason }, 0),
  resume: (rollout) => machine.resume(rollout, rollout.epoch, 0),
  throttle: (rollout) =>
    machine.throttle(rollout, { epoch: rollout.epoch, maxUnavailable: 1, soakMs: 1 }, 0),
  postpone: (rollout) => machine.postpone(rollout, { epoch: rollout.epoch, notBeforeMs: 9_000 }, 0),
  abort: (rollout) => machine.abort(rollout, reason, 0),
  giveUp(rollout) {
    const node = machine.nodesWithSteps(rollout)[0] ?? rollout.nodes[0]!;
    return machine.giveUp(rollout, { nodeId: node.nodeId, nodeEpoch: node.epoch, reason }, 0);
  },
  rollback: (rollout) => machine.rollBack(rollout, { epoch: rollout.epoch, reason }, 0),
  halt(rollout) {
    const guarded = { ...rollout, plan: { ...rollout.plan, guards: GUARDS_DEFAULT } };
    const { nodeId, epoch: nodeEpoch } = rollout.nodes[0]!;
    const refusal = machine.halt(guarded, { nodeId, nodeEpoch, reason }, 0);
    rollout.status = guarded.status;
    return refusal;
  },
  finalize: (rollout) => finalize(rollout, rollout.epoch),
  ackFence: (rollout) => ackFence(rollout, { nodeId: 1, epoch: rollout.epoch }),
  raise: (rollout) => raise(rollout, 0),
  closeWindow: (rollout) => closeWindow(rollout, { epoch: rollout.epoch, early: false }, 5_000),
};

const STATUSES = Object.keys(IN_STATUS) as RolloutStatus[];
const NAMES = Object.keys(EVENTS) as RolloutEvent[];

describe('every event in every status', () => {
  it('has the outcome that stands in golden/transitions.txt', () => {
    const lines = STATUSES.flatMap((status) => [
      '',
      status,
      ...NAMES.map((event) => {
        const rollout = IN_STATUS[status]();
        const refusal = EVENTS[event](rollout);
        const outcome = refusal === null ? `-> ${rollout.status}` : `refused: ${refusal}`;
        return `  ${event.padEnd(12)} ${outcome}`;
      }),
    ]);
    expectGolden('transitions.txt', lines.slice(1).join('\n'));
  });

  it('that is refused changes nothing', () => {
    for (const status of STATUSES) {
      for (const event of NAMES) {
        const rollout = IN_STATUS[status]();
        const before = structuredClone(rollout);
        if (EVENTS[event](rollout) !== null) expect(rollout, `${event}, ${status}`).toEqual(before);
      }
    }
  });

  it('that the table takes is refused when it names another epoch', () => {
    const ofNodes = ['finishStep', 'abort', 'giveUp', 'halt', 'raise'];
    const fenced = NAMES.filter((name) => !ofNodes.includes(name));
    for (const status of STATUSES) {
      for (const event of fenced.filter((name) => TRANSITIONS[name][status] === null)) {
        const rollout = IN_STATUS[status]();
        const before = structuredClone(rollout);
        expect(refusedLate(event, rollout), `${event}, ${status}`).toBe('stale-epoch');
        expect(rollout).toEqual(before);
      }
    }
  });
});

/** The event as it was made for the epoch before the one that the rollout has. */
function refusedLate(event: RolloutEvent, rollout: Rollout): RolloutRefusal | null {
  const epoch = rollout.epoch - 1;
  switch (event) {
    case 'begin':
      return machine.begin(rollout, epoch, 0);
    case 'open':
      return machine.open(rollout, { epoch, openUntilMs: 1 }, 0);
    case 'resume':
      return machine.resume(rollout, epoch, 0);
    case 'pause':
      return machine.pause(rollout, { epoch, reason }, 0);
    case 'throttle':
      return machine.throttle(rollout, { epoch, maxUnavailable: 1, soakMs: 1 }, 0);
    case 'postpone':
      return machine.postpone(rollout, { epoch, notBeforeMs: 9_000 }, 0);
    case 'rollback':
      return machine.rollBack(rollout, { epoch, reason }, 0);
    case 'finalize':
      return finalize(rollout, epoch);
    case 'ackFence':
      return ackFence(rollout, { nodeId: 1, epoch });
    case 'closeWindow':
      return closeWindow(rollout, { epoch, early: true }, 5_000);
    default:
      throw new Error(`${event} has no epoch of the rollout`);
  }
}
