import { strict as assert } from 'node:assert';
import { describe, it } from 'vitest';
import { createMessage } from '../../../../consensus/raft/index.js';
import { seeded } from '../mit/seeds.js';
import { Single, entry, stored } from '../single.js';
import { lead, scripted } from './script.js';

const TRIO = [1, 2, 3];

describe('named bugs: replication', () => {
  it('bug 5: what was replaced while it was written, and comes back, is written again', () => {
    const { node } = new Single(stored(TRIO, [], { term: 2 }));
    const append = (from: number, term: number, terms: readonly number[]) =>
      node.step({
        type: 'message',
        message: createMessage({
          type: 'appendRequest',
          to: 1,
          from,
          term,
          logTerm: 1,
          index: 1,
          entries: terms.map((each, at) => entry(each, 2 + at)),
        }),
      });
    const write = () => {
      const { entries, messagesAfterPersist } = node.ready();
      const acknowledged = messagesAfterPersist.map(({ index }) => index);
      return { written: entries.map(({ term, index }) => `${term}/${index}`), acknowledged };
    };
    append(2, 3, [3, 3]);
    assert.deepEqual(write(), { written: ['3/2', '3/3'], acknowledged: [3] });
    // Meanwhile leaders of terms 4 and 5; the second has the entry of term 3 again.
    append(3, 4, [4]);
    append(2, 5, [3, 5]);
    node.advance();
    assert.deepEqual(write(), { written: ['3/2', '5/3'], acknowledged: [2, 3] });
    node.advance();
    assert.equal(node.hasReady(), false);
  });

  seeded('bug 6: a follower that is probed recovers by a heartbeat answer', (seed) => {
    const lab = scripted(3, { seed });
    lead(lab, 1);
    lab.agree('a', 3);
    lab.wire.isLost = ({ to, type }) => to === 3 && type === 'appendRequest';
    lab.step(1, { type: 'unreachable', peer: 3 });
    for (const command of ['b', 'c', 'd']) lab.propose(1, command);
    lab.sleep(10);
    assert.equal(lab.node(1).status().progress.get(3)?.state, 'probe');
    lab.wire.isLost = () => false;
    lab.sleep(500);
    assert.equal(lab.applied(3).length, 4);
    lab.end();
  });

  it('bug 7: a later answer stands in for the lost one to a snapshot', () => {
    const leader = new Single(stored(TRIO, [])).lead(2).propose('a', 'b', 'c', 'd', 'e', 'f');
    leader.receive(2, { type: 'appendResponse', index: 8 });
    // Entries 5 to 8 are kept beside the snapshot at 8.
    leader.node.compact(4, leader.node.snapshotMeta(8));
    leader.receive(3, { type: 'appendResponse', reject: true, index: 1, rejectHint: 0 });
    assert.equal(leader.take('snapshot')[0]?.snapshot?.index, 8);
    // An append of before is answered after all: from there on the log will do.
    leader.receive(3, { type: 'appendResponse', index: 5 });
    assert.equal(leader.node.status().progress.get(3)?.state, 'replicate');
    const [request] = leader.take('appendRequest').filter(({ to }) => to === 3);
    assert.deepEqual([request?.index, request?.entries.length], [5, 3]);
  });

  seeded('bug 8: a follower that lags behind a compaction catches up', (seed) => {
    const lab = scripted(3, { seed });
    lead(lab, 1);
    lab.agree('a', 3);
    for (let round = 0; round < 5; round += 1) {
      lab.wire.disconnect(3);
      for (let i = 0; i < 30; i += 1) lab.agree(lab.newCommand(), 2);
      lab.compact(1);
      const before = lab.wire.snapshots;
      lab.wire.connect(3);
      lab.agree(lab.newCommand(), 3, false);
      assert.equal(lab.wire.snapshots, before + 1, 'one snapshot is enough');
    }
    lab.end();
  });
});
