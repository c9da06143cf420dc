/** Collects what happens in a run of a plan, for a diagram. */
import { describeAction } from '../nemesis/index.js';
import { limits } from './limits.js';
import type { Plan } from './plan.js';
import { runPlan } from './run-plan.js';
import type { Moment, RunOptions, RunResult, Scenario } from './scenario.js';

/** A run with its moments, in the order in which they happened. */
export interface Story {
  readonly plan: Plan;
  readonly result: RunResult;
  /** The run's own, the faults of the plan, and at the end the failure. */
  readonly moments: readonly Moment[];
  /** Moments at the beginning that were dropped, since there were too many to keep. */
  readonly dropped: number;
}

/** Runs the plan once more and listens. */
export function tellStory(
  scenario: Scenario,
  plan: Plan,
  options: Omit<RunOptions, 'observe'> = {},
): Story {
  const kept = new RecentMoments(limits.momentsKeptMax);
  const result = runPlan(scenario, plan, { ...options, observe: (moment) => kept.add(moment) });
  const { schedule } = plan;
  const end = result.simulatedMicroseconds;
  const notes = schedule.faults
    .filter(({ atMicroseconds }) => atMicroseconds <= end)
    .map(({ atMicroseconds, action }): Moment => {
      return { kind: 'note', atMicroseconds, text: describeAction(action) };
    });
  const moments = merge(notes, kept.inOrder());
  const { failure } = result;
  if (failure !== undefined) {
    const text = `VIOLATION of ${failure.checker}: ${failure.message}`;
    moments.push({ kind: 'note', atMicroseconds: failure.atMicroseconds, text });
  }
  return { plan, result, moments, dropped: kept.dropped };
}

/** The last so many moments. */
class RecentMoments {
  readonly #most: number;
  readonly #moments: Moment[] = [];
  #added = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get dropped(): number {
    return Math.max(0, this.#added - this.#most);
  }

  add(moment: Moment): void {
    this.#moments[this.#added % this.#most] = moment;
    this.#added += 1;
  }

  inOrder(): Moment[] {
    const start = this.#added <= this.#most ? 0 : this.#added % this.#most;
    return [...this.#moments.slice(start), ...this.#moments.slice(0, start)];
  }
}

/** Both lists by time; at equal times the faults first, since they cause the rest. */
function merge(faults: readonly Moment[], moments: readonly Moment[]): Moment[] {
  const merged: Moment[] = [];
  let next = 0;
  for (const moment of moments) {
    for (; next < faults.length; next += 1) {
      const fault = faults[next]!;
      if (fault.atMicroseconds > moment.atMicroseconds) break;
      merged.push(fault);
    }
    merged.push(moment);
  }
  return [...merged, ...faults.slice(next)];
}
