/** Scenarios of which it is known what makes them fail: no world, only a plan and a verdict. */
import type { Plan, TimedOperation } from '../../../sim/explore/plan.js';
import type { Failure, RunResult, Scenario } from '../../../sim/explore/scenario.js';
import type { TimedFault } from '../../../sim/nemesis/index.js';
import { RandomStream } from '../../../sim/world/index.js';

export const SECOND = 1_000_000;
export const NODES = ['a', 'b', 'c'];

export function crash(atMicroseconds: number, node: string): TimedFault {
  return { atMicroseconds, action: { kind: 'crash', node } };
}

export function restart(atMicroseconds: number, node: string): TimedFault {
  return { atMicroseconds, action: { kind: 'restart', node } };
}

export function operation(atMicroseconds: number, value: number): TimedOperation {
  return { atMicroseconds, client: 1, operation: value };
}

export function planOf(
  faults: readonly TimedFault[],
  operations: readonly TimedOperation[] = [],
  settings: Plan['settings'] = {},
): Plan {
  const durationMicroseconds = 100 * SECOND;
  const ending = { atMicroseconds: durationMicroseconds, action: { kind: 'heal-all' } } as const;
  const schedule = { seed: 1, nodes: NODES, durationMicroseconds, faults: [...faults, ending] };
  return { scenario: 'synthetic', seed: 1, settings, schedule, operations };
}

/** Fails as `judge` says; counts its runs. */
export class Synthetic implements Scenario {
  readonly name = 'synthetic';
  readonly summary = 'Fails as a test says';
  readonly probes = ['even', 'never'];
  runs = 0;
  readonly #judge: (plan: Plan) => string | undefined;
  readonly #simplify: (plan: Plan) => readonly Plan[];

  constructor(
    judge: (plan: Plan) => string | undefined,
    simplify: (plan: Plan) => readonly Plan[] = () => [],
  ) {
    this.#judge = judge;
    this.#simplify = simplify;
  }

  draw(seed: number): Plan {
    const random = new RandomStream(seed, 'synthetic');
    const faults = Array.from({ length: 20 }, () =>
      crash(random.integer(0, 99 * SECOND), random.pick(NODES)),
    );
    faults.sort((a, b) => a.atMicroseconds - b.atMicroseconds);
    const operations = Array.from({ length: 20 }, (_, i) => operation(i * SECOND, i));
    return { ...planOf(faults, operations), seed };
  }

  run(plan: Plan): RunResult {
    this.runs += 1;
    const checker = this.#judge(plan);
    const failure: Failure | undefined =
      checker === undefined
        ? undefined
        : { checker, message: `${checker} does not hold`, atMicroseconds: SECOND };
    return {
      events: 10,
      simulatedMicroseconds: plan.schedule.durationMicroseconds,
      traceHash: plan.seed.toString(16).padStart(16, '0'),
      counts: { runs: 1 },
      probes: new Set(plan.seed % 2 === 0 ? ['even'] : []),
      ...(failure === undefined ? {} : { failure }),
    };
  }

  simplify(plan: Plan): readonly Plan[] {
    return this.#simplify(plan);
  }
}
