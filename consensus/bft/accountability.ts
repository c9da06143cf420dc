/**
 * Who is to blame for a fork: two decisions of one height for different values. Two quorums share more
 * than a third of the weight, and so do all who are named (Cosmos, "Fork accountability"; Sheng and
 * others, "BFT protocol forensics", 2021).
 *
 * One message by itself, or two of different rounds, prove nothing: whoever precommitted a value may
 * prevote another one later, if it saw a polka for it (L28, L29). So an accusation is a question, and
 * the polka is its answer:
 *
 *     amnesia      a precommit of v in round r, then a prevote of w in round s > r:
 *                  show a polka for w in a round from r on, before s
 *     unfounded    a precommit of v in round r (L36): show a polka for v in round r
 *
 * A correct validator keeps the polkas that it needs before it signs (`persist` in `effect.ts`), and
 * answers. Who does not answer in time, is guilty: how long that is, is up to who asks.
 */
import { isEquivocation } from './equivocation.js';
import { type OwnMessage, aboutMessage } from './message.js';
import type { Certificate, Decision, ValidatorId, Vote } from './types.js';
import type { ValidatorSet } from './validators.js';
import { isDecision } from './decision.js';
import { VoteKeeper } from './votes/keeper.js';

/** A question to a validator that only a faulty one has no answer to. */
export type Accusation =
  | {
      readonly type: 'amnesia';
      readonly accused: ValidatorId;
      readonly precommit: Vote;
      readonly prevote: Vote;
    }
  | { readonly type: 'unfounded'; readonly accused: ValidatorId; readonly precommit: Vote };

/** Two messages that prove by themselves that their validator is faulty. */
interface Equivocation {
  readonly type: 'equivocation';
  readonly accused: ValidatorId;
  readonly messages: readonly [OwnMessage, OwnMessage];
}

/** Two decisions that contradict each other. */
export type Fork = readonly [Decision, Decision];

/**
 * What follows from a fork and the polkas that were shown. Proven is final. Accusations are to be asked:
 * a polka that answers one of them leads to another judgement, and if none comes, all accused are
 * guilty. Either way they have more than a third of the weight.
 */
export type Judgement =
  | { readonly type: 'proven'; readonly culprits: readonly Equivocation[] }
  | { readonly type: 'accused'; readonly accusations: readonly Accusation[] };

/** Whether these are two decisions of one height for different values. Signatures are the host's. */
export function isFork([one, other]: Fork, validators: ValidatorSet): boolean {
  const { height, value } = one.proposal;
  const isSameHeight = other.proposal.height === height;
  if (!isSameHeight || other.proposal.value === value) return false;
  return isDecision(one, validators) && isDecision(other, validators);
}

/**
 * Judges a fork (`isFork` holds). `polkas` are all that were shown; those that are none, or of another
 * height or value, say nothing. With each answer the judgement comes to a lower round.
 */
export function judgeFork(
  fork: Fork,
  polkas: readonly Certificate[],
  validators: ValidatorSet,
): Judgement {
  const [early, late] = inOrder(fork);
  const { height, round, value } = early.proposal;
  if (late.proposal.round === round) return proven(early.certificate, late.certificate);
  const keeper = new VoteKeeper(height, validators);
  const sound = polkas.filter((each) => isPolka(each, keeper));
  const towardsLate = sound
    .filter(([first]) => first?.value === late.proposal.value)
    .filter(([first]) => isWithin(first, round, late.proposal.round))
    .sort(([a], [b]) => (a?.round ?? 0) - (b?.round ?? 0));
  const [first] = towardsLate;
  if (first === undefined) return unfounded(late);
  const polkaRound = (first[0] as Vote).round;
  if (polkaRound > round) return amnesiac(early.certificate, first);
  // Two polkas in the round of the early decision, if there was one for its value at all.
  const own = sound.find(([each]) => each?.round === round && each.value === value);
  return own === undefined ? unfounded(early) : proven(own, first);
}

/** The accusation that two votes of one validator amount to, whichever comes first; null if none. */
export function amnesiaOf(one: Vote, other: Vote): Accusation | null {
  const [precommit, prevote] = one.type === 'precommit' ? [one, other] : [other, one];
  const accusation = { type: 'amnesia', accused: precommit.from, precommit, prevote } as const;
  return isAccusation(accusation) ? accusation : null;
}

/** Whether a correct validator would have an answer. Signatures are the host's. */
export function isAccusation(accusation: Accusation): boolean {
  const { accused, precommit } = accusation;
  if (aboutMessage({ type: 'vote', vote: precommit }) === null) return false;
  const isOwn = precommit.from === accused && precommit.type === 'precommit';
  if (!isOwn || precommit.value === null) return false;
  if (accusation.type === 'unfounded') return true;
  const { prevote } = accusation;
  if (aboutMessage({ type: 'vote', vote: prevote }) === null) return false;
  const isLater = prevote.height === precommit.height && prevote.round > precommit.round;
  const isOther = prevote.value !== null && prevote.value !== precommit.value;
  return prevote.from === accused && prevote.type === 'prevote' && isLater && isOther;
}

/** Whether a polka answers an accusation. Signatures are checked by the host. */
export function isAnswer(
  accusation: Accusation,
  polka: Certificate,
  validators: ValidatorSet,
): boolean {
  const { precommit } = accusation;
  const [first] = polka;
  if (!isPolka(polka, new VoteKeeper(precommit.height, validators))) return false;
  if (accusation.type === 'unfounded') {
    return first?.round === precommit.round && first.value === precommit.value;
  }
  const { prevote } = accusation;
  return first?.value === prevote.value && isWithin(first, precommit.round, prevote.round - 1);
}

function inOrder([one, other]: Fork): Fork {
  return one.proposal.round <= other.proposal.round ? [one, other] : [other, one];
}

function isPolka(polka: Certificate, keeper: VoteKeeper): boolean {
  return polka[0]?.type === 'prevote' && keeper.proves(polka);
}

function isWithin(vote: Vote | undefined, from: number, to: number): boolean {
  return vote !== undefined && vote.round >= from && vote.round <= to;
}

function unfounded({ certificate }: Decision): Judgement {
  const accusations = certificate.map((precommit): Accusation => {
    return { type: 'unfounded', accused: precommit.from, precommit };
  });
  return { type: 'accused', accusations };
}

/** No earlier polka was shown: that is what the accused are asked for, if they have one. */
function amnesiac(precommits: Certificate, polka: Certificate): Judgement {
  const accusations = inBoth(precommits, polka).flatMap(([one, other]) => {
    return amnesiaOf(one, other) ?? [];
  });
  return { type: 'accused', accusations };
}

function proven(one: Certificate, other: Certificate): Judgement {
  const culprits = inBoth(one, other).map(([a, b]): Equivocation => {
    const messages = [
      { type: 'vote', vote: a },
      { type: 'vote', vote: b },
    ] as const;
    return { type: 'equivocation', accused: a.from, messages };
  });
  return {
    type: 'proven',
    culprits: culprits.filter(({ messages: [a, b] }) => isEquivocation(a, b)),
  };
}

function inBoth(one: Certificate, other: Certificate): (readonly [Vote, Vote])[] {
  const second = new Map(other.map((vote) => [vote.from, vote]));
  return one.flatMap((vote) => {
    const match = second.get(vote.from);
    return match === undefined ? [] : [[vote, match] as const];
  });
}
