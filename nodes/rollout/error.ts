export type RolloutPlanErrorCode = 'out-of-range' | 'no-nodes' | 'same-release';

/** A plan that cannot be made of these options; the message names the option and its range. */
export class RolloutPlanError extends Error {
  override readonly name = 'RolloutPlanError';
  readonly code: RolloutPlanErrorCode;

  constructor(code: RolloutPlanErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
