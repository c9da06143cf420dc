/** What is shown of a rollout that moves: lines for a log, a table for a terminal, objects for programs. */
import { describe, expect, it } from 'vitest';

import { planOptionsOf } from '../../../src/cli/rollout-options.js';
import { rolloutLines } from '../../../src/cli/rollout-text.js';
import { watchRollout } from '../../../src/cli/rollout-watch.js';
import { hasEnded } from '../../../src/client/index.js';
import type { Rollout, SwarmClient } from '../../../src/client/index.js';
import { rolloutSchema } from '../../../src/client/rollout-answers.js';

type Step = Rollout['nodes'][number]['step'];

function rollout(steps: readonly Step[], more: object = {}): Rollout {
  return rolloutSchema.parse({
    id: 7,
    digest: 'd',
    from: 'v1',
    to: 'v2',
    status: 'running',
    nodes: steps.map((step, i) => ({
      nodeId: i + 1,
      step,
      epoch: i,
      sinceMs: 1_000,
      detail: null,
    })),
    startedAtMs: 1,
    limits: { maxUnavailable: 1, soakMs: 15_000 },
    ...more,
  });
}

/** A swarm that tells one state after the other; node 1 is reached and says what it does. */
function swarmOf(states: readonly (Rollout | null)[]): SwarmClient {
  const left = [...states];
  const client = {
    members: [{ nodeId: 1, peerId: 'peer-1' }],
    status: async ({ only }: { only: string }) => ({ progress: `what ${only} does` }),
    rollouts: {
      status: async () => ({ rollout: left.shift() ?? null, clockMs: 6_000, progress: '' }),
    },
  };
  return client as unknown as SwarmClient;
}

const STATES = [
  rollout(['cordon', 'pending']),
  rollout(['soak', 'pending']),
  rollout(['soak', 'pending'], { status: 'paused', reason: 'a look' }),
  rollout(['pending', 'pending'], { status: 'rolledBack', goal: 'rolledBack', reason: 'no' }),
];

async function shown(
  out: { isTTY?: boolean; columns?: number },
  json: boolean,
  states: readonly (Rollout | null)[] = STATES,
): Promise<{ text: string; last: Rollout }> {
  let text = '';
  const output = { ...out, write: (more: string) => (text += more) };
  const [first, ...rest] = states;
  const options = { out: output, json, intervalMs: 1, isOver: hasEnded };
  const last = await watchRollout(swarmOf(rest), first!, options);
  return { text, last };
}

describe('a rollout that is watched', () => {
  it('goes on when nobody can be asked about it, which is said', async () => {
    const status = async (): Promise<never> => Promise.reject(new Error('no member answered'));
    const client = { rollouts: { status } } as unknown as SwarmClient;
    const out = { write: () => true };
    const options = { out, json: false, intervalMs: 1, isOver: hasEnded };
    await expect(watchRollout(client, STATES[0]!, options)).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(
        /no member answered\nThe rollout goes on without this command/,
      ),
    });
  });

  it('is lines of what changed where there is no terminal', async () => {
    const { text, last } = await shown({}, false);
    const lines = text.trimEnd().split('\n');
    expect(lines.every((line) => /^\d\d:\d\d:\d\d {2}/.test(line))).toBe(true);
    expect(lines.map((line) => line.slice(10))).toEqual([
      'rollout 7: running',
      'node 1: cordon',
      'node 1: soak',
      'node 1: what peer-1 does',
      'rollout 7: paused: a look',
      'rollout 7: rolled back: no',
      'node 1: on v1',
      'node 2: on v1',
    ]);
    expect(last.status).toBe('rolledBack');
  });

  it('is drawn over itself on a terminal, no wider than that', async () => {
    const { text } = await shown({ isTTY: true, columns: 30 }, false);
    const frames = text.split('\u001b[4A\u001b[J');
    expect(frames).toHaveLength(STATES.length);
    expect(frames[1]).toContain('  node 1    soak: 10 s more');
    for (const line of frames.flatMap((frame) => frame.split('\n'))) {
      expect(line.length).toBeLessThan(30);
    }
  });

  it('is an object for each change with --json', async () => {
    const { text } = await shown({ isTTY: true }, true);
    const objects = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { rollout: Rollout });
    expect(objects.map((each) => each.rollout.status)).toEqual([
      'running',
      'running',
      'paused',
      'rolledBack',
    ]);
  });

  it('ends when another rollout has begun, or none is known any more', async () => {
    const other = rollout(['cordon', 'pending'], { id: 9 });
    for (const next of [other, null]) {
      const { last } = await shown({}, false, [rollout(['stage', 'pending']), next]);
      expect(last.id).toBe(7);
    }
  });
});

describe('the lines of a rollout', () => {
  it('name batches where there are any, canaries first', () => {
    const plan = { from: 'v1', to: 'v2', batches: [[1], [2, 3]], canaries: 1 };
    expect(rolloutLines(rollout(['done', 'stage', 'pending'], { plan })).slice(2)).toEqual([
      '  batch 1, canary',
      '    node 1    done',
      '  batch 2',
      '    node 2    stage',
      '    node 3    pending',
    ]);
  });

  it('say what a status waits for', () => {
    const line = (more: object, clockMs?: number): string =>
      rolloutLines(rollout(['done'], more), clockMs === undefined ? {} : { clockMs })[0] ?? '';
    expect(line({ status: 'finalized', windowEndsMs: 7_200_000 }, 0)).toMatch(
      /finalized, can be rolled back: for 2 h 0 min more$/,
    );
    expect(line({ status: 'finalizing', fenced: [] })).toMatch(/finalizing: 0 of 1 nodes fenced$/);
    expect(line({ status: 'scheduled', notBeforeMs: 0 })).toMatch(/before 1970-01-01T00:00/);
    expect(line({ status: 'switched' })).toMatch(/switched, waits to be finalized$/);
  });
});

describe('the options of a plan', () => {
  const NONE = { autoFinalize: true, guards: true };

  it('have guards and a soak that covers their windows, unless told otherwise', () => {
    const byDefault = { plan: { soakMs: 15_000, guards: {} }, isDefault: true };
    expect(planOptionsOf(NONE)).toEqual(byDefault);
    const other = planOptionsOf({ ...NONE, guardWindow: 2_000, guardWindows: 4 });
    expect(other.plan).toEqual({ soakMs: 10_000, guards: { windowMs: 2_000, windows: 4 } });
    const without = planOptionsOf({ autoFinalize: false, guards: false, soak: 9 });
    expect(without.plan).toEqual({ soakMs: 9, autoFinalize: false, guards: null });
    expect([other, without].map(({ isDefault }) => isDefault)).toEqual([false, false]);
  });

  it('contradict each other nowhere', () => {
    expect(() => planOptionsOf({ ...NONE, guards: false, p99Factor: 2 })).toThrow(/contradict/);
  });
});
