import { describe, expect, it } from 'vitest';
import fc from 'fast-check';

import { CRASHES_MAX, REASON_CHARACTERS_MAX } from '../../../nodes/release/limits.js';
import { startableRecord } from '../../../nodes/release/supervision.js';
import { BROKEN, Environment, FIRST, SECOND, firstRecord } from './environment.js';

const rollout = { id: 7, epoch: 3 };

function running(record = firstRecord()): Environment {
  const environment = new Environment(record);
  environment.settle();
  return environment;
}

function mainId({ state }: Environment): number {
  return state.main?.id ?? 0;
}

function handOver(environment: Environment, to: string, step: typeof rollout | null = null): void {
  environment.input({ type: 'handOver', requestId: 'r', to, rollout: step });
}

/** Hands over in a rollout, until the other release has the directory in its hands; returns its process. */
function tryOut(environment: Environment): number {
  handOver(environment, SECOND, rollout);
  const standby = mainId(environment) + 1;
  environment.goOn(standby);
  environment.goOn(standby - 1);
  return standby;
}

describe('the record that a supervisor begins with', () => {
  const known = new Set([FIRST, SECOND]);

  it('is the one on the disk while its releases are known', () => {
    const record = { ...firstRecord(SECOND), fallback: FIRST, isTrial: true, rollout };
    expect(startableRecord(record, FIRST, known)).toEqual(record);
  });

  it('names the release before when the files of the current one were replaced', () => {
    const record = { ...firstRecord('gone'), fallback: FIRST, isTrial: true, rollout };
    expect(startableRecord(record, SECOND, known)).toMatchObject({
      current: FIRST,
      fallback: null,
      isTrial: false,
      failed: { release: 'gone', reason: 'the files of release gone were replaced', rollout },
    });
  });

  it('names the release of the supervisor when there is no other', () => {
    const record = { ...firstRecord('gone'), fallback: 'gone too' };
    expect(startableRecord(record, SECOND, known)).toMatchObject({
      current: SECOND,
      fallback: null,
    });
  });

  it('is no trial when the way back is gone', () => {
    const record = { ...firstRecord(SECOND), fallback: 'gone', isTrial: true };
    expect(startableRecord(record, FIRST, known)).toMatchObject({
      current: SECOND,
      fallback: null,
      isTrial: false,
    });
  });
});

describe('a supervisor', () => {
  it('starts what the record says', () => {
    const environment = running();
    expect(environment.state.main).toMatchObject({ release: FIRST, stage: 'ready' });
  });

  it('hands over when the standby is warm, and not before', () => {
    const environment = running();
    const before = mainId(environment);
    handOver(environment, SECOND);
    expect(environment.state.main).toMatchObject({ id: before, stage: 'ready' });
    environment.settle();
    expect(environment.state.main).toMatchObject({ release: SECOND, stage: 'ready' });
    expect(environment.answers.get('r')).toBeNull();
    expect(environment.record).toEqual({ ...firstRecord(SECOND), rollout: null });
    expect([...environment.processes.keys()]).toEqual([mainId(environment)]);
  });

  it('lets the process before keep the port until the next one has opened the directory', () => {
    const environment = running();
    const before = mainId(environment);
    handOver(environment, SECOND);
    const [standby = 0] = [...environment.processes.keys()].filter((id) => id !== before);
    environment.goOn(standby);
    environment.goOn(before);
    expect(environment.processes.get(before)?.stage).toBe('keepsPort');
    environment.goOn(standby);
    expect(environment.processes.has(before)).toBe(false);
  });

  it('does not keep the port for a standby that has died', () => {
    const environment = running();
    const before = mainId(environment);
    handOver(environment, SECOND, rollout);
    environment.goOn(before + 1);
    environment.end(before + 1, 'it ended with code 1');
    environment.goOn(before);
    expect(environment.processes.has(before)).toBe(false);
    environment.settle();
    expect(environment.state.main).toMatchObject({ release: FIRST, stage: 'ready' });
    expect(environment.nowMs).toBe(0);
  });

  it('goes on as it was when the other release does not come up to be a standby', () => {
    const environment = running();
    const before = mainId(environment);
    handOver(environment, SECOND, rollout);
    environment.end(before + 1, 'it ended with code 1');
    expect(environment.state.main).toMatchObject({ id: before, stage: 'ready' });
    expect(environment.answers.get('r')).toContain('it ended with code 1');
    expect(environment.record.current).toBe(FIRST);
    expect(environment.record.failed).toMatchObject({ release: SECOND, rollout });
  });

  it('goes back when the other release dies with the directory in its hands', () => {
    const environment = running();
    handOver(environment, BROKEN, rollout);
    environment.settle();
    expect(environment.state.main).toMatchObject({ release: FIRST, stage: 'ready' });
    expect(environment.answers.get('r')).toContain('it is broken');
    expect(environment.record).toMatchObject({ current: FIRST, fallback: null, isTrial: false });
    expect(environment.record.failed).toMatchObject({ reason: 'it is broken', rollout });
  });

  it('starts the other release again when somebody kills it, until it was killed three times', () => {
    const environment = running();
    const standby = tryOut(environment);
    for (const id of [standby, standby + 1]) {
      expect(environment.state.main).toMatchObject({ id, release: SECOND });
      environment.end(id, 'it ended by SIGKILL');
      expect(environment.record).toMatchObject({ current: SECOND, fallback: FIRST, isTrial: true });
      expect(environment.answers.has('r')).toBe(false);
    }
    environment.end(standby + 2, 'it ended by SIGKILL');
    environment.settle();
    expect(environment.state.main).toMatchObject({ release: FIRST, stage: 'ready' });
    expect(environment.record.failed).toMatchObject({ release: SECOND, rollout });
  });

  it('takes the other release for good that is killed once, and does not die by itself', () => {
    const environment = running();
    const standby = tryOut(environment);
    environment.end(standby, 'it ended by SIGKILL');
    environment.settle();
    expect(environment.state.main).toMatchObject({ release: SECOND, stage: 'ready' });
    expect(environment.record).toMatchObject({ current: SECOND, isTrial: false, failed: null });
    expect(environment.state.crashes).toBe(0);
  });

  it('goes on when somebody kills the standby, and may be asked for it again', () => {
    const environment = running();
    const before = mainId(environment);
    handOver(environment, SECOND, rollout);
    environment.end(before + 1, 'it ended by SIGKILL');
    expect(environment.state.main).toMatchObject({ id: before, stage: 'ready' });
    expect(environment.answers.get('r')).toContain('was killed');
    expect(environment.record.failed).toBeNull();
    handOver(environment, SECOND, rollout);
    environment.settle();
    expect(environment.state.main).toMatchObject({ release: SECOND, stage: 'ready' });
  });

  it.each([
    ['it ended by SIGKILL', SECOND, null],
    ['it ended with code 1', FIRST, { release: SECOND, rollout }],
  ])('whose standby ends while the other drains: %s', (how, release, failed) => {
    const environment = running();
    const standby = mainId(environment) + 1;
    handOver(environment, SECOND, rollout);
    environment.goOn(standby);
    expect(environment.state.main?.stage).toBe('draining');
    environment.end(standby, how);
    environment.settle();
    expect(environment.state.main).toMatchObject({ release, stage: 'ready' });
    expect(environment.record).toMatchObject({ current: release, isTrial: false });
    if (failed === null) expect(environment.record.failed).toBeNull();
    else expect(environment.record.failed).toMatchObject(failed);
    expect(environment.answers.get('r') === null).toBe(failed === null);
  });

  it('goes back when its standby is killed while the other drains, and then twice on trial', () => {
    const environment = running();
    const standby = mainId(environment) + 1;
    handOver(environment, SECOND, rollout);
    environment.goOn(standby);
    environment.end(standby, 'it ended by SIGKILL');
    environment.goOn(standby - 1);
    for (const id of [standby + 1, standby + 2]) environment.end(id, 'it ended by SIGKILL');
    environment.settle();
    expect(environment.state.main).toMatchObject({ release: FIRST, stage: 'ready' });
    expect(environment.record.failed).toMatchObject({ release: SECOND, rollout });
  });

  it('goes back when the other release does not serve in time', () => {
    const environment = running();
    tryOut(environment);
    expect(environment.state.due?.what).toBe('ready');
    environment.nowMs = environment.state.due?.atMs ?? 0;
    environment.input({ type: 'time' });
    environment.settle();
    expect(environment.state.main).toMatchObject({ release: FIRST, stage: 'ready' });
    expect(environment.record.failed?.reason).toBe('it did not serve in time');
  });

  it('tries again what was on trial when its own process died, and keeps the way back', () => {
    const trial = { ...firstRecord(SECOND), fallback: FIRST, isTrial: true, rollout };
    const environment = running(trial);
    expect(environment.record).toEqual({ ...trial, isTrial: false });
    const broken = running({ ...trial, current: BROKEN });
    expect(broken.state.main).toMatchObject({ release: FIRST, stage: 'ready' });
  });

  it(`falls back after ${CRASHES_MAX} deaths in a row, while a rollout can be undone`, () => {
    const environment = running();
    handOver(environment, SECOND, rollout);
    environment.settle();
    for (let death = 1; death <= CRASHES_MAX; death += 1) {
      expect(environment.record.current).toBe(SECOND);
      environment.end(mainId(environment), 'it ended by SIGSEGV');
      environment.settle();
    }
    expect(environment.record).toMatchObject({ current: FIRST, fallback: null });
    expect(environment.record.failed?.reason).toContain('SIGSEGV');
  });

  it('does not blame a release for what any release would end of', () => {
    const environment = running();
    handOver(environment, SECOND, rollout);
    environment.settle();
    const die = (isOfPlace: boolean): void => {
      const id = mainId(environment);
      environment.input({ type: 'failed', id, reason: 'why', isFinal: false, isOfPlace });
      environment.end(id, 'it ended with code 1');
      environment.settle();
    };
    for (let death = 1; death <= 3 * CRASHES_MAX; death += 1) die(true);
    expect(environment.record).toMatchObject({ current: SECOND, fallback: FIRST, failed: null });
    expect(environment.nowMs).toBeGreaterThan(10_000);
    for (let death = 1; death < CRASHES_MAX; death += 1) die(false);
    expect(environment.record.current).toBe(SECOND);
    die(false);
    expect(environment.record).toMatchObject({ current: FIRST, failed: { release: SECOND } });
  });

  it('keeps no reason that its record cannot hold', () => {
    const reason = 'x'.repeat(REASON_CHARACTERS_MAX * 2);
    const environment = running();
    handOver(environment, SECOND, rollout);
    environment.end(mainId(environment) + 1, reason);
    expect(environment.record.failed?.reason).toHaveLength(REASON_CHARACTERS_MAX);
    handOver(environment, SECOND, rollout);
    environment.settle();
    for (let death = 1; death <= CRASHES_MAX; death += 1) {
      environment.input({ type: 'failed', id: mainId(environment), reason, isFinal: false });
      environment.end(mainId(environment), 'it ended with code 1');
      environment.settle();
    }
    expect(environment.record).toMatchObject({ current: FIRST, failed: { release: SECOND } });
    expect(environment.record.failed?.reason).toHaveLength(REASON_CHARACTERS_MAX);
  });

  it('starts a release again for ever when there is none to fall back to, ever later', () => {
    const environment = running();
    for (let death = 1; death <= 20; death += 1) {
      environment.end(mainId(environment), 'it ended by SIGSEGV');
      environment.settle();
    }
    expect(environment.state.main).toMatchObject({ release: FIRST, stage: 'ready' });
    expect(environment.state.restarts).toBe(20);
    expect(environment.nowMs).toBeGreaterThan(100_000);
  });

  it('keeps nothing to fall back to when it has gone back, or when the rollout is over', () => {
    const environment = running();
    handOver(environment, SECOND, rollout);
    environment.settle();
    expect(environment.record.fallback).toBe(FIRST);
    handOver(environment, FIRST, { ...rollout, epoch: 9 });
    environment.settle();
    expect(environment.record).toMatchObject({ current: FIRST, fallback: null });
    handOver(environment, SECOND, { ...rollout, id: 8 });
    environment.settle();
    environment.input({ type: 'settle', id: mainId(environment) });
    expect(environment.record).toMatchObject({ current: SECOND, fallback: null });
  });

  it('refuses a second hand-over while one is under way', () => {
    const environment = running();
    handOver(environment, SECOND);
    environment.input({ type: 'handOver', requestId: 's', to: BROKEN, rollout: null });
    expect(environment.answers.get('s')).toContain('under way');
  });

  it('takes a release whose files were replaced in their place, unless a rollout chose it', () => {
    const environment = new Environment();
    environment.input({ type: 'standby', id: 1, release: SECOND });
    expect(environment.record.current).toBe(SECOND);
    const trial = { ...firstRecord(SECOND), fallback: FIRST, isTrial: true, rollout };
    const chosen = new Environment(trial);
    chosen.input({ type: 'standby', id: 1, release: BROKEN });
    chosen.settle();
    expect(chosen.state.main).toMatchObject({ release: FIRST, stage: 'ready' });
  });

  it('ends when its node says that starting again is of no use', () => {
    const environment = running();
    const id = mainId(environment);
    environment.input({ type: 'failed', id, reason: 'it was removed', isFinal: true });
    environment.end(id, 'it ended with code 1');
    expect(environment.exitProblem).toBe('it was removed');
  });
});

type Happening =
  | { readonly what: 'goOn' | 'die'; readonly which: number }
  | { readonly what: 'handOver'; readonly to: string; readonly isRollout: boolean }
  | { readonly what: 'settle' | 'supervisorDies' | 'wait' };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ what: fc.constant('goOn' as const), which: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('die' as const), which: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('handOver' as const),
      to: fc.constantFrom(FIRST, SECOND, BROKEN),
      isRollout: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constantFrom('settle' as const, 'supervisorDies' as const, 'wait' as const),
    }),
  },
);

function happen(environment: Environment, each: Happening, count: number): Environment {
  const ids = [...environment.processes.keys()];
  switch (each.what) {
    case 'goOn':
      environment.goOn(ids[each.which % ids.length] ?? 0);
      return environment;
    case 'die':
      environment.end(ids[each.which % ids.length] ?? 0, 'it ended by SIGKILL');
      return environment;
    case 'handOver': {
      const { to, isRollout } = each;
      const step = isRollout ? { id: 7, epoch: count } : null;
      environment.input({ type: 'handOver', requestId: `r${count}`, to, rollout: step });
      return environment;
    }
    case 'settle':
      environment.input({ type: 'settle', id: environment.state.main?.id ?? 0 });
      return environment;
    case 'wait':
      environment.nowMs = environment.state.due?.atMs ?? environment.nowMs + 1_000;
      environment.input({ type: 'time' });
      return environment;
    case 'supervisorDies': {
      // Its children end when they see the channel close; the next one begins with the record alone.
      const next = new Environment(environment.record);
      next.nowMs = environment.nowMs;
      return next;
    }
  }
}

describe('whatever happens to a supervisor and its processes', () => {
  it('one process at most has the directory, and in the end a release serves that works', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
        let environment = running();
        happenings.forEach((each, count) => {
          environment = happen(environment, each, count);
          expect(environment.holders.length).toBeLessThanOrEqual(1);
          const { isTrial, fallback } = environment.record;
          expect(isTrial && fallback === null).toBe(false);
        });
        environment.settle();
        expect(environment.state.main).toMatchObject({ stage: 'ready' });
        expect([FIRST, SECOND]).toContain(environment.state.main?.release);
        expect(environment.record.current).toBe(environment.state.main?.release);
        expect(environment.record.isTrial).toBe(false);
        expect(environment.processes.size).toBe(1);
      }),
      { numRuns: 2_000 },
    );
  });

  it('it ends when it is told to, with no process left', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 30 }), (happenings) => {
        let environment = running();
        happenings.forEach((each, count) => {
          environment = happen(environment, each, count);
        });
        environment.input({ type: 'stop' });
        environment.settle();
        expect(environment.hasExited).toBe(true);
        expect(environment.holders).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
