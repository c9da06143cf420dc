/** Messages of a simulated group in a few words, for a diagram. */
import type { Json } from '../explore/plan.js';
import type { ClientAsk, RaftMessage } from './messages.js';

export function describeRaftMessage(message: RaftMessage): string {
  if (message instanceof Uint8Array) return `${message.length} bytes`;
  if ('commit' in message) {
    const { type, term, index, entries, reject } = message;
    const carried = entries.length === 0 ? '' : ` +${entries.length}`;
    return `${type} t${term} i${index}${carried}${reject ? ' rejected' : ''}`;
  }
  switch (message.type) {
    case 'client-request':
      return `${describeAsk(message.ask)} #${message.sequence}.${message.attempt}`;
    case 'client-reply': {
      const { attempt, outcome, result, index } = message;
      const answer = outcome === 'ok' ? `${text(result)} at ${index}` : outcome;
      return `${answer} #${attempt}`;
    }
    case 'snapshot-transfer':
      return `snapshot t${message.message.term}`;
    case 'snapshot-offer':
      return `snapshot t${message.message.term} in ${message.blocks} blocks`;
    case 'snapshot-wanted':
      return `wants block ${message.block} of snapshot ${message.index}`;
    case 'snapshot-block':
      return `block ${message.block} of snapshot ${message.index}`;
    case 'snapshot-arrived':
      return `snapshot ${message.index} arrived`;
    default:
      return message.type;
  }
}

function describeAsk(ask: ClientAsk): string {
  if (ask.kind === 'transfer') return `transfer to ${ask.to}`;
  if (ask.kind === 'change') return 'change members';
  if (ask.kind === 'forget') return 'forget the leader';
  return `${ask.kind} ${text(ask.operation)}`;
}

function text(value: Json): string {
  return JSON.stringify(value);
}
