/**
 * A proof in a command: an envelope (`consensus/bft/codec.ts`) of two signed messages of one validator
 * for one height, round and kind that differ.
 */
import {
  type Height,
  type ValidatorId,
  type WireMessage,
  decodeMessages,
  encodeMessages,
  isEquivocation,
} from '../../consensus/bft/index.js';
import { bad } from '../../consensus/bft/fields.js';
import type { OfOne } from './witness.js';

/** See the head of this file. */
export interface Proof {
  readonly culprit: ValidatorId;
  readonly height: Height;
  readonly messages: readonly [OfOne, OfOne];
}

/** Reads a proof; its signatures are not checked. Throws `BftError` with code `bad-encoding`. */
export function readProof(bytes: Uint8Array): Proof {
  const messages = decodeMessages(bytes);
  const [one, other] = messages;
  const areTwo = messages.length === 2 && isOfOne(one) && isOfOne(other);
  if (!areTwo || !isEquivocation(one, other)) throw bad('a proof that proves nothing');
  const { from: culprit, height } = one.type === 'vote' ? one.vote : one.proposal;
  return { culprit, height, messages: [one, other] };
}

/** The proof in what is kept as evidence, of which more than two messages may be there; null if none. */
export function proofOf(envelope: Uint8Array): Uint8Array | null {
  const [first, ...rest] = decodeMessages(envelope).filter(isOfOne);
  const other = rest.find((each) => first !== undefined && isEquivocation(first, each));
  return first === undefined || other === undefined ? null : encodeMessages([first, other]);
}

function isOfOne(message: WireMessage | undefined): message is OfOne {
  return message?.type === 'vote' || message?.type === 'proposal';
}
