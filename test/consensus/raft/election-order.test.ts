/** Voters that lose their leader campaign one after the other (`electionStepTicks`). */
import { describe, expect, it } from 'vitest';

import type { NodeId, RaftConfig } from '../../../consensus/raft/index.js';
import { Single, stored } from './single.js';

const ELECTION = 10;
const STEP = 2;
const QUINTET = [1, 2, 3, 4, 5];

/** A follower of node `leader` in a term. */
function follower(
  id: NodeId,
  leader: NodeId,
  term: number,
  fields: Partial<RaftConfig> = {},
): Single {
  const config = { id, electionTicks: ELECTION, electionStepTicks: STEP, ...fields };
  return new Single(stored(QUINTET, []), config).receive(leader, { type: 'heartbeat', term });
}

/** Ticks from the last word of the leader to the campaign. */
function ticksToCampaign(node: Single): number {
  for (let ticks = 1; ticks <= 4 * ELECTION; ticks += 1) {
    if (node.tick().node.status().role !== 'follower') return ticks;
  }
  throw new Error('it does not campaign');
}

describe('the order of campaigns', () => {
  it('gives each follower a time of its own, whoever led, and turns with the term', () => {
    const firsts = new Set<NodeId>();
    for (const leader of QUINTET) {
      for (let term = 2; term < 7; term += 1) {
        const others = QUINTET.filter((id) => id !== leader);
        const times = others.map((id) => ticksToCampaign(follower(id, leader, term)));
        expect([...times].sort((a, b) => a - b)).toEqual(
          [0, 1, 2, 3].map((turn) => ELECTION + 1 + turn * STEP),
        );
        firsts.add(others[times.indexOf(Math.min(...times))] as NodeId);
      }
    }
    expect(firsts.size).toBe(QUINTET.length);
  });

  it('lets the first campaign when another member keeps no promise to the leader any more', () => {
    const [first, other] = [2, 3].map((id) =>
      follower(id, 1, 5, { checkQuorum: true, preVote: true }),
    ) as [Single, Single];
    // Their ticks come at different times: of the other one, one less.
    const ticks = Math.min(ticksToCampaign(first), ELECTION + 1);
    other.take();
    other.tick(ticks - 1);
    other.receive(2, { type: 'preVoteRequest', term: 6, index: 1, logTerm: 1 });
    expect(other.take('preVoteResponse')).toMatchObject([{ to: 2, reject: false }]);
  });

  it('goes on among those who may lead: the others wait an election timeout more', () => {
    const priorities = new Map([
      [2, 0],
      [3, 0],
    ]);
    const times = [2, 3, 4, 5].map((id) => {
      const node = follower(id, 1, 5);
      node.node.step({ type: 'setPriorities', priorities });
      return ticksToCampaign(node);
    });
    expect(times.slice(0, 2).every((ticks) => ticks > 2 * ELECTION)).toBe(true);
    expect(times.slice(2).sort((a, b) => a - b)).toEqual([ELECTION + 1, ELECTION + 1 + STEP]);
    expect(new Set(times).size).toBe(4);
  });

  it('does not wait for the leader that was lost, however preferred', () => {
    const node = follower(2, 1, 5);
    node.node.step({ type: 'setPriorities', priorities: new Map([[1, 9]]) });
    expect(ticksToCampaign(node)).toBeLessThan(2 * ELECTION);
  });

  it('draws after a refusal, so that nobody campaigns in vain for ever', () => {
    const drawn = 0.9;
    const node = follower(2, 1, 5, { random: () => drawn });
    ticksToCampaign(node);
    for (const from of [3, 4, 5]) node.receive(from, { type: 'voteResponse', reject: true });
    expect(node.node.status().role).toBe('follower');
    expect(ticksToCampaign(node)).toBe(ELECTION + Math.floor(drawn * ELECTION));
  });

  it('is refused as a setting that is no number of ticks', () => {
    for (const electionStepTicks of [-1, Number.NaN]) {
      expect(() => new Single(stored(QUINTET, []), { electionStepTicks })).toThrow(
        /electionStepTicks/,
      );
    }
  });
});
