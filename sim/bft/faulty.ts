/**
 * A faulty validator. It can sign whatever it likes in its own name, and send to each peer something
 * else, late, again, or not at all. It cannot sign for others. Faulty validators of a run deceive the
 * same half of the others at the same time.
 */
import {
  type BftMessage,
  type OwnMessage,
  type Proposal,
  type Vote,
  timeoutOf,
} from '../../consensus/bft/index.js';
import type { Context, DiskView } from '../world/index.js';
import type { ValueContent } from './library.js';
import { REPLAYED_MESSAGES_MAX } from './limits.js';
import { BftReplica, type BftStored, type ReplicaOptions } from './replica.js';
import { invalidValue } from './values.js';
import type { BftWire } from './wire.js';

/** What a faulty validator does besides what a correct one does. */
export const FAULTS = [
  /** Votes and proposes differently to the one half and the other. */
  'equivocate',
  /** Leaves messages out. */
  'withhold',
  'delay',
  /** Sends messages of others, and its own, again. */
  'replay',
  /** Votes for heights and rounds where it is not. */
  'lie-about-height',
  /** Proposes what is invalid, or names a round that nobody prevoted in. */
  'propose-badly',
  /** Prevotes and precommits whatever is proposed, with no regard for locks. */
  'agree-to-all',
  /** Proposes changes of validators that nobody may, and accuses correct ones. */
  'change-badly',
] as const;
/** See `FAULTS`. */
export type Fault = (typeof FAULTS)[number];

/**
 * What the faulty do at last, when all others are whole again and have to go on without them: with what
 * they need for a quorum and nothing to spare, so that a vote that nobody waits for is missed.
 */
export const FINALES = [
  'as before',
  /** Nothing. */
  'silent',
  /**
   * Prevotes nil and precommits never. It proposes to each another value, to some at once and to some
   * when the others have voted: those see prevotes of a quorum for no one value before they vote.
   */
  'only prevotes',
] as const;
/** See `FINALES`. */
export type Finale = (typeof FINALES)[number];

const LATE = 'late ';

/** See the head of this file. */
export class FaultyReplica extends BftReplica {
  readonly #faults: ReadonlySet<Fault>;
  readonly #seen: BftMessage[] = [];
  readonly #late = new Map<
    string,
    { readonly to: string; readonly messages: readonly BftMessage[] }
  >();
  readonly #finale: () => Finale;
  #lateCount = 0;
  /** The last value that somebody else proposed: it serves as the other one. */
  #otherValue: string | null = null;

  /** `finale` is asked each time: it begins when the others are whole again. */
  constructor(
    options: ReplicaOptions,
    faults: readonly Fault[],
    finale: () => Finale,
    disk: DiskView<BftStored>,
    context: Context<BftWire, BftStored>,
  ) {
    super({ ...options, judge: null }, disk, context);
    this.#faults = new Set(faults);
    this.#finale = finale;
  }

  override onTick(tag: string): void {
    if (!tag.startsWith(LATE)) return super.onTick(tag);
    const late = this.#late.get(tag);
    this.#late.delete(tag);
    if (late !== undefined) super.sendTo(late.to, late.messages);
  }

  protected override take(message: BftMessage, from: string): void {
    this.#seen.push(message);
    if (this.#seen.length > REPLAYED_MESSAGES_MAX) this.#seen.shift();
    if (message.type === 'proposal') {
      const { proposal } = message;
      if (proposal.from !== this.name) this.#otherValue = proposal.value;
      if (this.#has('agree-to-all', 0.7)) this.#agreeTo(proposal);
    }
    super.take(message, from);
  }

  protected override sendTo(to: string, messages: readonly BftMessage[]): void {
    const finale = this.#finale();
    if (finale === 'silent') return;
    if (finale === 'only prevotes') return this.#sendAtLast(to, messages);
    if (this.#has('withhold', 0.4)) return;
    const changed = messages.map((message) => this.#change(message, to));
    if (this.#has('replay', 0.2)) {
      const at = Math.floor(this.context.random() * this.#seen.length);
      changed.push(...this.#seen.slice(at, at + 3));
    }
    if (this.#has('lie-about-height', 0.3)) changed.push(this.#lie());
    if (!this.#has('delay', 0.5)) return super.sendTo(to, changed);
    this.#sendLater(to, changed, Math.floor(this.context.random() * 2_000_000));
  }

  #sendLater(to: string, messages: readonly BftMessage[], microseconds: number): void {
    this.#lateCount += 1;
    const tag = `${LATE}${this.#lateCount}`;
    this.#late.set(tag, { to, messages });
    this.context.setTimer(1 + microseconds, tag);
  }

  #sendAtLast(to: string, messages: readonly BftMessage[]): void {
    for (const message of messages) {
      if (message.type === 'vote' && message.vote.from === this.name) {
        const vote: Vote = { ...message.vote, value: null };
        if (vote.type === 'prevote') super.sendTo(to, [{ type: 'vote', vote }]);
      }
      if (message.type !== 'proposal' || message.proposal.from !== this.name) continue;
      const proposal = { ...message.proposal, value: `${message.proposal.value} ${to}` };
      // Part of the time that the others wait for it.
      const part = Math.max(0, this.context.random() - 0.5);
      const waitMs = timeoutOf(this.options.timeoutsMs, 'propose', proposal.round);
      this.#sendLater(to, [proposalOf(proposal)], Math.floor(part * waitMs * 1_000));
    }
  }

  protected override makeContent(): ValueContent {
    if (!this.#has('change-badly', 0.7)) return super.makeContent();
    const weight = this.context.random() < 0.5 ? 2 : 1_000;
    const changes = [{ id: this.name, weight }];
    return this.context.random() < 0.5 ? { changes, proofs: [] } : this.#falseProof();
  }

  /** One message twice, or with something that was not signed. */
  #falseProof(): ValueContent {
    const votes = this.#seen.flatMap((each) => (each.type === 'vote' ? [each.vote] : []));
    const vote = votes.find(({ from }) => !this.options.library.isFaulty(from));
    if (vote === undefined) return { changes: [], proofs: [] };
    const isSame = this.context.random() < 0.5;
    const value = vote.value === null ? this.#otherValue : null;
    const one: OwnMessage = { type: 'vote', vote };
    const other: OwnMessage = isSame ? one : { type: 'vote', vote: { ...vote, value } };
    const { from: culprit, height } = vote;
    return { changes: [], proofs: [{ culprit, height, messages: [one, other] }] };
  }

  #has(fault: Fault, probability: number): boolean {
    return this.#faults.has(fault) && this.context.random() < probability;
  }

  /** Whether a peer is of the half that is told something else. */
  #isDeceived(to: string): boolean {
    return this.options.names.indexOf(to) % 2 === 0;
  }

  #change(message: BftMessage, to: string): BftMessage {
    if (message.type === 'vote' && message.vote.from === this.name) {
      const { vote } = message;
      if (!this.#isDeceived(to) || !this.#has('equivocate', 0.9)) return message;
      const value = vote.value === null ? this.#otherValue : null;
      return { type: 'vote', vote: { ...vote, value } };
    }
    if (message.type !== 'proposal' || message.proposal.from !== this.name) return message;
    const { proposal } = message;
    if (this.#isDeceived(to) && this.#has('equivocate', 0.9)) {
      return proposalOf({ ...proposal, value: `${proposal.value} other` });
    }
    if (!this.#has('propose-badly', 0.6)) return message;
    return this.context.random() < 0.5
      ? proposalOf({ ...proposal, value: invalidValue(proposal.value) })
      : proposalOf({ ...proposal, validRound: Math.floor(this.context.random() * 3) });
  }

  #agreeTo({ height, round, value }: Proposal): void {
    const votes = (['prevote', 'precommit'] as const).map((type): BftMessage => {
      const vote: Vote = { type, from: this.name, height, round, value };
      return { type: 'vote', vote };
    });
    if (this.#finale() !== 'as before') return;
    for (const to of this.options.names) {
      if (to !== this.name) this.context.send(to, { kind: 'messages', messages: votes });
    }
  }

  #lie(): BftMessage {
    const { random } = this.context;
    const offset = Math.floor(random.call(this.context) * 5) - 1;
    const vote: Vote = {
      type: random.call(this.context) < 0.5 ? 'prevote' : 'precommit',
      from: this.name,
      height: Math.max(1, this.height + offset),
      round: Math.floor(random.call(this.context) * 12),
      value: random.call(this.context) < 0.5 ? null : this.#otherValue,
    };
    return { type: 'vote', vote };
  }
}

function proposalOf(proposal: Proposal): BftMessage {
  return { type: 'proposal', proposal };
}
