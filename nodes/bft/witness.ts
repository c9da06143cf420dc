/**
 * What validators signed of late, as it came here. Validators tell each other of it now and then, so
 * that one who said different things to two of them is found out, even after the height is decided.
 */
import { amnesiaOf, isEquivocation } from '../../consensus/bft/index.js';
import type {
  Accusation,
  Evidence,
  SignedProposal,
  SignedVote,
  ValidatorId,
  WireMessage,
} from '../../consensus/bft/index.js';
import { WITNESSED_MAX, WITNESSED_PER_BEAT_MAX } from './limits.js';

/** A message that one validator signed. */
export type OfOne = Extract<WireMessage, { type: 'proposal' | 'vote' }>;

/** A precommit and a later prevote that only a faulty validator has no answer to. */
export type Amnesia = Extract<Accusation, { type: 'amnesia' }>;

/** See the head of this file. */
export class Witness {
  /** The first message of each place, oldest first, with its number. */
  readonly #seen = new Map<string, { readonly number: number; readonly message: OfOne }>();
  /** Votes among them, by validator and height. */
  readonly #votes = new Map<string, SignedVote[]>();
  readonly #toldUpTo = new Map<ValidatorId, number>();
  #count = 0;

  /** Notes a message whose signature is checked. */
  note(message: OfOne): void {
    const place = placeOf(message);
    if (this.#seen.has(place)) return;
    this.#count += 1;
    this.#seen.set(place, { number: this.#count, message });
    if (message.type === 'vote') this.#votesOf(message.vote).push(message.vote);
    if (this.#seen.size > WITNESSED_MAX) this.#forgetOldest();
  }

  /** What a vote and one that is known of the same validator and height accuse it of; null if nothing. */
  amnesia(message: OfOne): Amnesia | null {
    if (message.type !== 'vote') return null;
    const { vote } = message;
    for (const known of this.#votes.get(heightOf(vote)) ?? []) {
      const found = amnesiaOf(known, vote);
      if (found?.type === 'amnesia') return found;
    }
    return null;
  }

  #votesOf(vote: SignedVote): SignedVote[] {
    const votes = this.#votes.get(heightOf(vote)) ?? [];
    this.#votes.set(heightOf(vote), votes);
    return votes;
  }

  #forgetOldest(): void {
    const [oldest] = this.#seen;
    if (oldest === undefined) return;
    const [place, { message }] = oldest;
    this.#seen.delete(place);
    if (message.type !== 'vote') return;
    const votes = this.#votesOf(message.vote);
    // Those of one validator and height came in the order in which they are forgotten.
    votes.shift();
    if (votes.length === 0) this.#votes.delete(heightOf(message.vote));
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

function heightOf({ from, height }: SignedVote): string {
  return `${from} ${height}`;
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
