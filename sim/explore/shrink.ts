/**
 * Makes a failing plan smaller while it fails in the same way: fewer faults and operations (delta
 * debugging), a shorter run, simpler settings, rounder times. Deterministic: the same plan and bounds
 * give the same result, as long as the bound is one of runs and not of time.
 */
import { SimulationError } from '../world/index.js';
import type { TimedFault } from '../nemesis/index.js';
import { BoundReached, ddmin } from './ddmin.js';
import { limits } from './limits.js';
import type { Plan, TimedOperation } from './plan.js';
import { runPlan } from './run-plan.js';
import { dropIdleEnding, pairFaults, splitEnding } from './schedule-edit.js';
import type { Failure, Scenario } from './scenario.js';

export interface ShrinkOptions {
  /** Runs at most, the first one included. */
  readonly runsMax?: number;
  readonly eventsMax?: number;
  /** Asked before each run, for a bound of time. */
  readonly shouldStop?: () => boolean;
  readonly onProgress?: (plan: Plan, runs: number) => void;
}

export interface ShrinkResult {
  /** The smallest plan found that fails as the given one does. */
  readonly plan: Plan;
  readonly failure: Failure;
  readonly runs: number;
  /** True when nothing can be left out any more; false when a bound ended the search. */
  readonly isMinimal: boolean;
}

/**
 * Shrinks a plan that fails. The same way to fail is the same checker: without that a plan would
 * wander to another, simpler bug. Throws `SimulationError` if the plan does not fail at all.
 */
export function shrink(scenario: Scenario, plan: Plan, options: ShrinkOptions = {}): ShrinkResult {
  const shrinking = new Shrinking(scenario, plan, options);
  const isMinimal = shrinking.untilMinimal();
  return { ...shrinking.smallest, runs: shrinking.runs, isMinimal };
}

type Unit =
  | { readonly kind: 'faults'; readonly faults: readonly TimedFault[] }
  | { readonly kind: 'operation'; readonly operation: TimedOperation };

class Shrinking {
  readonly #scenario: Scenario;
  readonly #options: ShrinkOptions;
  readonly #runsMax: number;
  /** Plans that were found not to fail in this way, by a hash of their text. */
  readonly #passed = new Set<string>();
  smallest: { readonly plan: Plan; readonly failure: Failure };
  runs = 0;

  constructor(scenario: Scenario, plan: Plan, options: ShrinkOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#runsMax = options.runsMax ?? limits.shrinkRunsMax;
    const failure = this.#run(plan);
    if (failure === undefined) {
      throw new SimulationError(
        'invalid-option',
        `the plan of seed ${plan.seed} of ${plan.scenario} does not fail; there is nothing to shrink`,
      );
    }
    this.smallest = { plan, failure };
  }

  /** False when a bound was reached. */
  untilMinimal(): boolean {
    try {
      for (;;) {
        const before = this.smallest.plan;
        this.#leaveOut(pairUnits);
        this.#leaveOut(singleUnits);
        this.#simplifySettings();
        this.#shorten();
        this.#roundTimes();
        this.#dropIdleEnding();
        if (this.smallest.plan === before) return true;
      }
    } catch (error) {
      if (error instanceof BoundReached) return false;
      throw error;
    }
  }

  #leaveOut(unitsOf: (plan: Plan) => readonly Unit[]): void {
    const { plan } = this.smallest;
    const units = unitsOf(plan);
    ddmin(
      units,
      (subset) => subset.length < units.length && this.#keepIfFails(withUnits(plan, subset)),
    );
  }

  /** Takes the first simpler plan that still fails, again and again. */
  #simplifySettings(): void {
    for (;;) {
      const candidates = this.#scenario.simplify?.(this.smallest.plan) ?? [];
      if (!candidates.some((candidate) => this.#keepIfFails(candidate))) return;
    }
  }

  /** Ends the safety phase right after the last thing that happens in it, or at a shorter half. */
  #shorten(): void {
    const { plan, failure } = this.smallest;
    const { faults } = splitEnding(plan.schedule);
    const last = Math.max(0, ...faults.map((one) => one.atMicroseconds));
    const shortest = last + 1;
    for (const unit of ROUND_MICROSECONDS) {
      const duration = roundUp(shortest, unit);
      // Shorter by less than the unit is not worth times that are less round.
      if (duration >= plan.schedule.durationMicroseconds) return;
      if (this.#keepIfFails(withDuration(plan, duration))) return;
    }
    const atFailure = failure.atMicroseconds;
    const isShorter = atFailure >= shortest && atFailure < plan.schedule.durationMicroseconds;
    if (isShorter && this.#keepIfFails(withDuration(plan, atFailure))) return;
    for (;;) {
      const current = this.smallest.plan;
      const now = current.schedule.durationMicroseconds;
      const half = roundUp(now / 2, ROUND_MICROSECONDS[0]);
      if (half >= now || half < shortest) return;
      if (!this.#keepIfFails(withDuration(current, half))) return;
    }
  }

  /** All times at once as round as can be; then each alone. */
  #roundTimes(): void {
    for (const unit of ROUND_MICROSECONDS) {
      if (this.#keepIfFails(roundAll(this.smallest.plan, unit))) break;
    }
    for (let position = 0; position < timedCount(this.smallest.plan); position += 1) {
      for (const unit of ROUND_MICROSECONDS) {
        if (this.#keepIfFails(roundOne(this.smallest.plan, position, unit))) break;
      }
    }
  }

  #dropIdleEnding(): void {
    const { plan } = this.smallest;
    const schedule = dropIdleEnding(plan.schedule);
    if (schedule.faults.length < plan.schedule.faults.length) {
      this.#keepIfFails({ ...plan, schedule });
    }
  }

  #keepIfFails(plan: Plan): boolean {
    const text = JSON.stringify(plan);
    if (text === JSON.stringify(this.smallest.plan)) return false;
    const key = hash(text);
    if (this.#passed.has(key)) return false;
    const failure = this.#run(plan);
    if (failure === undefined || failure.checker !== this.smallest.failure.checker) {
      this.#passed.add(key);
      return false;
    }
    this.smallest = { plan, failure };
    this.#options.onProgress?.(plan, this.runs);
    return true;
  }

  #run(plan: Plan): Failure | undefined {
    if (this.runs >= this.#runsMax || this.#options.shouldStop?.() === true) {
      // The first run is always made: without it nothing is known.
      if (this.runs > 0) throw new BoundReached();
    }
    this.runs += 1;
    const { eventsMax } = this.#options;
    try {
      return runPlan(this.#scenario, plan, eventsMax === undefined ? {} : { eventsMax }).failure;
    } catch (error) {
      // A plan that the scenario refuses is no way to fail; the given one must be runnable.
      if (this.runs === 1 || !(error instanceof Error)) throw error;
      return undefined;
    }
  }
}

/** What heals everything stays wherever it is: without it, another plan would fail. */
function isHealing({ action }: TimedFault): boolean {
  return action.kind === 'heal-all';
}

function faultsToDrop(plan: Plan): TimedFault[] {
  return splitEnding(plan.schedule).faults.filter((fault) => !isHealing(fault));
}

/** Beginnings of faults with their ends, and operations. */
function pairUnits(plan: Plan): Unit[] {
  const faults = faultsToDrop(plan);
  const groups = pairFaults(faults).map((positions): Unit => {
    return { kind: 'faults', faults: positions.map((position) => faults[position]!) };
  });
  return [...groups, ...operationUnits(plan)];
}

function singleUnits(plan: Plan): Unit[] {
  const singles = faultsToDrop(plan).map((fault): Unit => ({ kind: 'faults', faults: [fault] }));
  return [...singles, ...operationUnits(plan)];
}

function operationUnits({ operations }: Plan): Unit[] {
  return operations.map((operation): Unit => ({ kind: 'operation', operation }));
}

/** The plan with these units alone; its ending stays. */
function withUnits(plan: Plan, units: readonly Unit[]): Plan {
  const faults = new Set<TimedFault>();
  const operations = new Set<TimedOperation>();
  for (const unit of units) {
    if (unit.kind === 'operation') operations.add(unit.operation);
    else for (const fault of unit.faults) faults.add(fault);
  }
  const { ending } = splitEnding(plan.schedule);
  const kept = new Set([...faults, ...ending, ...plan.schedule.faults.filter(isHealing)]);
  return {
    ...plan,
    schedule: { ...plan.schedule, faults: plan.schedule.faults.filter((one) => kept.has(one)) },
    operations: plan.operations.filter((one) => operations.has(one)),
  };
}

function withDuration(plan: Plan, durationMicroseconds: number): Plan {
  const { faults, ending } = splitEnding(plan.schedule);
  const moved = ending.map((fault) => ({ ...fault, atMicroseconds: durationMicroseconds }));
  const schedule = { ...plan.schedule, durationMicroseconds, faults: [...faults, ...moved] };
  return { ...plan, schedule };
}

function timedCount({ schedule, operations }: Plan): number {
  return schedule.faults.length + operations.length;
}

/** Whole seconds, tenths, hundredths, milliseconds. */
const ROUND_MICROSECONDS = [1_000_000, 100_000, 10_000, 1_000] as const;

function roundUp(microseconds: number, unit: number): number {
  return Math.ceil(microseconds / unit) * unit;
}

/** The time as a multiple of `unit`, at most `most`. */
function rounded<Timed extends { readonly atMicroseconds: number }>(
  timed: Timed,
  unit: number,
  most: number = Number.MAX_SAFE_INTEGER,
): Timed {
  const nearest = Math.round(timed.atMicroseconds / unit) * unit;
  return { ...timed, atMicroseconds: Math.min(nearest, Math.floor(most / unit) * unit) };
}

function roundAll(plan: Plan, unit: number): Plan {
  const { schedule } = plan;
  // A fault of the safety phase stays in it.
  const most = schedule.durationMicroseconds - 1;
  const { faults, ending } = splitEnding(schedule);
  return {
    ...plan,
    schedule: {
      ...schedule,
      faults: [...byTime(faults.map((one) => rounded(one, unit, most))), ...ending],
    },
    operations: byTime(plan.operations.map((one) => rounded(one, unit))),
  };
}

/** The fault or the operation at a position of both lists, one after the other. */
function roundOne(plan: Plan, position: number, unit: number): Plan {
  const { schedule } = plan;
  // A fault of the safety phase stays in it.
  const most = schedule.durationMicroseconds - 1;
  const inOperations = position - schedule.faults.length;
  if (inOperations >= 0) {
    const operations = plan.operations.map((one, at) =>
      at === inOperations ? rounded(one, unit) : one,
    );
    return { ...plan, operations: byTime(operations) };
  }
  const faults = schedule.faults.map((one, at) => {
    return at === position && one.atMicroseconds <= most ? rounded(one, unit, most) : one;
  });
  return { ...plan, schedule: { ...schedule, faults: byTime(faults) } };
}

function byTime<Timed extends { readonly atMicroseconds: number }>(timed: Timed[]): Timed[] {
  return timed.toSorted((a, b) => a.atMicroseconds - b.atMicroseconds);
}

/** 64 bits in two lanes of FNV-1a. A collision would only cost a smaller plan. */
function hash(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x01234567;
  for (let index = 0; index < text.length; index += 1) {
    low = Math.imul(low ^ text.charCodeAt(index), 0x01000193);
    high = Math.imul(high ^ low ^ (low >>> 15), 0x01000193);
  }
  return `${high >>> 0}.${low >>> 0}`;
}
