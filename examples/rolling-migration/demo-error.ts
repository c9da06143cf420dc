export type DemoErrorCode =
  | 'bad-option'
  | 'source'
  /** A process of the swarm or the load ended by itself. */
  | 'process-died'
  | 'timeout'
  | 'interrupted';

/** The demo could not be run to its end; a broken promise of the swarm is a report instead. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
  readonly code: DemoErrorCode;

  constructor(code: DemoErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
