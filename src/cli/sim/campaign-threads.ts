/** A campaign on several threads: hands out blocks of seeds, and adds outcomes up in their order. */
import { Campaign } from '../../../sim/explore/campaign.js';
import type { CampaignReport, SeedFailure, SeedOutcome } from '../../../sim/explore/campaign.js';
import { failedRun } from '../../../sim/explore/run-plan.js';
import type { Scenario } from '../../../sim/explore/scenario.js';
import type { ShrinkResult } from '../../../sim/explore/shrink.js';
import type { WorkerMessage } from './worker-messages.js';
import { WorkerThread } from './worker-thread.js';
import type { TaskEnd } from './worker-thread.js';

/** Why no more seeds were run. */
export type CampaignEnd = 'all-seeds' | 'failures' | 'time' | 'interrupted';

export interface ThreadedOptions {
  readonly scenario: Scenario;
  /** As the user named it: threads load it again. */
  readonly scenarioName: string;
  readonly firstSeed: number;
  /** Infinity for a campaign that time ends. */
  readonly lastSeed: number;
  readonly workers: number;
  readonly failuresMax: number;
  readonly verifyEvery: number;
  readonly eventsMax: number;
  /** The longest that one run may take. */
  readonly runSecondsMax: number;
  /** Told in the order of seeds. */
  readonly onOutcome?: (outcome: SeedOutcome) => void;
}

/** What became of a failing seed when it was to be made smaller. */
export type ShrinkOutcome = ShrinkResult | { readonly refused: string };

const BLOCK_SEEDS_MAX = 16;
/** Threads stop taking seeds that far ahead of the first that is not done. */
const AHEAD_SEEDS_MAX = 4_096;

export class ThreadedCampaign {
  readonly #options: ThreadedOptions;
  readonly #threads: readonly WorkerThread[];
  readonly #campaign: Campaign;
  readonly #blockSeeds: number;
  /** Seeds of blocks whose thread was lost, to be run by another. */
  readonly #again: { readonly firstSeed: number; readonly lastSeed: number }[] = [];
  /** Outcomes of seeds that are ahead of one that is still running. */
  readonly #early = new Map<number, SeedOutcome>();
  #nextSeed: number;
  #nextToAdd: number;
  #end: CampaignEnd | undefined;
  #waiting: (() => void)[] = [];

  constructor(options: ThreadedOptions) {
    const { firstSeed, lastSeed, workers, scenario, scenarioName, eventsMax } = options;
    this.#options = options;
    this.#nextSeed = firstSeed;
    this.#nextToAdd = firstSeed;
    this.#campaign = new Campaign(scenario, options.failuresMax);
    const seeds = lastSeed - firstSeed + 1;
    this.#blockSeeds = Math.max(1, Math.min(BLOCK_SEEDS_MAX, Math.ceil(seeds / (workers * 4))));
    const settings = { scenario: scenarioName, eventsMax };
    this.#threads = Array.from(
      { length: Math.min(workers, seeds) },
      () => new WorkerThread(settings),
    );
  }

  get report(): CampaignReport {
    return this.#campaign.report();
  }

  /** Runs until the seeds or one of the bounds are reached, or `stop` is called. */
  async run(): Promise<CampaignEnd> {
    await Promise.all(this.#threads.map((thread) => this.#serve(thread)));
    for (const thread of this.#threads) thread.stop();
    // What ran beyond a seed that never ended counts as well.
    const rest = [...this.#early.values()].toSorted((a, b) => a.seed - b.seed);
    this.#early.clear();
    for (const outcome of rest) this.#add(outcome);
    return this.#end ?? 'all-seeds';
  }

  /** Runs nothing more; what runs is given up. */
  stop(end: CampaignEnd): void {
    this.#end ??= end;
    for (const thread of this.#threads) thread.stop();
    this.#wake();
  }

  async #serve(thread: WorkerThread): Promise<void> {
    for (;;) {
      const block = this.#takeBlock();
      if (block === undefined) return;
      if (block === 'wait') {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        continue;
      }
      let current = block.firstSeed;
      const { verifyEvery, firstSeed: countFrom, runSecondsMax } = this.#options;
      const task = { kind: 'seeds', ...block, verifyEvery, countFrom } as const;
      const end = await thread.run(task, runSecondsMax, (message) => {
        if (message.kind === 'began') current = message.seed;
        if (message.kind === 'ran') this.#collect(message.outcome);
      });
      if (end.kind === 'stopped') return;
      if (end.kind === 'lost') this.#lose(current, block.lastSeed, end);
    }
  }

  #lose(seed: number, lastSeed: number, end: TaskEnd & { readonly kind: 'lost' }): void {
    this.#collect({ seed, result: failedRun(end.checker, end.message), isVerified: false });
    if (seed < lastSeed) this.#again.push({ firstSeed: seed + 1, lastSeed });
    this.#wake();
  }

  #takeBlock(): { readonly firstSeed: number; readonly lastSeed: number } | 'wait' | undefined {
    if (this.#end !== undefined) return undefined;
    const again = this.#again.shift();
    if (again !== undefined) return again;
    if (this.#nextSeed > this.#options.lastSeed) return undefined;
    if (this.#nextSeed - this.#nextToAdd > AHEAD_SEEDS_MAX) return 'wait';
    const firstSeed = this.#nextSeed;
    const lastSeed = Math.min(this.#options.lastSeed, firstSeed + this.#blockSeeds - 1);
    this.#nextSeed = lastSeed + 1;
    return { firstSeed, lastSeed };
  }

  #collect(outcome: SeedOutcome): void {
    this.#early.set(outcome.seed, outcome);
    for (;;) {
      const next = this.#early.get(this.#nextToAdd);
      if (next === undefined || this.#end !== undefined) break;
      this.#early.delete(this.#nextToAdd);
      this.#nextToAdd += 1;
      this.#add(next);
    }
    this.#wake();
  }

  #add(outcome: SeedOutcome): void {
    // Seeds after the last failure that counts ran by chance: how many depends on the threads.
    if (this.#campaign.isOver) return;
    this.#campaign.add(outcome);
    this.#options.onOutcome?.(outcome);
    if (this.#campaign.isOver) this.stop('failures');
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Shrinks failing seeds, several at a time; the answers are in the order of the seeds. */
export class ThreadedShrinking {
  readonly #threads: readonly WorkerThread[];

  constructor(scenarioName: string, workers: number, eventsMax: number) {
    const settings = { scenario: scenarioName, eventsMax };
    this.#threads = Array.from({ length: workers }, () => new WorkerThread(settings));
  }

  async run(
    failures: readonly SeedFailure[],
    bounds: { readonly runsMax: number; readonly seconds: number; readonly runSecondsMax: number },
  ): Promise<ShrinkOutcome[]> {
    const outcomes: ShrinkOutcome[] = failures.map(() => ({ refused: 'it was interrupted' }));
    const pending = [...failures.keys()];
    const { runsMax, seconds, runSecondsMax } = bounds;
    const serve = async (thread: WorkerThread): Promise<void> => {
      for (let at = pending.shift(); at !== undefined; at = pending.shift()) {
        const position = at;
        const { seed } = failures[position]!;
        const task = { kind: 'shrink', seed, runsMax, seconds } as const;
        const take = (message: WorkerMessage): void => {
          if (message.kind === 'shrunk') outcomes[position] = message.result;
          if (message.kind === 'refused') outcomes[position] = { refused: message.message };
        };
        const end = await thread.run(task, seconds + runSecondsMax, take);
        if (end.kind === 'lost') outcomes[position] = { refused: end.message };
        if (end.kind === 'stopped') return;
      }
    };
    await Promise.all(this.#threads.map(serve));
    this.stop();
    return outcomes;
  }

  stop(): void {
    for (const thread of this.#threads) thread.stop();
  }
}
