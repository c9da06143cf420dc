/** Watches all validators of one run, and knows which of them are faulty. */
import type { Decision, Evidence, OwnMessage } from '../../consensus/bft/index.js';
import { isDecision } from '../../consensus/bft/index.js';
import type { ValidatorSet } from '../../consensus/bft/index.js';
import { BftAgreement } from '../checkers/bft-agreement.js';
import { Violation } from '../checkers/violation.js';
import { isValidValue } from './values.js';

/** See the head of this file. What it finds wrong it throws as a `Violation`. */
export class BftJudge {
  readonly #validators: ValidatorSet;
  readonly #faulty: ReadonlySet<string>;
  readonly #agreement = new BftAgreement();
  /** What a correct validator signed, by height, round and kind. */
  readonly #signed = new Map<string, string>();
  readonly culprits = new Set<string>();
  /** The greatest height that was decided when all had healed, once somebody asked. */
  healedHeight: number | null = null;

  constructor(validators: ValidatorSet, faulty: readonly string[]) {
    this.#validators = validators;
    this.#faulty = new Set(faulty);
  }

  /** A correct validator has a decision on its disk. */
  decided(name: string, decision: Decision): void {
    const { height, round, value } = decision.proposal;
    this.#agreement.decided(name, height, round, value);
    if (!isValidValue(value)) {
      throw new Violation('bft-validity', `${name} decides ${value} at height ${height}`);
    }
    if (!isDecision(decision, this.#validators)) {
      throw new Violation('bft-certificate', `${name} has no proof of its decision of ${height}`);
    }
  }

  /** A correct validator starts again behind a height. */
  resumed(name: string, height: number): void {
    this.#agreement.resumed(name, height);
  }

  /** A correct validator sends a message of its own, perhaps again. */
  signed(name: string, message: OwnMessage): void {
    const about = message.type === 'vote' ? message.vote : message.proposal;
    const kind = message.type === 'vote' ? message.vote.type : 'proposal';
    const place = `${name} ${about.height}/${about.round} ${kind}`;
    const content = JSON.stringify(about);
    const known = this.#signed.get(place);
    this.#signed.set(place, content);
    if (known === undefined || known === content) return;
    throw new Violation('no-double-sign', `${place}: signs ${known}, and then ${content}`);
  }

  /** A correct validator would have signed what contradicts what it has signed. */
  withheld(name: string, message: OwnMessage): void {
    const content = JSON.stringify(message);
    throw new Violation('no-double-sign', `${name} would sign ${content} after something else`);
  }

  /** A correct validator accuses another one. */
  accused(name: string, evidence: Evidence): void {
    const { culprit } = evidence;
    const messages = evidence.type === 'votes' ? evidence.votes : evidence.proposals;
    const places = messages.map((each) => {
      const kind = 'type' in each ? each.type : 'proposal';
      return `${each.from} ${each.height}/${each.round} ${kind}`;
    });
    const isProof = new Set(messages.map((each) => JSON.stringify(each))).size > 1;
    const isOfOne = places.every((place) => place === places[0] && place.startsWith(`${culprit} `));
    if (!this.#faulty.has(culprit) || !isProof || !isOfOne) {
      throw new Violation(
        'bft-evidence',
        `${name} accuses ${culprit}, ${this.#faulty.has(culprit) ? 'faulty' : 'correct'}, with ` +
          JSON.stringify(messages),
      );
    }
    this.culprits.add(culprit);
  }
}
