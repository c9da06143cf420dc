/**
 * What a validator may sign. Of two different messages of one height, round and kind at most one
 * leaves, also after a crash, and also if the log was restored from a backup.
 */
import type { BftMessage, OwnMessage } from './message.js';
import { aboutMessage } from './message.js';
import { assert } from './error.js';

/** The last message signed; messages are ordered by height, round and kind. */
export class SigningGuard {
  #last: OwnMessage | null;

  constructor(last: OwnMessage | null) {
    this.#last = last;
  }

  /** Whether a message may be signed: it comes after the last one, or is the last one again. */
  permits(message: OwnMessage): boolean {
    if (this.#last === null) return true;
    const [height, round, kind] = placeOf(message);
    const [lastHeight, lastRound, lastKind] = placeOf(this.#last);
    if (height !== lastHeight) return height > lastHeight;
    if (round !== lastRound) return round > lastRound;
    return kind > lastKind || (kind === lastKind && isSameContent(message, this.#last));
  }

  /** Notes that a message is signed. */
  sign(message: OwnMessage): void {
    assert(this.permits(message), 'nothing is signed that contradicts what was signed');
    this.#last = message;
  }
}

/** Height, round and step (0 proposal, 1 prevote, 2 precommit): a validator signs once at each. */
export function placeOf(message: OwnMessage): readonly [number, number, number] {
  const about = aboutMessage(message as BftMessage);
  assert(about !== null, 'own messages are well formed');
  const kind = message.type === 'proposal' ? 0 : message.vote.type === 'prevote' ? 1 : 2;
  return [about.height, about.round, kind];
}

/** Whether two messages of one place say the same. */
export function isSameContent(a: OwnMessage, b: OwnMessage): boolean {
  if (a.type === 'vote' && b.type === 'vote') return a.vote.value === b.vote.value;
  if (a.type !== 'proposal' || b.type !== 'proposal') return false;
  return a.proposal.value === b.proposal.value && a.proposal.validRound === b.proposal.validRound;
}
