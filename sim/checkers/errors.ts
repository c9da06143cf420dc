/** What can be wrong with a history or with the way it is checked. */
export type CheckerErrorCode =
  'history-too-large' | 'invalid-operation' | 'malformed-history' | 'empty-history';

/** An error of the checkers and of the readers of histories. */
export class CheckerError extends Error {
  readonly code: CheckerErrorCode;

  constructor(code: CheckerErrorCode, message: string) {
    super(message);
    this.name = 'CheckerError';
    this.code = code;
  }
}

/** Stops the program when something that only a bug can cause does not hold. */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${sentence}`);
}
