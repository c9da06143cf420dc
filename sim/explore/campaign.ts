/**
 * Runs many seeds of a scenario. One seed's outcome is plain data, so that seeds can be run anywhere
 * and in any order; a `Campaign` adds outcomes up in the order of seeds, so that the report
 * is the same whoever ran them.
 */
import { SimulationError } from '../world/index.js';
import { limits } from './limits.js';
import type { Failure, RunOptions, RunResult, Scenario } from './scenario.js';
import { differenceBetween, failedRun, runPlan } from './run-plan.js';

/** What came of one seed. */
export interface SeedOutcome {
  readonly seed: number;
  readonly result: RunResult;
  /** Whether the seed was run twice and the two runs were compared. */
  readonly isVerified: boolean;
}

/** A seed that failed. */
export interface SeedFailure {
  readonly seed: number;
  readonly failure: Failure;
}

/** What came of all seeds of a scenario. */
export interface CampaignReport {
  readonly scenario: string;
  /** Seeds that were run, failed ones included. */
  readonly seeds: number;
  readonly firstSeed: number | undefined;
  readonly lastSeed: number | undefined;
  readonly events: number;
  readonly simulatedMicroseconds: number;
  /** Seeds that were run twice with equal results. */
  readonly verified: number;
  readonly counts: Readonly<Record<string, number>>;
  /** In how many seeds each probe of the scenario was reached; 0 for those that none did. */
  readonly probes: Readonly<Record<string, number>>;
  readonly failures: readonly SeedFailure[];
}

export interface SeedOptions {
  /** Runs the seed twice; a difference is a failure of the checker `determinism`. */
  readonly verify?: boolean;
  readonly eventsMax?: number;
}

/** Draws the plan of a seed and runs it. Never throws for what the scenario does. */
export function runSeed(
  scenario: Scenario,
  seed: number,
  { verify = false, eventsMax }: SeedOptions = {},
): SeedOutcome {
  const options: RunOptions = eventsMax === undefined ? {} : { eventsMax };
  const once = (): RunResult => {
    try {
      return runPlan(scenario, scenario.draw(seed), options);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return failedRun('scenario', `the scenario cannot run the plan it drew: ${message}`);
    }
  };
  const result = once();
  if (!verify) return { seed, result, isVerified: false };
  const difference = differenceBetween(result, once());
  if (difference === undefined) return { seed, result, isVerified: true };
  const failure = { checker: 'determinism', message: difference, atMicroseconds: 0 };
  return { seed, result: { ...result, failure }, isVerified: true };
}

/** Whether a campaign runs this seed twice: the first, and then one of every so many. */
export function isVerifiedSeed(seed: number, firstSeed: number, everySeeds: number): boolean {
  return (seed - firstSeed) % everySeeds === 0;
}

/** Adds outcomes up, in the order of seeds. */
export class Campaign {
  readonly #scenario: Pick<Scenario, 'name' | 'probes'>;
  readonly #failuresMax: number;
  readonly #failures: SeedFailure[] = [];
  readonly #counts = new Map<string, number>();
  readonly #probes = new Map<string, number>();
  #seeds = 0;
  #firstSeed: number | undefined;
  #lastSeed: number | undefined;
  #events = 0;
  #simulatedMicroseconds = 0;
  #verified = 0;

  constructor(
    scenario: Pick<Scenario, 'name' | 'probes'>,
    failuresMax: number = limits.failuresMax,
  ) {
    this.#scenario = scenario;
    this.#failuresMax = failuresMax;
    for (const probe of scenario.probes) this.#probes.set(probe, 0);
  }

  /** Whether so many seeds have failed that no more is to be run. */
  get isOver(): boolean {
    return this.#failures.length >= this.#failuresMax;
  }

  get failures(): readonly SeedFailure[] {
    return this.#failures;
  }

  add({ seed, result, isVerified }: SeedOutcome): void {
    this.#seeds += 1;
    this.#firstSeed ??= seed;
    this.#lastSeed = seed;
    this.#events += result.events;
    this.#simulatedMicroseconds += result.simulatedMicroseconds;
    for (const [name, count] of Object.entries(result.counts)) add(this.#counts, name, count);
    for (const probe of result.probes) add(this.#probes, probe, 1);
    if (result.failure !== undefined) this.#failures.push({ seed, failure: result.failure });
    if (isVerified && result.failure?.checker !== 'determinism') this.#verified += 1;
  }

  report(): CampaignReport {
    return {
      scenario: this.#scenario.name,
      seeds: this.#seeds,
      firstSeed: this.#firstSeed,
      lastSeed: this.#lastSeed,
      events: this.#events,
      simulatedMicroseconds: this.#simulatedMicroseconds,
      verified: this.#verified,
      counts: Object.fromEntries(this.#counts),
      probes: Object.fromEntries(this.#probes),
      failures: [...this.#failures],
    };
  }
}

function add(sums: Map<string, number>, name: string, count: number): void {
  sums.set(name, (sums.get(name) ?? 0) + count);
}

export interface CampaignOptions extends SeedOptions {
  readonly scenario: Scenario;
  /** Both ends are run. */
  readonly firstSeed: number;
  readonly lastSeed: number;
  readonly failuresMax?: number;
  /** Of so many seeds the first is run twice; 0 for none. */
  readonly verifyEvery?: number;
  /** Asked before each seed. */
  readonly shouldStop?: () => boolean;
  readonly onOutcome?: (outcome: SeedOutcome) => void;
}

/** Runs seeds one after the other in this thread. */
export function runCampaign(options: CampaignOptions): CampaignReport {
  const { scenario, firstSeed, lastSeed, eventsMax, shouldStop, onOutcome } = options;
  const every = options.verifyEvery ?? limits.verifyEverySeeds;
  checkSeeds(firstSeed, lastSeed);
  const campaign = new Campaign(scenario, options.failuresMax);
  for (let seed = firstSeed; seed <= lastSeed && !campaign.isOver; seed += 1) {
    if (shouldStop?.() === true) break;
    const verify = every > 0 && isVerifiedSeed(seed, firstSeed, every);
    const outcome = runSeed(scenario, seed, {
      verify,
      ...(eventsMax === undefined ? {} : { eventsMax }),
    });
    campaign.add(outcome);
    onOutcome?.(outcome);
  }
  return campaign.report();
}

/** Refuses seeds that are not whole, below 0 or in the wrong order. */
export function checkSeeds(firstSeed: number, lastSeed: number): void {
  if (isSeed(firstSeed) && isSeed(lastSeed) && firstSeed <= lastSeed) return;
  throw new SimulationError(
    'invalid-option',
    `seeds ${firstSeed}..${lastSeed} are not a range of whole numbers from 0, the lower first`,
  );
}

function isSeed(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= limits.seedMax;
}
