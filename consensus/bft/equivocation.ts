import { type OwnMessage, aboutMessage } from './message.js';
import { isSameContent, placeOf } from './signing.js';

/**
 * Whether two messages prove that who they are from is faulty: they are of one validator, height, round
 * and kind, and differ. Signatures are checked by the host.
 */
export function isEquivocation(a: OwnMessage, b: OwnMessage): boolean {
  const one = aboutMessage(a);
  const other = aboutMessage(b);
  if (one === null || other === null || one.from !== other.from) return false;
  const place = placeOf(b);
  return placeOf(a).every((part, at) => part === place[at]) && !isSameContent(a, b);
}
