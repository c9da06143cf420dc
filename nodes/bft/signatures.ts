/** Messages of the core, put together with the signatures of those who made them. */
import type {
  BftMessage,
  OwnMessage,
  SignedProposal,
  WireMessage,
} from '../../consensus/bft/index.js';
import { assert } from '../assert.js';

/** A message as it travels; null if the signature of an own one is not among these. */
export function withSignatures(
  message: BftMessage,
  own: { get(message: OwnMessage): Uint8Array | undefined },
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
      if (isSigned(message.vote)) return message as Extract<WireMessage, { type: 'vote' }>;
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
