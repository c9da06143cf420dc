/**
 * What validators signed of late, as it came here. Validators tell each other of it now and then, so
 * that one who said different things to two of them is found out, even after the height is decided.
 */
import type {
  Evidence,
  SignedProposal,
  SignedVote,
  ValidatorId,
  WireMessage,
} from '../../consensus/bft/index.js';
import { WITNESSED_MAX, WITNESSED_PER_BEAT_MAX } from './limits.js';

/** A message that one validator signed. */
export type OfOne = Extract<WireMessage, { type: 'proposal' | 'vote' }>;

/** See the head of this file. */
export class Witness {
  /** The first message of each place, oldest first, with its number. */
  readonly #seen = new Map<string, { readonly number: number; readonly message: OfOne }>();
  readonly #toldUpTo = new Map<ValidatorId, number>();
  #count = 0;

  /** Notes a message whose signature is checked. */
  note(message: OfOne): void {
    const place = placeOf(message);
    if (this.#seen.has(place)) return;
    this.#count += 1;
    this.#seen.set(place, { number: this.#count, message });
    if (this.#seen.size <= WITNESSED_MAX) return;
    const [oldest] = this.#seen.keys();
    if (oldest !== undefined) this.#seen.delete(oldest);
  }

  /** Whether something else is known of the same place. */
  contradicts(message: OfOne): boolean {
    const known = this.#seen.get(placeOf(message))?.message;
    return known !== undefined && contentOf(known) !== contentOf(message);
  }

  /** The proof against who signed `message`, which contradicts what is known. */
  evidence(message: OfOne): Evidence | null {
    const known = this.#seen.get(placeOf(message))?.message;
    if (known?.type === 'vote' && message.type === 'vote') {
      const votes: readonly SignedVote[] = [known.vote, message.vote];
      return { type: 'votes', culprit: message.vote.from, votes };
    }
    if (known?.type !== 'proposal' || message.type !== 'proposal') return null;
    const proposals: readonly SignedProposal[] = [known.proposal, message.proposal];
    return { type: 'proposals', culprit: message.proposal.from, proposals };
  }

  /** What a peer was not told yet, the oldest left out if it is much. */
  untold(peer: ValidatorId): readonly OfOne[] {
    const from = this.#toldUpTo.get(peer) ?? 0;
    this.#toldUpTo.set(peer, this.#count);
    const news = [...this.#seen.values()].filter(({ number }) => number > from);
    return news.slice(-WITNESSED_PER_BEAT_MAX).map(({ message }) => message);
  }
}

function placeOf(message: OfOne): string {
  const about = message.type === 'vote' ? message.vote : message.proposal;
  const kind = message.type === 'vote' ? message.vote.type : 'proposal';
  return `${about.from} ${about.height}/${about.round} ${kind}`;
}

function contentOf(message: OfOne): string {
  if (message.type === 'vote') return message.vote.value ?? '';
  return `${message.proposal.value} ${message.proposal.validRound}`;
}
