/** Watches all validators of one run, and knows which of them are faulty. */
import type { Decision, Evidence, OwnMessage } from '../../consensus/bft/index.js';
import { ValidatorSet, isDecision } from '../../consensus/bft/index.js';
import { BftAgreement } from '../checkers/bft-agreement.js';
import { BftSets } from '../checkers/bft-sets.js';
import { Violation } from '../checkers/violation.js';
import { BftLibrary, contentOf, placeOf } from './library.js';
import { isValidValue } from './values.js';

/** See the head of this file. What it finds wrong it throws as a `Violation`. */
export class BftJudge {
  readonly library: BftLibrary;
  readonly #faulty: ReadonlySet<string>;
  readonly #agreement = new BftAgreement();
  readonly #sets: BftSets;
  readonly culprits = new Set<string>();
  /** The greatest height that was decided when all had healed, once somebody asked. */
  healedHeight: number | null = null;

  constructor(validators: ValidatorSet, faulty: readonly string[]) {
    this.#faulty = new Set(faulty);
    this.library = new BftLibrary(this.#faulty);
    const weights = validators.validators.map(({ id, weight }) => [id, weight] as const);
    this.#sets = new BftSets(new Map(weights));
  }

  /** A correct validator has a decision on its disk. */
  decided(name: string, decision: Decision): void {
    const { height, round, value } = decision.proposal;
    this.#agreement.decided(name, height, round, value);
    if (!isValidValue(value)) {
      throw new Violation('bft-validity', `${name} decides ${value} at height ${height}`);
    }
    const weights = [...this.#sets.weightsOf(height)].map(([id, weight]) => ({ id, weight }));
    if (!isDecision(decision, new ValidatorSet(weights))) {
      throw new Violation('bft-certificate', `${name} has no proof of its decision of ${height}`);
    }
    this.#judgeProofs(name, decision);
    const { changes } = this.library.contentOf(value);
    const after = this.#sets.decided(height, this.library.changesOf(value));
    // A quorum of operators approved it, of which more than a third are correct.
    if (changes.length > 0 && !this.library.isHarmless(after)) {
      throw new Violation(
        'bft-sets',
        `height ${height} gives faulty ones a third: nobody approved`,
      );
    }
  }

  /** A correct validator begins a height with a set, or waits since it is not in it. */
  begins(name: string, height: number, validators: ValidatorSet): void {
    this.#sets.begins(name, height, validators.validators);
  }

  /** What each weighs by all that is decided. */
  get weights(): ReadonlyMap<string, number> {
    return this.#sets.latest;
  }

  /** A correct validator starts again behind a height. */
  resumed(name: string, height: number): void {
    this.#agreement.resumed(name, height);
  }

  /** A correct validator sends a message of its own, perhaps again. */
  signed(name: string, message: OwnMessage): void {
    const known = this.library.noteSigned(name, message);
    const content = contentOf(message);
    const { height } = message.type === 'vote' ? message.vote : message.proposal;
    if (!this.#sets.weightsOf(height).has(name)) {
      throw new Violation('bft-sets', `${name} signs ${content}, and has no weight there`);
    }
    if (known === undefined || known === content) return;
    const place = placeOf(name, message);
    throw new Violation('no-double-sign', `${place}: signs ${known}, and then ${content}`);
  }

  /** A correct validator would have signed what contradicts what it has signed. */
  withheld(name: string, message: OwnMessage): void {
    const content = JSON.stringify(message);
    throw new Violation('no-double-sign', `${name} would sign ${content} after something else`);
  }

  /** A correct validator accuses another one. */
  accused(name: string, evidence: Evidence): void {
    const messages: OwnMessage[] =
      evidence.type === 'votes'
        ? evidence.votes.map((vote) => ({ type: 'vote', vote }))
        : evidence.proposals.map((proposal) => ({ type: 'proposal', proposal }));
    this.#judgeProof(name, evidence.culprit, messages);
    this.culprits.add(evidence.culprit);
  }

  #judgeProofs(name: string, { proposal: { height, value } }: Decision): void {
    for (const { culprit, messages } of this.library.contentOf(value).proofs) {
      this.#judgeProof(`${name}, deciding height ${height},`, culprit, messages);
    }
  }

  #judgeProof(who: string, culprit: string, messages: readonly OwnMessage[]): void {
    const places = messages.map((each) => {
      const { from } = each.type === 'vote' ? each.vote : each.proposal;
      return placeOf(from, each);
    });
    const isProof = new Set(messages.map((each) => contentOf(each))).size > 1;
    const isOfOne = places.every((place) => place === places[0] && place.startsWith(`${culprit} `));
    if (this.#faulty.has(culprit) && isProof && isOfOne) return;
    const kind = this.#faulty.has(culprit) ? 'faulty' : 'correct';
    throw new Violation(
      'bft-evidence',
      `${who} accuses ${culprit}, ${kind}, with ${JSON.stringify(messages)}`,
    );
  }
}
