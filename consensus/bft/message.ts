import { NAME_CHARACTERS_MAX, NUMBER_MAX, VALIDATORS_MAX } from './limits.js';
import {
  type Certificate,
  type Decision,
  type Height,
  NO_ROUND,
  type Proposal,
  type Round,
  type Vote,
} from './types.js';

/**
 * What validators send each other. Proposals and votes are signed by who they are from, whoever passes
 * them on; the host has checked the signatures, those in certificates and decisions too, before a
 * message comes here.
 */
export type BftMessage =
  | { readonly type: 'proposal'; readonly proposal: Proposal }
  | { readonly type: 'vote'; readonly vote: Vote }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  | { readonly type: 'decision'; readonly decision: Decision };

/** A message that a validator signs itself. */
export type OwnMessage = Extract<BftMessage, { type: 'proposal' | 'vote' }>;

/** The height and round that a message is about, and who made it; null if it is malformed. */
export function aboutMessage(
  message: BftMessage,
): { readonly height: Height; readonly round: Round; readonly from: string } | null {
  switch (message.type) {
    case 'proposal':
      return isProposal(message.proposal) ? message.proposal : null;
    case 'vote':
      return isVote(message.vote) ? message.vote : null;
    case 'certificate':
      return isCertificate(message.certificate) ? (message.certificate[0] ?? null) : null;
    case 'decision': {
      const { proposal, certificate } = message.decision;
      return isProposal(proposal) && isCertificate(certificate) ? proposal : null;
    }
  }
}

function isCertificate(certificate: Certificate): boolean {
  return certificate.length <= VALIDATORS_MAX && certificate.every(isVote);
}

function isProposal({ from, height, round, value, validRound }: Proposal): boolean {
  const isRound = validRound === NO_ROUND || isCount(validRound);
  return isName(from) && isCount(height) && isCount(round) && isName(value) && isRound;
}

function isVote({ from, height, round, value }: Vote): boolean {
  return isName(from) && isCount(height) && isCount(round) && (value === null || isName(value));
}

function isName(name: string): boolean {
  return name.length > 0 && name.length <= NAME_CHARACTERS_MAX;
}

function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0 && count <= NUMBER_MAX;
}
