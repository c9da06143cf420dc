/**
 * The upon clauses of the paper, asked of everything that is known instead of what came last. Messages
 * come in any order, and a clause may be made true by something that the driver, when it came, had no
 * use for: a second proposal of a faulty proposer, a certificate of a later round, votes that were
 * there before the round.
 */
import type { Driver, DriverResult } from './driver.js';
import { assert } from './error.js';
import { INPUTS_PER_MESSAGE_MAX } from './limits.js';
import type { ConsensusInput } from './machine/input.js';
import { hasCorrect } from './quorum.js';
import { NO_ROUND, type Round, type ValidatorId } from './types.js';

/** The last round in which each validator is known to have voted or proposed. */
export type LatestRounds = ReadonlyMap<ValidatorId, Round>;

/** Does small steps until no clause is true any more, or the height is decided. */
export function settle(
  driver: Driver,
  latest: LatestRounds,
  onResult: (result: DriverResult) => void,
): void {
  for (let steps = 0; driver.decision === null && driver.state.step !== 'initial'; steps += 1) {
    assert(steps < INPUTS_PER_MESSAGE_MAX, 'a message makes finitely many clauses true');
    if (driver.stepChange !== null) {
      onResult(driver.apply({ type: 'stepChange' }));
    } else if (driver.pending.length > 0) {
      onResult(driver.apply({ type: 'pending', at: 0 }));
    } else {
      const input = dueInput(driver, latest);
      if (input === null) return;
      onResult(driver.apply({ type: 'due', input }));
    }
  }
}

/** A clause that is true and has not been given to the state machine. */
function dueInput(driver: Driver, latest: LatestRounds): ConsensusInput | null {
  return dueDecision(driver) ?? dueSkip(driver, latest) ?? dueOfRound(driver);
}

/** Tendermint L49: precommits of a quorum in any round for a value that is proposed in it. */
function dueDecision({ keeper, proposals }: Driver): ConsensusInput | null {
  for (const { round, value } of proposals) {
    if (!keeper.hasQuorumFor('precommit', round, value)) continue;
    return { type: 'proposalWithCommit', round, value };
  }
  return null;
}

/**
 * Tendermint L55. Somebody correct is at least in the last round that more than a third of the weight
 * has reached, even if no one round has so many votes here: going there is always safe, since a
 * validator may leave a round at any time.
 */
function dueSkip(driver: Driver, latest: LatestRounds): ConsensusInput | null {
  const { state, validators } = driver;
  const ahead = [...latest].filter(([, round]) => round > state.round).sort((a, b) => b[1] - a[1]);
  let weight = 0;
  for (const [id, round] of ahead) {
    weight += validators.weightOf(id);
    if (hasCorrect(weight, validators.totalWeight)) return { type: 'roundSkip', round };
  }
  return null;
}

function dueOfRound(driver: Driver): ConsensusInput | null {
  const { keeper, state } = driver;
  const { round, step } = state;
  const current = driver.proposals.filter((each) => each.round === round);
  if (step === 'propose') {
    for (const { value, validRound } of current) {
      if (validRound === NO_ROUND) return { type: 'proposal', value }; // Tendermint L22
      const isEarlier = validRound < round && keeper.hasQuorumFor('prevote', validRound, value);
      // Tendermint L28
      if (isEarlier) return { type: 'proposalWithPreviousPolka', value, validRound };
    }
  }
  if (step === 'prevote' || (step === 'precommit' && state.validRound < round)) {
    // Tendermint L36
    const polka = current.find(({ value }) => keeper.hasQuorumFor('prevote', round, value));
    if (polka !== undefined) return { type: 'proposalWithPolka', value: polka.value };
  }
  if (step === 'prevote') {
    if (keeper.hasQuorumFor('prevote', round, null)) return { type: 'polkaNil' }; // Tendermint L44
    // In the step before it has no effect.
    const isDue = keeper.hasQuorumOfAny('prevote', round) && !driver.hasExecuted('polkaAny', step);
    if (isDue) return { type: 'polkaAny' }; // Tendermint L34
  }
  const hasPrecommits = keeper.hasQuorumOfAny('precommit', round);
  // Tendermint L47
  return hasPrecommits && !driver.hasExecuted('precommitAny') ? { type: 'precommitAny' } : null;
}
