import type { Driver } from './driver.js';
import type { OwnMessage } from './message.js';
import type { Certificate } from './types.js';

/**
 * The polka that allows a vote which is about to be signed, null for one that needs none: of a precommit
 * that of its round (L36), of a prevote against a lock one of the round of the lock or later (L29).
 */
export function polkaFor({ keeper, state }: Driver, message: OwnMessage): Certificate | null {
  if (message.type !== 'vote' || message.vote.value === null) return null;
  const { type, round, value } = message.vote;
  if (type === 'precommit') return keeper.certificateFor('prevote', round, value);
  if (state.lockedValue === null || state.lockedValue === value) return null;
  for (let each = round - 1; each >= state.lockedRound; each -= 1) {
    const polka = keeper.certificateFor('prevote', each, value);
    if (polka !== null) return polka;
  }
  return null;
}
