/** Why a proposal was not answered with a result; every one of them may be retried. */
export type ProposalFailure =
  'no-leader' | 'not-leader' | 'leader-changed' | 'overloaded' | 'stopping';

export class ProposalError extends Error {
  override readonly name = 'ProposalError';
  constructor(readonly failure: ProposalFailure) {
    super(`the command was not applied here: ${failure}`);
  }
}
