/** A scenario for tests of the command line: each seed is another kind of trouble. */
import type { Plan, RunResult, Scenario } from '../../../../sim/index.js';

const FAILS = 5;
const DIES = 6;
const HANGS = 7;
const THROWS_LATER = 8;
const DIFFERS = 9;
const SLOW_FROM = 1_000;

let runs = 0;

function plan(seed: number): Plan {
  const nodes = ['a', 'b'];
  const faults = [1, 2, 3].map((at) => {
    return { atMicroseconds: at * 1_000, action: { kind: 'crash', node: 'a' } } as const;
  });
  const schedule = { seed, nodes, durationMicroseconds: 10_000, faults };
  return { scenario: 'troubled', seed, settings: {}, schedule, operations: [] };
}

function run({ seed, schedule }: Plan): RunResult {
  runs += 1;
  if (seed === DIES) process.exit(3);
  if (seed === HANGS) for (;;);
  if (seed === THROWS_LATER) {
    setTimeout(() => {
      throw new Error('thrown later');
    }, 0);
  }
  if (seed >= SLOW_FROM) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  process.stdout.write(seed === 1 ? 'the scenario prints\n' : '');
  const failure =
    seed === FAILS && schedule.faults.length > 0
      ? { checker: 'sum', message: 'the sum is wrong', atMicroseconds: 1_000 }
      : undefined;
  return {
    events: 3,
    simulatedMicroseconds: 10_000,
    traceHash: (seed === DIFFERS ? runs : seed).toString(16).padStart(16, '0'),
    counts: { writes: seed },
    probes: new Set(seed % 2 === 0 ? ['even'] : []),
    ...(failure === undefined ? {} : { failure }),
  };
}

export const scenario: Scenario = {
  name: 'troubled',
  summary: 'Trouble by seed',
  probes: ['even', 'never'],
  draw: plan,
  run,
};
