import type { BftMessage, Decision } from '../../consensus/bft/index.js';

/** What travels between two validators of the simulation. */
export type BftWire =
  | { readonly kind: 'messages'; readonly messages: readonly BftMessage[] }
  /** Decided heights, one after the other, for somebody who is behind. */
  | { readonly kind: 'decisions'; readonly decisions: readonly Decision[] }
  /** Asks for the decisions from a height on. */
  | { readonly kind: 'ask'; readonly height: number };

/** A message in a few words. */
export function describeBftWire(wire: BftWire): string {
  if (wire.kind === 'decisions') return `decisions ${wire.decisions.length}`;
  if (wire.kind === 'ask') return `ask from ${wire.height} on`;
  const [first, ...rest] = wire.messages;
  const more = rest.length === 0 ? '' : ` and ${rest.length} more`;
  return first === undefined ? 'nothing' : `${describeBftMessage(first)}${more}`;
}

function describeBftMessage(message: BftMessage): string {
  switch (message.type) {
    case 'proposal': {
      const { from, height, round, value, validRound } = message.proposal;
      const again = validRound < 0 ? '' : ` again after ${validRound}`;
      return `proposal ${height}/${round} ${value} of ${from}${again}`;
    }
    case 'vote': {
      const { type, from, height, round, value } = message.vote;
      return `${type} ${height}/${round} ${value ?? 'nil'} of ${from}`;
    }
    case 'certificate':
      return `certificate of ${message.certificate.length}`;
    case 'decision':
      return `decision ${message.decision.proposal.height}`;
  }
}
