/**
 * What values of a run hold besides their names, and what an observer knows who sees all: who is faulty,
 * and what correct validators signed. It stands for what the simulation has not: bytes of values,
 * signatures, and operators who approve changes.
 */
import type { OwnMessage, ValidatorId, ValueId, WeightChange } from '../../consensus/bft/index.js';

/** Two messages of one validator for one place. */
export interface SimulatedProof {
  readonly culprit: ValidatorId;
  readonly height: number;
  readonly messages: readonly [OwnMessage, OwnMessage];
}

/** Changes of validators in a value, by command and by proof. */
export interface ValueContent {
  readonly changes: readonly WeightChange[];
  readonly proofs: readonly SimulatedProof[];
}

/** What most values hold. */
const NO_CHANGES: ValueContent = { changes: [], proofs: [] };
/** One operator in so many refuses a change that is harmless. */
const REFUSES_ONE_IN = 8;

/** See the head of this file. */
export class BftLibrary {
  readonly #faulty: ReadonlySet<ValidatorId>;
  readonly #contents = new Map<ValueId, ValueContent>();
  /** What a correct validator signed, by name, height, round and kind. */
  readonly #signed = new Map<string, string>();

  constructor(faulty: ReadonlySet<ValidatorId>) {
    this.#faulty = faulty;
  }

  put(value: ValueId, content: ValueContent): void {
    this.#contents.set(value, content);
  }

  contentOf(value: ValueId): ValueContent {
    return this.#contents.get(value) ?? NO_CHANGES;
  }

  /** All that a value changes. */
  changesOf(value: ValueId): readonly WeightChange[] {
    const { changes, proofs } = this.contentOf(value);
    return [...changes, ...proofs.map(({ culprit }) => ({ id: culprit, weight: 0 }))];
  }

  isFaulty(id: ValidatorId): boolean {
    return this.#faulty.has(id);
  }

  /** Notes a message of a correct validator; gives back what it said of the same place before. */
  noteSigned(name: ValidatorId, message: OwnMessage): string | undefined {
    const place = placeOf(name, message);
    const known = this.#signed.get(place);
    this.#signed.set(place, contentOf(message));
    return known;
  }

  /** Whether the signature of a message could be right: faulty validators sign anything. */
  isSigned(message: OwnMessage): boolean {
    const { from } = message.type === 'vote' ? message.vote : message.proposal;
    return this.isFaulty(from) || this.#signed.get(placeOf(from, message)) === contentOf(message);
  }

  /** Whether faulty validators hold less than a third of these weights. */
  isHarmless(weights: ReadonlyMap<ValidatorId, number>): boolean {
    let all = 0;
    let faulty = 0;
    for (const [id, weight] of weights) {
      all += weight;
      if (this.isFaulty(id)) faulty += weight;
    }
    return 3 * faulty < all;
  }

  /** Whether an operator refuses a value with harmless changes all the same: always, or never. */
  refuses(name: ValidatorId, value: ValueId): boolean {
    let sum = 0;
    for (const character of `${value} ${name}`) sum = (sum * 31 + character.charCodeAt(0)) % 65_521;
    return sum % REFUSES_ONE_IN === 0;
  }
}

/** What a message says, the same for equal messages. */
export function contentOf(message: OwnMessage): string {
  return JSON.stringify(message.type === 'vote' ? message.vote : message.proposal);
}

/** Which place a message of `name` is for. */
export function placeOf(name: string, message: OwnMessage): string {
  const about = message.type === 'vote' ? message.vote : message.proposal;
  const kind = message.type === 'vote' ? message.vote.type : 'proposal';
  return `${name} ${about.height}/${about.round} ${kind}`;
}
