/** How a checker says that something does not hold, and how a run turns that into its failure. */
import { Violation } from '../checkers/violation.js';
import { SimulationError } from '../world/index.js';
import type { Failure } from './scenario.js';

/** States what a checker requires. */
export function require(condition: boolean, checker: string, sentence: string): asserts condition {
  if (!condition) throw new Violation(checker, sentence);
}

const BAD_PLAN_CODES: readonly string[] = [
  'invalid-plan',
  'invalid-option',
  'invalid-schedule',
  'unknown-node',
];

/**
 * Whether an error says that the plan cannot be run, which is nothing of the system under test. By
 * name and code, since a scenario of a user may have been loaded with another copy of this package.
 */
export function isBadPlan(error: unknown): error is SimulationError {
  if (!(error instanceof Error) || error.name !== 'SimulationError') return false;
  return 'code' in error && BAD_PLAN_CODES.includes(String(error.code));
}

/** The failure that an error stands for. Throws on what `isBadPlan` names. */
export function failureFrom(error: unknown, atMicroseconds: number): Failure {
  if (isBadPlan(error)) throw error;
  const message = error instanceof Error ? error.message : String(error);
  const origin = originOf(error);
  const stack = origin instanceof Error && origin.stack !== undefined ? origin.stack : undefined;
  return {
    checker: checkerOf(origin),
    message,
    atMicroseconds,
    ...(stack === undefined ? {} : { stack }),
  };
}

/** What a process threw, without what the world says around it. */
function originOf(error: unknown): unknown {
  let origin = error;
  while (
    origin instanceof SimulationError &&
    origin.code === 'process-failed' &&
    origin.cause !== undefined
  ) {
    origin = origin.cause;
  }
  return origin;
}

function checkerOf(origin: unknown): string {
  if (origin instanceof Violation) return origin.checker;
  // The class of another copy of this package.
  if (origin instanceof Error && origin.name === 'Violation' && 'checker' in origin) {
    return String(origin.checker);
  }
  return origin instanceof SimulationError ? origin.code : 'assertion';
}
