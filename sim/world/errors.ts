/** What can stop a simulation. */
export type SimulationErrorCode =
  | 'unknown-node'
  | 'node-exists'
  | 'limit-exceeded'
  | 'process-failed'
  | 'invalid-option'
  | 'invalid-plan'
  | 'invalid-schedule'
  | 'probe-missed'
  | 'not-as-expected';

/** An error of the simulated world. */
export class SimulationError extends Error {
  readonly code: SimulationErrorCode;

  constructor(code: SimulationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SimulationError';
    this.code = code;
  }
}

/** Stops the program when something that only a bug can cause does not hold. */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${sentence}`);
}
