import { describe, expect, it } from 'vitest';

import { mayHalt, rolesOf } from '../../../nodes/rollout/judged.js';
import type {
  Guards,
  Rollout,
  RolloutDirection,
  RolloutKind,
  RolloutNode,
  RolloutStatus,
  RolloutStep,
} from '../../../nodes/rollout/state.js';

function rolloutOf(
  kind: RolloutKind,
  status: RolloutStatus,
  steps: readonly (RolloutStep | readonly [RolloutStep, RolloutDirection])[],
  action: Guards['action'] = 'rollback',
): Rollout {
  const nodes = steps.map((each, i) => {
    const [step, direction] = typeof each === 'string' ? [each, 'forward'] : each;
    return { nodeId: i + 1, step, direction, epoch: 1, sinceMs: 0, detail: null };
  });
  return { status, plan: { kind, guards: { action } }, nodes } as unknown as Rollout;
}

function ids(rollout: Rollout): Record<string, number[]> {
  const { judged, switching, references } = rolesOf(rollout);
  const idsOf = (nodes: readonly RolloutNode[]): number[] => nodes.map(({ nodeId }) => nodeId);
  return { judged: idsOf(judged), switching: idsOf(switching), references: idsOf(references) };
}

const nobody = { judged: [], switching: [], references: [] };

/** Which statuses are watched, and in which the guards may act; every one of them. */
const statuses: Record<RolloutStatus, readonly [isWatched: boolean, mayHalt: boolean]> = {
  scheduled: [false, false],
  running: [true, true],
  paused: [true, true],
  switched: [true, true],
  finalizing: [true, true],
  finalized: [true, false],
  completed: [false, false],
  rollingBack: [false, false],
  rolledBack: [false, false],
  aborted: [false, false],
};

describe('whom guards judge', () => {
  it('members behind their switch; those that wait are compared with first', () => {
    const engine = rolloutOf('engine', 'running', [
      'done',
      'soak',
      'rejoin',
      'switch',
      'stage',
      'pending',
      'removed',
    ]);
    expect(ids(engine)).toEqual({ judged: [1, 2, 3], switching: [], references: [6, 4, 5] });
  });

  it('members whose process is being exchanged, to come back', () => {
    const release = rolloutOf('release', 'running', ['soak', 'switch', 'pending']);
    expect(ids(release)).toEqual({ judged: [1], switching: [2], references: [3] });
  });

  it('no member that is on its way back', () => {
    const release = rolloutOf('release', 'running', [['rejoin', 'back'], 'pending', 'soak']);
    expect(ids(release)).toEqual({ judged: [3], switching: [], references: [2, 1] });
  });

  it.each(Object.entries(statuses))(
    'a rollout that is %s: watched, acted upon: %j',
    (status, row) => {
      const rollout = rolloutOf('engine', status as RolloutStatus, ['done', 'pending']);
      const [isWatched, mayAct] = row;
      expect(ids(rollout)).toEqual(
        isWatched ? { judged: [1], switching: [], references: [2] } : nobody,
      );
      expect(mayHalt(rollout)).toBe(mayAct);
    },
  );

  it('a paused rollout is not paused again', () => {
    expect(mayHalt(rolloutOf('engine', 'paused', ['soak'], 'pause'))).toBe(false);
    expect(mayHalt(rolloutOf('engine', 'running', ['soak'], 'pause'))).toBe(true);
  });
});
