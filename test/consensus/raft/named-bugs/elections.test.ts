import { strict as assert } from 'node:assert';
import { describe } from 'vitest';
import type { NodeId } from '../../../../consensus/raft/index.js';
import { ELECTION_MS, Lab } from '../mit/lab.js';
import { seeded } from '../mit/seeds.js';
import { campaign, confState, disks, foundedAs, lead, scripted } from './script.js';
import { inconsistentLogs } from './inconsistent-logs.js';

const TRIO = [1, 2, 3];

describe('named bugs: elections', () => {
  seeded('bug 4: a learner that has been promoted without knowing it votes', (seed) => {
    const lab = scripted(3, { seed, stored: () => foundedAs(confState([1, 2], [3])) });
    lead(lab, 1);
    lab.wire.disconnect(3);
    const change = { transition: 'auto', changes: [{ type: 'addVoter', node: 3 }] } as const;
    assert.equal(lab.change(1, change), undefined);
    lab.sleep(200);
    assert.deepEqual(lab.node(2).status().confState.voters, TRIO);
    assert.deepEqual(lab.node(3).status().confState.learners, [3]);

    // Two of the three voters are left, and one of them takes itself for a learner.
    lab.crash(1);
    lab.wire.connect(3);
    lead(lab, 2);
    lab.sleep(200);
    assert.deepEqual(lab.node(3).status().confState.voters, TRIO);
    lab.end();
  });

  seeded('bug 11: a former leader, one of two nodes alive, gets its pre-vote', (seed) => {
    // Node 2 has campaigned in vain up to term 5 and holds less than node 1, which led term 3.
    const logs = { 1: { terms: [3, 3, 3], term: 3, vote: 1 }, 2: { terms: [], term: 5, vote: 2 } };
    const lab = new Lab(3, { seed, stored: disks(TRIO, logs) });
    lab.crash(3);
    assert.equal(lab.oneLeader(), 1);
    lab.agree('a', 2);
    lab.end();
  });

  seeded('bug 11: two of three nodes that followed the same leader elect one of them', (seed) => {
    const lab = new Lab(3, { seed });
    for (let round = 0; round < 10; round += 1) {
      const leader = lab.oneLeader();
      lab.crash(leader);
      // Both have given their vote of this term to the leader that is gone.
      lab.agree(lab.newCommand(), 2);
      lab.start(leader);
      lab.agree(lab.newCommand(), 3);
    }
    lab.end();
  });

  seeded('bug 12: a link that fails between two of three nodes inflates no term', (seed) => {
    // The outage of Cloudflare in 2020: B does not hear A, which leads, and both hear C.
    const lab = new Lab(3, { seed });
    const leader = lab.oneLeader();
    const { term } = lab.node(leader).status();
    lab.wire.cutLink(leader, lab.after(leader, 1));
    for (let second = 0; second < 30; second += 1) {
      lab.sleep(ELECTION_MS);
      assert.ok(lab.node(leader).isLeader, `the leader is deposed after ${second} s`);
    }
    const terms = lab.ids.map((id) => lab.node(id).status().term);
    assert.deepEqual(terms, [term, term, term]);
    lab.agree('a', 2, false);
    lab.wire.mendLinks();
    lab.agree('b', 3);
    lab.end();
  });

  seeded('bug 13: in a star the node in the middle leads, and goes on leading', (seed) => {
    const lab = new Lab(5, { seed });
    const first = lab.oneLeader();
    lab.agree('a', 5);
    const hub = lab.after(first, 1);
    for (const a of lab.ids) for (const b of lab.ids) if (a < b) lab.wire.cutLink(a, b);
    lab.wire.mendLinks((a, b) => a === hub || b === hub);
    // The leader has two of five left and has to notice that.
    lab.sleep(5 * ELECTION_MS);
    assert.equal(lab.oneLeader(), hub);
    const { term } = lab.node(hub).status();
    for (let second = 0; second < 30; second += 1) {
      lab.sleep(ELECTION_MS);
      assert.ok(lab.node(hub).isLeader, `the leader is deposed after ${second} s`);
    }
    assert.equal(lab.oneTerm(), term);
    lab.agree('b', 5, false);
    lab.end();
  });
});

describe('named bugs: whose log is more complete', () => {
  // Node 1 has more entries, nodes 2 and 3 have one of a later term, which may be committed.
  const logs = {
    1: { terms: [2, 2, 2, 2], term: 3 },
    2: { terms: [3], term: 3 },
    3: { terms: [3], term: 3 },
  };
  const cluster = (seed: number) => scripted(3, { seed, stored: disks(TRIO, logs) });

  seeded('bug 17: a longer log of an earlier term does not win', (seed) => {
    const lab = cluster(seed);
    assert.ok(!campaign(lab, 1), 'node 1 is elected without the entry of term 3');
    lab.end();
  });

  seeded('bug 17: a shorter log of a later term wins', (seed) => {
    const lab = cluster(seed);
    lab.crash(3);
    lead(lab, 2);
    lab.start(3);
    lab.agree('a', 3);
    assert.equal(lab.applied(1)[0]?.command, 'term 3, index 2');
    lab.end();
  });
});

describe('named bugs: many nodes', () => {
  const NODES = 50;
  // One for each term that a log ends in, not for each entry: 125 to 210 for seeds 1 to 200.
  const REQUESTS_MAX = 300;

  seeded('bug 20: fifty nodes with inconsistent logs agree soon', (seed) => {
    const voters: NodeId[] = Array.from({ length: NODES }, (_, at) => at + 1);
    const logs = inconsistentLogs(seed, voters);
    const lab = new Lab(NODES, { seed, stored: disks(voters, logs) });
    while (!lab.ids.some((id) => lab.node(id).isLeader)) {
      lab.sleep(1);
      assert.ok(lab.clock.nowMs < 5 * ELECTION_MS, 'no leader after five seconds');
    }
    const forElection = lab.wire.requests;
    const index = lab.agree('a', NODES, false);
    const requests = lab.wire.requests - forElection;
    assert.ok(requests < REQUESTS_MAX, `${requests} requests for a log of ${index} entries`);
    lab.end();
  });
});
