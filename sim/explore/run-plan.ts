/** Runs one plan, whatever its scenario does. */
import { limits } from './limits.js';
import type { Plan } from './plan.js';
import type { RunOptions, RunResult, Scenario } from './scenario.js';
import { isBadPlan } from './failure.js';

/**
 * Runs a plan. A scenario that throws, against its contract, has a failure of the checker
 * `scenario`. Throws `SimulationError` for a plan that cannot be run.
 */
export function runPlan(scenario: Scenario, plan: Plan, options: RunOptions = {}): RunResult {
  const eventsMax = options.eventsMax ?? limits.eventsPerRunMax;
  try {
    const result = scenario.run(plan, { ...options, eventsMax });
    if (result.events <= eventsMax || result.failure !== undefined) return result;
    const message = `the run took ${result.events} events; at most ${eventsMax} are allowed`;
    const atMicroseconds = result.simulatedMicroseconds;
    return { ...result, failure: { checker: 'events', message, atMicroseconds } };
  } catch (error) {
    if (isBadPlan(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const stack = error instanceof Error ? error.stack : undefined;
    return failedRun('scenario', `the scenario ${scenario.name} threw: ${message}`, stack);
  }
}

/** The result of a run of which nothing is known but that it failed. */
export function failedRun(checker: string, message: string, stack?: string): RunResult {
  return {
    events: 0,
    simulatedMicroseconds: 0,
    traceHash: '0'.repeat(16),
    counts: {},
    probes: new Set(),
    failure: { checker, message, atMicroseconds: 0, ...(stack === undefined ? {} : { stack }) },
  };
}

/** What of two runs of one plan differs, in a sentence; undefined when they are equal. */
export function differenceBetween(first: RunResult, second: RunResult): string | undefined {
  const parts: readonly (readonly [name: string, of: (result: RunResult) => string | number])[] = [
    ['events', (result) => result.events],
    ['simulated microseconds', (result) => result.simulatedMicroseconds],
    ['trace hashes', (result) => result.traceHash],
    ['failures', ({ failure }) => (failure === undefined ? 'none' : failure.checker)],
    ['messages of the failure', ({ failure }) => failure?.message ?? 'none'],
    ['counts', ({ counts }) => JSON.stringify(Object.entries(counts).toSorted())],
    ['probes', ({ probes }) => JSON.stringify([...probes].toSorted())],
  ];
  for (const [name, of] of parts) {
    const [one, other] = [of(first), of(second)];
    if (one !== other) return `two runs of one plan have different ${name}: ${one} and ${other}`;
  }
  return undefined;
}
