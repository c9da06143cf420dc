/**
 * What validators signed of late, as it came here. Validators tell each other of it now and then, so
 * that one who said different things to two of them is found out, even after the height is decided.
 */
import { isEquivocation } from '../../consensus/bft/index.js';
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
    return known !== undefined && isEquivocation(known, message);
  }

  /** The proof against who signed `message`, which contradicts what is known. */
  evidence(message: OfOne): Evidence | null {
    const known = this.#seen.get(placeOf(message))?.message;
    return known === undefined ? null : evidenceOf(known, message);
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

/** Two messages of one validator and place that differ, as those who keep evidence want them. */
export function evidenceOf(...messages: readonly [OfOne, OfOne]): Evidence {
  const votes: SignedVote[] = [];
  const proposals: SignedProposal[] = [];
  for (const message of messages) {
    if (message.type === 'vote') votes.push(message.vote);
    else proposals.push(message.proposal);
  }
  const [vote] = votes;
  if (vote !== undefined) return { type: 'votes', culprit: vote.from, votes };
  return { type: 'proposals', culprit: proposals[0]!.from, proposals };
}
