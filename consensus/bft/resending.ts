import type { Driver } from './driver.js';
import type { BftEffect } from './effect.js';
import type { BftMessage, OwnMessage } from './message.js';
import type { Vote } from './types.js';

/**
 * What others may lack to come as far as this validator, and what they need to know of each other
 * (Tendermint section 2.1, gossip): own messages, the proposals and votes of this round and those of
 * the valid round as a certificate.
 */
export function resendOf(driver: Driver, sent: readonly OwnMessage[]): BftEffect {
  const { keeper, proposals, state } = driver;
  const messages: BftMessage[] = [...sent];
  if (state.validValue !== null) {
    const certificate = keeper.certificateFor('prevote', state.validRound, state.validValue);
    if (certificate !== null) messages.push({ type: 'certificate', certificate });
  }
  for (const proposal of proposals) {
    const isOthers = proposal.from !== state.self;
    const isNeeded = proposal.round === state.round || proposal.round === state.validRound;
    if (isOthers && isNeeded) messages.push({ type: 'proposal', proposal });
  }
  const round = keeper.rounds.get(state.round);
  const votes: Vote[] = [];
  if (round !== undefined) {
    votes.push(...[...round.prevotes.received.values()].flat());
    votes.push(...[...round.precommits.received.values()].flat());
  }
  for (const vote of votes) if (vote.from !== state.self) messages.push({ type: 'vote', vote });
  return { type: 'resend', messages };
}
