import { describeSchedule } from '../nemesis/index.js';
import type { Schedule } from '../nemesis/index.js';

/** What went wrong in a run, with all that is needed to see it again. */
export class ScenarioFailure extends Error {
  override readonly name = 'ScenarioFailure';
  constructor(
    readonly seed: number,
    readonly schedule: Schedule,
    cause: unknown,
  ) {
    const what = cause instanceof Error ? cause.message : String(cause);
    super(`seed ${seed}: ${what}\n${describeSchedule(schedule)}`, { cause });
  }
}
