/**
 * Finds out who made a fork: judges it by the core (`consensus/bft/accountability.ts`), asks the accused
 * for the polkas that would justify them, and judges again with each that comes.
 *
 *     accusation   an envelope (`consensus/bft/codec.ts`) of a precommit, or of the aggregated decision that
 *                  stands for it, and of a prevote for amnesia
 *     answer       an envelope of one certificate
 */
import {
  type Accusation,
  type AggregatedVote,
  BftError,
  type Certificate,
  type Decision,
  type Fork,
  type Judgement,
  type SignedVote,
  type ValidatorId,
  type ValidatorSet,
  type Vote,
  type WireMessage,
  amnesiaOf,
  decodeMessages,
  encodeMessages,
  expandDecision,
  isAccusation,
  isAggregated,
  isAnswer,
  isFork,
  judgeFork,
  precommitOf,
} from '../../consensus/bft/index.js';
import { bad } from '../../consensus/bft/fields.js';
import { readBatch } from './batch.js';
import { SignatureChecker } from './checking.js';
import { ValidatorError } from './error.js';
import { type Chain, type Genesis, readGenesis } from './genesis.js';
import { encodePolka, readPolka } from './polkas.js';
import { type ShownDecision, readEnvelope, unprovenVotes } from './proven.js';
import { ChainSets } from './sets.js';
import { LARGE_VALUES } from './value-limits.js';
import type { OfOne } from './witness.js';

/** Asks an accused; null if it answers nothing in time. What it rejects with ends the investigation. */
export type Ask = (accused: ValidatorId, accusation: Uint8Array) => Promise<Uint8Array | null>;

/** How a fork is investigated. */
export interface InvestigationOptions {
  readonly genesis: Genesis;
  /** `encodeMessages` of what `Validator.decision` gives; what is behind the decision is not read. */
  readonly decisions: readonly [Uint8Array, Uint8Array];
  /**
   * The decision of an earlier height, of somebody who is trusted. Asked for only where the genesis
   * allows that validators change.
   */
  readonly earlier: (height: number) => Promise<Uint8Array>;
  readonly ask: Ask;
}

/** One of those who made a fork. */
export interface ForkCulprit {
  readonly culprit: ValidatorId;
  /**
   * `equivocation`: the proof needs nobody to be believed. `amnesia` and `unfounded`: what is here is a
   * question that no accused had an answer to; anybody may ask again.
   */
  readonly kind: 'equivocation' | Accusation['type'];
  /**
   * An envelope of one or two signed messages. A precommit that is not signed by itself is shown by its
   * aggregated decision: it proves that all in its bitmap have signed, to those who know the validators.
   */
  readonly proof: Uint8Array;
}

/** Who made a fork: together they have more than a third of the weight. */
export interface ForkReport {
  readonly height: number;
  readonly culprits: readonly ForkCulprit[];
  /** What others showed on the way: with it anybody comes to the same judgement. */
  readonly polkas: readonly Uint8Array[];
}

/** Names who made a fork. Throws `ValidatorError` with code `bad-option` if the decisions make none. */
export async function investigateFork(options: InvestigationOptions): Promise<ForkReport> {
  return investigateOn(readGenesis(options.genesis), options);
}

/** The same with a genesis that was read, which is dear where it has keys with proofs. */
export async function investigateOn(
  chain: Chain,
  options: Omit<InvestigationOptions, 'genesis'>,
): Promise<ForkReport> {
  const shown = [readDecision(options.decisions[0]), readDecision(options.decisions[1])] as const;
  const { height } = shown[0].proposal;
  const sets = new ChainSets(chain);
  if (chain.changesFrom !== Infinity) {
    for (let each = 1; each < height; each += 1) {
      const [, value] = readEnvelope(await options.earlier(each));
      const commands = value?.type === 'value' ? readBatch(value.bytes, LARGE_VALUES) : null;
      if (commands === null) throw refuse(`the decision of height ${each} has no value`);
      sets.decide(commands);
    }
  }
  const validators = chain.changesFrom === Infinity ? chain.validators : sets.at(height);
  const checker = new SignatureChecker(chain.digest, sets);
  const areSigned = shown.every((each) => unprovenVotes(each, validators, checker) === null);
  const fork = [votesOf(shown[0], validators), votesOf(shown[1], validators)] as const;
  if (!areSigned || !isFork(fork, validators)) {
    throw refuse('they are no two proven decisions of one height for different values');
  }
  return new Investigation(fork, validators, checker, options.ask).run();
}

class Investigation {
  readonly #polkas: Certificate[] = [];

  constructor(
    private readonly fork: Fork,
    private readonly validators: ValidatorSet,
    private readonly checker: SignatureChecker,
    private readonly ask: Ask,
  ) {}

  async run(): Promise<ForkReport> {
    for (;;) {
      const judgement = judgeFork(this.fork, this.#polkas, this.validators);
      const isAnswered = judgement.type === 'accused' && (await this.#ask(judgement.accusations));
      if (isAnswered) continue;
      const polkas = this.#polkas.map(encodePolka);
      const { height } = this.fork[0].proposal;
      return { height, culprits: culpritsOf(judgement), polkas };
    }
  }

  /** Whether one of the accused has an answer: with each the judgement comes to an earlier round. */
  async #ask(accusations: readonly Accusation[]): Promise<boolean> {
    const answers = await Promise.all(accusations.map((each) => this.#askOne(each)));
    const polkas = answers.filter((polka) => polka !== null);
    this.#polkas.push(...polkas);
    return polkas.length > 0;
  }

  async #askOne(accusation: Accusation): Promise<Certificate | null> {
    const bytes = await this.ask(accusation.accused, encodeAccusation(accusation));
    return bytes === null ? null : answerIn(bytes, accusation, this.validators, this.checker);
  }
}

/** The polka in an answer; null for bytes that are no answer, or not signed. */
export function answerIn(
  bytes: Uint8Array,
  accusation: Accusation,
  validators: ValidatorSet,
  checker: SignatureChecker,
): Certificate | null {
  let certificate: readonly SignedVote[];
  try {
    certificate = readPolka(bytes);
  } catch (error) {
    if (error instanceof BftError) return null;
    throw error;
  }
  if (!isAnswer(accusation, certificate, validators)) return null;
  return checker.isSigned({ type: 'certificate', certificate }) ? certificate : null;
}

/** Bytes of an accusation whose votes are signed. */
export function encodeAccusation(accusation: Accusation): Uint8Array {
  const votes =
    accusation.type === 'amnesia'
      ? [accusation.precommit, accusation.prevote]
      : [accusation.precommit];
  return encodeMessages(votes.map(proofOf));
}

/** A vote with what shows that it was signed. */
function proofOf(vote: Vote): WireMessage {
  if (!('aggregated' in vote)) return { type: 'vote', vote: vote as SignedVote };
  return { type: 'decision', decision: (vote as AggregatedVote).aggregated };
}

/** Reads an accusation; its signatures are not checked. Throws `BftError` with `bad-encoding`. */
export function readAccusation(bytes: Uint8Array): Accusation {
  const [one, other, ...rest] = decodeMessages(bytes);
  const vote = one === undefined ? null : accusedVote(one, other);
  if (vote !== null && rest.length === 0) {
    const unfounded = { type: 'unfounded', accused: vote.from, precommit: vote } as const;
    if (other === undefined && isAccusation(unfounded)) return unfounded;
    const amnesia = other?.type === 'vote' ? amnesiaOf(vote, other.vote) : null;
    if (amnesia !== null) return amnesia;
  }
  throw bad('an accusation of nothing');
}

/** Whoever is in an aggregated decision is asked the same, and answers the same. */
function accusedVote(one: WireMessage, other: WireMessage | undefined): Vote | null {
  if (one.type === 'vote') return one.vote;
  if (one.type !== 'decision' || !isAggregated(one.decision)) return null;
  const from = other?.type === 'vote' ? other.vote.from : one.decision.proposal.from;
  return precommitOf(one.decision, from);
}

function culpritsOf(judgement: Judgement): ForkCulprit[] {
  if (judgement.type === 'proven') {
    return judgement.culprits.map(({ type: kind, accused: culprit, messages }) => {
      const proof = messages.map((each) => {
        return each.type === 'vote' ? proofOf(each.vote) : (each as OfOne);
      });
      return { culprit, kind, proof: encodeMessages(proof) };
    });
  }
  return judgement.accusations.map((accusation) => {
    const { type: kind, accused: culprit } = accusation;
    return { culprit, kind, proof: encodeAccusation(accusation) };
  });
}

function votesOf(shown: ShownDecision['decision'], validators: ValidatorSet): Decision {
  const votes = expandDecision(shown, validators);
  if (votes === null) throw refuse('one of them is not of its validators');
  return votes;
}

function readDecision(envelope: Uint8Array): ShownDecision['decision'] {
  const [first] = readEnvelope(envelope);
  if (first?.type !== 'decision') throw refuse('one of them is no decision');
  return first.decision;
}

function refuse(what: string): ValidatorError {
  return new ValidatorError('bad-option', `nothing to investigate in these decisions: ${what}`);
}
