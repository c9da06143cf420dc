/** Shares before their votes count: checked together, the wrong ones found, and who sent them. */
import { describe, expect, it } from 'vitest';
import {
  type SharedVote,
  type WireMessage,
  encodeMessages,
} from '../../../../consensus/bft/index.js';
import { blsKeyOf } from '../../../../nodes/bft/aggregates/bls.js';
import { Shares } from '../../../../nodes/bft/aggregates/shares.js';
import { SignatureChecker } from '../../../../nodes/bft/checking.js';
import { Inbox, MESSAGES, payloadOf } from '../../../../nodes/bft/inbox.js';
import { SHARES_PER_VALIDATOR_MAX } from '../../../../nodes/bft/limits.js';
import { PeerGuard } from '../../../../nodes/bft/peer-guard.js';
import { ChainSets } from '../../../../nodes/bft/sets.js';
import { Witness } from '../../../../nodes/bft/witness.js';
import { createIdentity } from '../../../../transport/identity/index.js';
import { until } from '../../../waiting.js';
import { Signers } from '../signers.js';

const identities = Array.from({ length: 7 }, () => createIdentity());
const keys = identities.map((_, at) => blsKeyOf(new Uint8Array(32).fill(at + 1)));
const ports = identities.map((_, at) => at + 1);
/** Seven validators: five are a quorum. */
const signers = new Signers(ports, 'shares', identities, keys);
const { chain } = signers;
const all = [0, 1, 2, 3, 4, 5, 6];
const votes = signers.shared(all, 0, 'v');
const idOf = (at: number): string => identities[at]!.peerId;

/** Of somebody who has no weight, or one of them. */
function gate(self = 'nobody') {
  const taken: SharedVote[] = [];
  const sets = new ChainSets(chain);
  const guard = new PeerGuard(() => {});
  const shares = new Shares(self, { chain, sets, guard, take: (vote) => taken.push(vote) });
  const places = (): string =>
    taken.map(({ from }) => all.find((at) => idOf(at) === from)).join(' ');
  const faults = (peer: string): number => guard.counts(0).get(peer)?.faults['bad-signature'] ?? 0;
  return { shares, sets, guard, taken, places, faults };
}

/** With the share of another one. */
const wrong = (at: number): SharedVote => ({ ...votes[at]!, share: votes[(at + 1) % 7]!.share });

describe('shares of others', () => {
  it('wait until they can be a quorum, and are then taken together', () => {
    const { shares, places } = gate();
    for (const at of [0, 1, 2, 3]) shares.add(votes[at]!, idOf(at));
    expect(places()).toBe('');
    shares.add(votes[4]!, idOf(4));
    expect(places()).toBe('0 1 2 3 4');
  });

  it('are a quorum with the vote of this validator, which does not come', () => {
    const { shares, places } = gate(idOf(6));
    for (const at of [0, 1, 2]) shares.add(votes[at]!, idOf(at));
    expect(places()).toBe('');
    shares.add(votes[3]!, idOf(3));
    expect(places()).toBe('0 1 2 3');
  });

  it('are taken after a moment if they are no quorum', async () => {
    const { shares, places } = gate();
    shares.add(votes[0]!, idOf(0));
    shares.add(votes[1]!, idOf(1));
    await until('two', () => places() === '0 1');
    // What comes again is handed on at once: it may have been for a height that had not begun.
    shares.add(votes[0]!, idOf(3));
    expect(places()).toBe('0 1 0');
  });

  it('are halved until the wrong ones are found, which count against who sent them', () => {
    const { shares, places, faults } = gate();
    for (const at of [0, 1, 2]) shares.add(votes[at]!, idOf(at));
    shares.add(wrong(3), idOf(3));
    // Sent on by somebody else, who has changed it.
    shares.add(wrong(4), idOf(5));
    expect(places()).toBe('0 1 2');
    expect([faults(idOf(3)), faults(idOf(4)), faults(idOf(5))]).toEqual([1, 0, 1]);
    // Its own vote counts, and the quorum is one of those who are right.
    shares.add(votes[4]!, idOf(4));
    shares.add(votes[6]!, idOf(6));
    expect(places()).toBe('0 1 2 4 6');
    // Whoever lied once does not delay others.
    shares.add(wrong(3), idOf(3));
    expect(faults(idOf(3))).toBe(2);
  });

  it('that cancel each other out are found', () => {
    const { shares, places, faults } = gate();
    for (const at of [0, 1, 2]) shares.add(votes[at]!, idOf(at));
    shares.add({ ...votes[3]!, share: votes[4]!.share }, idOf(3));
    shares.add({ ...votes[4]!, share: votes[3]!.share }, idOf(4));
    expect(places()).toBe('0 1 2');
    expect([faults(idOf(3)), faults(idOf(4))]).toEqual([1, 1]);
  });

  it('of heights that are over are forgotten, and of one that votes for much the first ones', async () => {
    const { shares, sets, places } = gate();
    const many = Array.from({ length: SHARES_PER_VALIDATOR_MAX + 1 }, (_, at) => {
      return signers.shared([0], 0, `value ${at}`)[0]!;
    });
    for (const vote of many) shares.add(vote, idOf(0));
    for (const at of [1, 2, 3, 4]) shares.add(votes[at]!, idOf(at));
    await until('all but the first', () => {
      return (
        places()
          .split(' ')
          .filter((each) => each === '0').length === SHARES_PER_VALIDATOR_MAX
      );
    });
    expect(places()).toMatch(/1 2 3 4/);
    const before = places();
    shares.add(votes[5]!, idOf(5));
    expect(places()).toBe(`${before} 5`);
    shares.add(votes[6]!, idOf(6));
    sets.decide([]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(places()).toBe(`${before} 5`);
  });
});

describe('what comes from a peer', () => {
  function inbox(of: Signers) {
    const sets = new ChainSets(of.chain);
    const guard = new PeerGuard(() => {});
    const taken: string[] = [];
    const checker = new SignatureChecker(of.chain.digest, sets);
    const witness = new Witness();
    const made = new Inbox(guard, checker, witness, {
      decided: () => 0,
      isValidatorOf: (height, id) => sets.at(height).has(id),
      canAccuse: () => false,
      take: ({ type }) => taken.push(type),
      takeShare: () => taken.push('share'),
      takeCommands: () => {},
      onEvidence: () => {},
      onBehind: () => {},
      onAhead: () => {},
    });
    const receive = (message: WireMessage): void =>
      made.receive('peer', payloadOf(MESSAGES, encodeMessages([message])));
    return { receive, taken, witness, faults: () => guard.counts(0).get('peer')?.faults };
  }
  const plain = new Signers(ports, 'plain', identities);
  const [vote] = votes as [SharedVote];
  const decision = signers.aggregated([0, 1, 2, 3, 4], { height: 1, round: 0, value: 'v' });

  it('is a share where decisions are aggregated, and its signature is looked at first', () => {
    const { receive, taken, witness, faults } = inbox(signers);
    receive({ type: 'share', vote });
    expect(taken).toEqual(['share']);
    // What it said counts as seen, whatever its share is.
    const [other] = signers.votes('precommit', [0], 0, 'w');
    expect(witness.contradicts({ type: 'vote', vote: other! })).toBe(true);
    receive({ type: 'share', vote: { ...vote, signature: other!.signature } });
    expect([taken.length, faults()!['bad-signature']]).toEqual([1, 1]);
  });

  it('is a precommit without share only for nil, and no decision, which is fetched', () => {
    const { receive, taken, faults } = inbox(signers);
    const certificate = signers.votes('precommit', all, 0, 'v');
    receive({ type: 'vote', vote: certificate[0]! });
    receive({ type: 'certificate', certificate });
    receive({ type: 'decision', decision });
    const { proposal } = decision;
    receive({ type: 'decision', decision: { proposal, certificate } });
    expect([taken, faults()?.garbage]).toEqual([[], 4]);
    receive({ type: 'vote', vote: signers.votes('prevote', [0], 0, 'v')[0]! });
    receive({ type: 'certificate', certificate: signers.polka(all, 0, 'v') });
    expect([taken, faults()?.garbage]).toEqual([['vote', 'certificate'], 4]);
  });

  it('is no share on another chain', () => {
    const { receive, taken, faults } = inbox(plain);
    receive({
      type: 'share',
      vote: { ...plain.votes('precommit', [0], 0, 'v')[0]!, share: vote.share },
    });
    receive({ type: 'decision', decision });
    expect([taken, faults()?.garbage]).toEqual([[], 2]);
    receive({ type: 'vote', vote: plain.votes('precommit', [0], 0, 'v')[0]! });
    expect(taken).toEqual(['vote']);
  });
});
