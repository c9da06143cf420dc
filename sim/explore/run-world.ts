/** What every scenario on a `World` does alike: run within a bound of events, and report. */
import { Violation } from '../checkers/violation.js';
import type { RunOptions as WorldRunOptions, World } from '../world/index.js';
import { limits } from './limits.js';
import type { Failure, RunResult } from './scenario.js';
import { failureFrom } from './failure.js';

/** Runs the world on; the checker `events` fails when it has had more than `eventsMax` in all. */
export function advance<Message, Value>(
  world: World<Message, Value>,
  options: Omit<WorldRunOptions, 'eventsMax'>,
  eventsMax: number = limits.eventsPerRunMax,
): void {
  const end = world.run({ ...options, eventsMax: Math.max(0, eventsMax - world.events) });
  if (end !== 'events') return;
  throw new Violation('events', `the run is not at its end after ${eventsMax} events`);
}

/** Runs `body` and reports how the world stands then, and what a checker said. */
export function resultOf<Message, Value>(
  world: World<Message, Value>,
  body: () => void,
  seen: () => Pick<RunResult, 'counts' | 'probes'>,
): RunResult {
  let failure: Failure | undefined;
  try {
    body();
  } catch (error) {
    failure = failureFrom(error, world.nowMicroseconds);
  }
  return {
    events: world.events,
    simulatedMicroseconds: world.nowMicroseconds,
    traceHash: world.traceHash,
    ...seen(),
    ...(failure === undefined ? {} : { failure }),
  };
}
