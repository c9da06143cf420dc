import { Violation } from '../checkers/violation.js';
import type { Failure } from '../explore/scenario.js';
import { SimulationError } from '../world/errors.js';

/** What went wrong in a run. Throws again what says that the plan makes no sense. */
export function failureOf(error: unknown, atMicroseconds: number): Failure {
  const isWrapped = error instanceof SimulationError && error.code === 'process-failed';
  if (error instanceof SimulationError && !isWrapped && error.code !== 'limit-exceeded')
    throw error;
  const cause = isWrapped ? (error.cause ?? error) : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  const checker = cause instanceof Violation ? cause.checker : 'assertion';
  const stack = cause instanceof Error ? cause.stack : undefined;
  return { checker, message, atMicroseconds, ...(stack !== undefined && { stack }) };
}
