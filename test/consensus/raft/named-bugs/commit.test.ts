import { strict as assert } from 'node:assert';
import { describe, it } from 'vitest';
import type { Message, RestoredState } from '../../../../consensus/raft/index.js';
import { seeded } from '../mit/seeds.js';
import { Single, entry, stored } from '../single.js';
import { campaign, disks, lead, scripted } from './script.js';

describe('named bugs: what is committed', () => {
  seeded('bug 1: an entry of an earlier term is not committed by counting (figure 8)', (seed) => {
    // Figure 8 (b): S1 led term 2 and S5 term 3, each with an entry at index 2 of its own.
    const five = [1, 2, 3, 4, 5];
    const logs = {
      1: { terms: [2], term: 3 },
      2: { terms: [], term: 3 },
      3: { terms: [], term: 3, vote: 5 },
      4: { terms: [], term: 3, vote: 5 },
      5: { terms: [3], term: 3, vote: 5 },
    };
    const oneEntry = { maxMessageBytes: 1 };
    const lab = scripted(5, { seed, stored: disks(five, logs), config: oneEntry });
    // (c): S1 leads term 4 and brings its old entry to S2 and S3; its new one reaches nobody.
    lab.crash(4, 5);
    lab.wire.isLost = ({ to, index, type }) =>
      type === 'appendRequest' && index === 2 && lab.isRunning(to) && lab.node(to).termAt(2) === 2;
    lead(lab, 1);
    lab.sleep(500);
    assert.equal(lab.node(3).termAt(2), 2, 'three of five hold the entry of term 2');
    assert.equal(lab.commandsApplied, 0);
    // (d): S5 comes back and replaces it.
    lab.wire.isLost = () => false;
    lab.crash(1, 2);
    lab.start(4);
    lab.start(5);
    assert.ok(campaign(lab, 5) || campaign(lab, 5), 'S5 is elected by S3 and S4');
    lab.sleep(200);
    assert.equal(lab.applied(5)[0]?.command, 'term 3, index 2');
    lab.repair();
    lab.agree('a', 5);
    lab.end();
  });

  seeded('bug 16: a late request cuts off nothing that a later one brought', (seed) => {
    const lab = scripted(3, { seed });
    lead(lab, 1);
    lab.wire.disconnect(3);
    // Node 2 gets a request for each entry. Its answers reach the leader only in the end.
    const requests: Message[] = [];
    const answers: Message[] = [];
    lab.wire.isLost = (message) => {
      if (message.type === 'appendRequest' && message.to === 2) requests.push(message);
      if (message.type === 'appendResponse') answers.push(message);
      return message.type === 'appendResponse';
    };
    for (const command of ['a', 'b', 'c']) {
      lab.propose(1, command);
      lab.sleep(2);
    }
    lab.wire.isLost = () => true;
    lab.step(1, { type: 'message', message: answers.at(-1) as Message });
    assert.equal(lab.applied(1).length, 3);
    lab.step(2, { type: 'message', message: requests[0] as Message });
    lab.crash(1);
    lab.wire.isLost = () => false;
    lab.wire.connect(3);
    lead(lab, 2);
    lab.sleep(200);
    assert.deepEqual(
      lab.applied(3).map(({ command }) => command),
      ['a', 'b', 'c'],
    );
    lab.end();
  });

  it('bug 19: a request without entries that does not match commits nothing', () => {
    // The entry at index 3 is of term 2; the leader has one of term 3 there, and has it committed.
    const follower = new Single(stored([1, 2, 3], [2, 2]));
    follower.receive(3, { type: 'appendRequest', term: 4, index: 3, logTerm: 3, commit: 3 });
    assert.equal(follower.node.status().commit, 1);
    const [answer] = follower.take('appendResponse');
    assert.equal(answer?.reject, true);
    // The hint is the last entry that may agree.
    follower.receive(3, {
      type: 'appendRequest',
      index: 2,
      logTerm: 2,
      commit: 3,
      entries: [entry(3, 3, 'of term 3')],
    });
    assert.deepEqual(
      follower.applied.map(({ term, index }) => `${term}/${index}`),
      ['2/2', '3/3'],
    );
  });

  seeded('bug 22: a leader with one of four followers commits nothing, whichever it is', (seed) => {
    for (const follower of [2, 3, 4, 5]) {
      const lab = scripted(5, { seed });
      lead(lab, 1);
      lab.sleep(200);
      const { commit } = lab.node(1).status();
      lab.wire.disconnect(...[2, 3, 4, 5].filter((id) => id !== follower));
      // Past ten, where an order of texts differs from one of numbers.
      for (let i = 0; i < 20; i += 1) lab.propose(1, `${i}`);
      lab.sleep(500);
      assert.equal(lab.node(follower).status().lastIndex, commit + 20);
      assert.equal(lab.node(1).status().commit, commit, `with ${follower} alone`);
      lab.wire.connect(...lab.ids);
      lab.agree('a', 5);
      lab.end();
    }
  });

  it('bug 25: a node alone hands nothing out before it is durable', () => {
    const disk: RestoredState = stored([1], []);
    const alone = new Single(disk).lead();
    alone.node.step({ type: 'propose', data: [Buffer.from('a')] });
    const ready = alone.node.ready();
    assert.deepEqual(
      ready.entries.map(({ index }) => index),
      [3],
    );
    assert.ok(ready.mustSync);
    assert.deepEqual(ready.committedEntries, []);
    assert.equal(alone.node.status().commit, 2, 'a crash now loses nothing that was committed');
    alone.node.advance();
    alone.settle();
    assert.equal(alone.node.status().applied, 3);
  });
});

describe('named bugs: reads', () => {
  seeded('bug 18: half of an even group is no quorum for a read', (seed) => {
    const lab = scripted(4, { seed });
    lead(lab, 1);
    lab.agree('a', 4);
    for (const a of [1, 2]) for (const b of [3, 4]) lab.wire.cutLink(a, b);
    const context = lab.read(1);
    lab.sleep(1000);
    assert.ok(!lab.readsAnswered.has(context), 'two of four have confirmed the leader');
    assert.ok(!campaign(lab, 3), 'nor is it one for an election');
    lab.wire.mendLinks();
    lead(lab, 3);
    lab.agree('b', 4);
    const later = lab.read(1);
    lab.sleep(200);
    assert.ok(lab.readsAnswered.has(later));
    lab.end();
  });

  seeded('bug 18: answers to an earlier round do not confirm a read', (seed) => {
    const lab = scripted(3, { seed });
    lead(lab, 1);
    lab.agree('a', 3);
    const first = lab.read(1);
    lab.sleep(50);
    assert.ok(lab.readsAnswered.has(first));
    lab.wire.disconnect(1);
    lead(lab, 2);
    lab.agree('b', 2);
    // Node 1 still takes itself for the leader.
    assert.ok(lab.node(1).isLeader);
    const second = lab.read(1);
    lab.sleep(1000);
    assert.ok(!lab.readsAnswered.has(second));
    lab.end();
  });
});
