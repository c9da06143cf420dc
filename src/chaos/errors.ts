export type ChaosErrorCode =
  /** A schedule, a directory or an option that cannot be used. */
  | 'bad-input'
  /** The swarm did not come up, before any fault. */
  | 'no-swarm'
  /** A process of the experiment itself (relay, clients) ended or did not answer. */
  | 'experiment'
  /** The user ended it. */
  | 'interrupted';

/** Why an experiment has no verdict. */
export class ChaosError extends Error {
  override readonly name = 'ChaosError';
  constructor(
    readonly code: ChaosErrorCode,
    message: string,
  ) {
    super(message);
  }
}
