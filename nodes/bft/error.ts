/** Why a validator, or something asked of it, did not work. */
export type ValidatorErrorCode =
  /** An option or the genesis cannot be used. */
  | 'bad-option'
  /** A file does not hold what was written to it. */
  | 'damaged'
  /** A file was written by a newer release. */
  | 'newer-version'
  /** A file is of another chain or validator. */
  | 'other-chain'
  /** The file of the signer is missing though this validator has signed before. */
  | 'no-signer-state'
  /** A second, different message of one height, round and step was to be signed. */
  | 'double-sign'
  /** The command is empty, too long, or `validate` refused it. */
  | 'bad-command'
  /** The change of a validator cannot be decided: the message says why. */
  | 'bad-change'
  /** `approveChange` of this validator refuses the change. */
  | 'not-approved'
  /** This process has no weight, or loses it, by what is decided. */
  | 'no-validator'
  /** What was shown to a light client proves nothing: the message says why. */
  | 'unproven'
  /** The decision of a height is deleted here, as `retainHeights` says. */
  | 'pruned'
  /** Heights were passed over by a checkpoint; whether the command is decided is not known. */
  | 'passed-over'
  /** As many commands wait as may. Nothing was done. */
  | 'overloaded'
  /** The command was not decided in time, and never will be. */
  | 'expired'
  /** The validator was closed; whether the command is decided is not known. */
  | 'closed'
  /** Two values are decided for one height: more than a third of the weight is faulty. */
  | 'forked'
  /** Disk, application or agreement failed, and the validator takes part no more. See `cause`. */
  | 'failed';

/** The error of this folder. */
export class ValidatorError extends Error {
  override readonly name = 'ValidatorError';
  constructor(
    readonly code: ValidatorErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What those are told whose validator was closed. */
export function closed(): ValidatorError {
  const message = 'the validator was closed; whether the command is decided is not known';
  return new ValidatorError('closed', message);
}
