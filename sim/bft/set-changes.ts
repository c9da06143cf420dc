/** Changes of validators in the simulation: who proposes which, and what is sound. */
import {
  type Evidence,
  type OwnMessage,
  type SetSchedule,
  type ValueId,
  type WeightChange,
  isEquivocation,
} from '../../consensus/bft/index.js';
import type { BftLibrary, SimulatedProof } from './library.js';

/** Tries to find a change that is allowed. */
const TRIES = 4;
const WEIGHT_MAX = 4;

/** Two messages of one place in what the core found. */
export function proofOf(evidence: Evidence): SimulatedProof {
  const messages: OwnMessage[] =
    evidence.type === 'votes'
      ? evidence.votes.map((vote) => ({ type: 'vote', vote }))
      : evidence.proposals.map((proposal) => ({ type: 'proposal', proposal }));
  const [first, second] = messages as [OwnMessage, OwnMessage];
  const { height } = first.type === 'vote' ? first.vote : first.proposal;
  return { culprit: evidence.culprit, height, messages: [first, second] };
}

/** Whether a value may be decided in the height under way, as far as it changes validators. */
export function isAllowed(library: BftLibrary, schedule: SetSchedule, value: ValueId): boolean {
  const areProven = library.contentOf(value).proofs.every(({ culprit, height, messages }) => {
    const [one, other] = messages;
    const areSigned = library.isSigned(one) && library.isSigned(other);
    const { from } = one.type === 'vote' ? one.vote : one.proposal;
    const isAbout = from === culprit && schedule.canAccuse(culprit, height);
    return isAbout && areSigned && isEquivocation(one, other);
  });
  return areProven && schedule.refusal(library.changesOf(value)) === null;
}

/** Whether faulty validators hold less than a third after the changes. */
export function areHarmless(
  schedule: SetSchedule,
  library: BftLibrary,
  changes: readonly WeightChange[],
): boolean {
  const weights = new Map(schedule.coming.validators.map(({ id, weight }) => [id, weight]));
  for (const { id, weight } of changes) {
    // Who was found out stays out.
    if (library.isFaulty(id) && weight > 0 && !weights.has(id)) return false;
    weights.set(id, weight);
  }
  return library.isHarmless(weights);
}

/** One or two changes that are allowed now, or none. */
export function makeChanges(
  schedule: SetSchedule,
  library: BftLibrary,
  names: readonly string[],
  random: () => number,
): readonly WeightChange[] {
  const changes: WeightChange[] = [];
  for (let tried = 0; tried < TRIES && changes.length < 2; tried += 1) {
    const id = names[Math.floor(random() * names.length)] as string;
    const next = [...changes, { id, weight: Math.floor(random() * (WEIGHT_MAX + 1)) }];
    const isAllowedNow = schedule.refusal(next) === null;
    if (isAllowedNow && areHarmless(schedule, library, next)) changes.push(...next.slice(-1));
  }
  return changes;
}
