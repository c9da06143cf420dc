/**
 * Shares of votes, before the core sees the votes: those of one value and round wait until they can be a
 * quorum, for a moment at most, and are checked together. Is one of them wrong, they are halved until it
 * is found; its vote is not taken, so that what a quorum has voted for can always be put together.
 *
 *     share --> waiting --- quorum, or SHARES_WAIT_MS ---> checked --- right ---> its vote is taken
 *                                                                 \-- wrong ---> a fault of who sent it
 */
import { type SharedVote, type ValidatorId, sharedBytes } from '../../../consensus/bft/index.js';
import { isQuorum } from '../../../consensus/bft/quorum.js';
import type { Chain } from '../genesis.js';
import { SHARES_PER_VALIDATOR_MAX, SHARES_WAIT_MS } from '../limits.js';
import type { PeerGuard } from '../peer-guard.js';
import type { ChainSets } from '../sets.js';
import { type BlsPublicKey, areAllRight } from './bls.js';

/** A vote whose share is not checked yet. */
interface Waiting {
  readonly vote: SharedVote;
  readonly key: BlsPublicKey;
  /** Who sent it, which may be somebody else. */
  readonly peer: ValidatorId;
}

/** Votes for one value in one round. */
interface Group {
  readonly height: number;
  /** Those whose shares are right. */
  readonly right: Map<ValidatorId, SharedVote>;
  waiting: Waiting[];
}

/** What it needs of what is around it. */
export interface SharesPorts {
  readonly chain: Chain;
  readonly sets: ChainSets;
  readonly guard: PeerGuard;
  /** Takes a vote whose share is right. */
  take(vote: SharedVote): void;
}

/** See the head of this file. */
export class Shares {
  readonly #self: ValidatorId;
  readonly #ports: SharesPorts;
  readonly #groups = new Map<string, Group>();
  /** The groups of each validator, the latest last. */
  readonly #groupsOf = new Map<ValidatorId, string[]>();
  /** Whoever sent a wrong one: what comes from it is checked by itself. */
  readonly #liars = new Set<ValidatorId>();

  /** The vote of `self` does not come here. */
  constructor(self: ValidatorId, ports: SharesPorts) {
    this.#self = self;
    this.#ports = ports;
  }

  /** Takes a vote whose signature is right, by a validator of its height. */
  add(vote: SharedVote, peer: ValidatorId): void {
    this.#forget();
    const key = this.#ports.sets.blsKeys?.get(vote.from);
    if (key === undefined) return;
    const group = this.#groupOf(vote);
    const known = group.right.get(vote.from);
    if (known !== undefined) return this.#ports.take(known);
    const isThere = group.waiting.some((each) => {
      return each.vote.from === vote.from && each.peer === peer;
    });
    if (isThere) return;
    const waiting = { vote, key, peer };
    if (this.#liars.has(peer)) return this.#check(group, [waiting]);
    group.waiting.push(waiting);
    if (this.#isUrgent(group)) return this.#checkWaiting(group);
    if (group.waiting.length === 1) {
      setTimeout(() => this.#checkWaiting(group), SHARES_WAIT_MS).unref();
    }
  }

  #groupOf({ from, height, round, value }: SharedVote): Group {
    const name = `${height}/${round} ${value}`;
    const group = this.#groups.get(name) ?? { height, right: new Map(), waiting: [] };
    this.#groups.set(name, group);
    const own = this.#groupsOf.get(from) ?? [];
    if (own.includes(name)) return group;
    this.#groupsOf.set(from, own);
    own.push(name);
    // Of a validator that votes for many values the first ones are forgotten, and nobody else's.
    if (own.length > SHARES_PER_VALIDATOR_MAX) this.#leave(own.shift() as string, from);
    return group;
  }

  #leave(name: string, from: ValidatorId): void {
    const group = this.#groups.get(name);
    if (group === undefined) return;
    group.right.delete(from);
    group.waiting = group.waiting.filter(({ vote }) => vote.from !== from);
    if (group.right.size === 0 && group.waiting.length === 0) this.#groups.delete(name);
  }

  /** Whether those that wait may be what a quorum lacks, with the vote of this validator. */
  #isUrgent({ height, right, waiting }: Group): boolean {
    const set = this.#ports.sets.at(height);
    const areQuorum = (ids: Iterable<ValidatorId>): boolean =>
      isQuorum(set.weightOfAll(new Set(ids).add(this.#self)), set.totalWeight);
    const all = [...right.keys(), ...waiting.map(({ vote }) => vote.from)];
    return areQuorum(all) && !areQuorum(right.keys());
  }

  #checkWaiting(group: Group): void {
    const { waiting } = group;
    group.waiting = [];
    // Its height may be over.
    if (group.height > this.#ports.sets.decided) this.#check(group, waiting);
  }

  #check(group: Group, some: readonly Waiting[]): void {
    const [first] = some;
    if (first === undefined) return;
    const { chain, guard, take } = this.#ports;
    const shares = some.map(({ key, vote: { share } }) => ({ key, share }));
    if (areAllRight(sharedBytes(chain.digest, first.vote), shares)) {
      for (const { vote } of some) {
        if (group.right.has(vote.from)) continue;
        group.right.set(vote.from, vote);
        take(vote);
      }
    } else if (some.length === 1) {
      this.#liars.add(first.peer);
      guard.fault(first.peer, 'bad-signature', performance.now());
    } else {
      const half = Math.ceil(some.length / 2);
      this.#check(group, some.slice(0, half));
      this.#check(group, some.slice(half));
    }
  }

  /** What is decided needs no votes any more. */
  #forget(): void {
    const { decided } = this.#ports.sets;
    for (const [name, { height }] of this.#groups) {
      if (height > decided) continue;
      this.#groups.delete(name);
      for (const [id, own] of this.#groupsOf) {
        const rest = own.filter((each) => each !== name);
        if (rest.length > 0) this.#groupsOf.set(id, rest);
        else this.#groupsOf.delete(id);
      }
    }
  }
}
