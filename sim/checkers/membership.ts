import { Violation } from './violation.js';

/** The voters of a configuration; of both halves if it is joint. */
export interface VotersOf {
  readonly voters: readonly number[];
  /** Empty unless the configuration is joint. */
  readonly votersOutgoing: readonly number[];
}

interface Known {
  readonly index: number;
  readonly node: number;
  readonly votes: VotersOf;
}

/**
 * Membership changes (Raft section 6, thesis 4.1 and 4.3): all nodes have the same configuration as of
 * an index, and each quorum of a configuration shares a member with each of the one before it, so
 * that no two leaders are elected across a change.
 */
export class MembershipSafety {
  readonly #known: Known[] = [];

  /** Configurations seen. */
  get changes(): number {
    return this.#known.length;
  }

  /** The configuration of `node` is this one as of `index`, at which it applied a change. */
  applied(node: number, index: number, votes: VotersOf): void {
    const at = this.#known.findIndex((known) => known.index >= index);
    const known = this.#known[at];
    if (known?.index === index) {
      if (same(known.votes, votes)) return;
      throw new Violation(
        'membership',
        `nodes ${known.node} and ${node} have different voters as of index ${index}: ` +
          `${describe(known.votes)} and ${describe(votes)}`,
      );
    }
    const own = { index, node, votes };
    const place = at === -1 ? this.#known.length : at;
    this.#known.splice(place, 0, own);
    if (place > 0) this.#overlap(this.#known[place - 1]!, own);
    const next = this.#known[place + 1];
    if (next !== undefined) this.#overlap(own, next);
  }

  /**
   * `node` leads `term` and puts a change into its log at `index`, when the last entry that it
   * knows to be committed is of `committedTerm`. That has to be its own term: a leader before it may
   * have changed the members without its knowing (Ongaro, raft-dev, July 2015).
   */
  proposed(node: number, index: number, term: number, committedTerm: number): void {
    if (committedTerm === term) return;
    throw new Violation(
      'membership',
      `node ${node} leads term ${term} and changes members at index ${index} before an entry of its ` +
        `term is committed; the last one that is was of term ${committedTerm}`,
    );
  }

  #overlap(before: Known, after: Known): void {
    if (overlaps(before.votes, after.votes)) return;
    throw new Violation(
      'membership',
      `the voters ${describe(before.votes)} as of index ${before.index} and ` +
        `${describe(after.votes)} as of index ${after.index} have quorums without a common member`,
    );
  }
}

/**
 * Whether each quorum of one shares a member with each quorum of the other. A quorum of a joint
 * configuration holds one of each half, so it is enough that two halves do.
 */
export function overlaps(a: VotersOf, b: VotersOf): boolean {
  return halves(a).some((left) => halves(b).some((right) => majoritiesMeet(left, right)));
}

function halves({ voters, votersOutgoing }: VotersOf): (readonly number[])[] {
  return votersOutgoing.length === 0 ? [voters] : [voters, votersOutgoing];
}

function majoritiesMeet(a: readonly number[], b: readonly number[]): boolean {
  const common = a.filter((node) => b.includes(node)).length;
  // The least that a majority needs of the members that both have.
  const needs = (size: number): number => Math.max(0, Math.floor(size / 2) + 1 - (size - common));
  return needs(a.length) + needs(b.length) > common;
}

function same(a: VotersOf, b: VotersOf): boolean {
  return describe(a) === describe(b);
}

function describe({ voters, votersOutgoing }: VotersOf): string {
  const outgoing = votersOutgoing.length === 0 ? '' : ` and ${sorted(votersOutgoing)}`;
  return `{${sorted(voters)}${outgoing}}`;
}

function sorted(nodes: readonly number[]): string {
  return [...nodes].sort((x, y) => x - y).join(' ');
}
