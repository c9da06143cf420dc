/** Messages of the core as they travel: with the signatures of those who made them. */
import type {
  BftMessage,
  OwnMessage,
  SignedProposal,
  SignedVote,
  WireMessage,
} from '../../consensus/bft/index.js';
import { assert } from '../assert.js';

/** A message with its signatures; null if that of an own one is not known. */
export function withSignatures(
  message: BftMessage,
  own: Pick<WeakMap<OwnMessage, Uint8Array>, 'get'>,
): Exclude<WireMessage, { type: 'value' }> | null {
  switch (message.type) {
    case 'proposal': {
      if (isSigned(message.proposal))
        return message as { type: 'proposal'; proposal: SignedProposal };
      const signature = own.get(message);
      if (signature === undefined) return null;
      return { type: 'proposal', proposal: { ...message.proposal, signature } };
    }
    case 'vote': {
      if (isSigned(message.vote)) return message as { type: 'vote'; vote: SignedVote };
      const signature = own.get(message);
      return signature === undefined
        ? null
        : { type: 'vote', vote: { ...message.vote, signature } };
    }
    case 'certificate':
      assert(message.certificate.every(isSigned), 'votes in certificates came with signatures');
      return message as Extract<WireMessage, { type: 'certificate' }>;
    case 'decision':
      return message as Extract<WireMessage, { type: 'decision' }>;
  }
}

function isSigned(each: object): boolean {
  return 'signature' in each;
}
