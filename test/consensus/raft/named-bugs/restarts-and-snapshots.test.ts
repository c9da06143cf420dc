import { strict as assert } from 'node:assert';
import { describe, it } from 'vitest';
import {
  createMessage,
  type RaftNode,
  type SnapshotMeta,
} from '../../../../consensus/raft/index.js';
import { Single, entry, stored } from '../single.js';
import { confState } from './script.js';

const TRIO = [1, 2, 3];

function snapshotAt(index: number, voters = TRIO): SnapshotMeta {
  return { index, term: 3, confState: confState(voters) };
}

function receive(node: RaftNode, snapshot: SnapshotMeta): void {
  const message = createMessage({ type: 'snapshot', to: 1, from: 2, term: 3, snapshot });
  assert.equal(node.step({ type: 'message', message }), undefined);
}

/** A follower whose entries 2 to 4 are committed and not applied. */
function lagging(): RaftNode {
  return new Single(stored(TRIO, [2, 2, 2], { term: 2, commit: 4, applied: 1 })).node;
}

describe('named bugs: snapshots', () => {
  it('bug 21: a snapshot waits for what is being applied, and everything else for it', () => {
    const node = lagging();
    assert.equal(node.ready().committedEntries.length, 3);
    receive(node, snapshotAt(9));
    node.advance();
    assert.equal(node.status().applied, 4);

    const ready = node.ready();
    assert.equal(ready.snapshot?.index, 9);
    assert.deepEqual(ready.committedEntries, []);
    // An entry after the snapshot is committed before it is installed.
    const next = { type: 'appendRequest', to: 1, from: 2, term: 3, logTerm: 3, index: 9 } as const;
    const message = createMessage({ ...next, commit: 10, entries: [entry(3, 10)] });
    node.step({ type: 'message', message });
    node.advance();
    assert.equal(node.status().applied, 9);
    const indexes = node.ready().committedEntries.map(({ index }) => index);
    assert.deepEqual(indexes, [10]);
  });

  it('bug 21: a snapshot that is older than what is applied meanwhile is not gone back to', () => {
    const node = lagging();
    receive(node, snapshotAt(3));
    const ready = node.ready();
    assert.equal(ready.snapshot, undefined);
    assert.deepEqual(
      ready.messagesAfterPersist.map(({ type, index }) => [type, index]),
      [['appendResponse', 4]],
    );
    node.advance();
    assert.equal(node.status().applied, 4);
  });

  it('bug 26: a snapshot that follows another before that is installed is installed as well', () => {
    const node = lagging();
    receive(node, snapshotAt(9));
    assert.equal(node.ready().snapshot?.index, 9);
    receive(node, snapshotAt(12, [1, 2, 4]));
    node.advance();
    assert.equal(node.status().applied, 9);
    assert.equal(node.ready().snapshot?.index, 12);
    node.advance();
    const { applied, firstIndex, confState: members } = node.status();
    assert.deepEqual([applied, firstIndex, members.voters], [12, 13, [1, 2, 4]]);
  });
});

describe('named bugs: restarts', () => {
  it('bug 23: after a crash in the course of a compaction nothing goes back', () => {
    // The snapshot is there; the hard state beside it is of before, and the log not yet cut.
    const { node } = new Single({
      hardState: { term: 3, vote: 0, commit: 4 },
      snapshot: snapshotAt(9),
      entries: [entry(3, 10), entry(3, 11)],
      applied: 9,
    });
    const { commit, applied, firstIndex, lastIndex } = node.status();
    assert.deepEqual([commit, applied, firstIndex, lastIndex], [9, 9, 10, 11]);
    assert.equal(node.hasReady(), false, 'nothing of before is handed out again');
  });

  it('bug 24: after a crash under load nothing is applied twice, and nothing is left out', () => {
    const terms = [2, 2, 2, 2, 2, 2];
    for (let applied = 1; applied <= 7; applied += 1) {
      const state = stored(TRIO, terms, { term: 2, commit: 5, applied });
      const restarted = new Single(state).settle();
      const indexes = restarted.applied.map(({ index }) => index);
      // The application may know better than the hard state what was committed.
      const expected = [2, 3, 4, 5].filter((index) => index > applied);
      assert.deepEqual(indexes, expected, `after a crash at ${applied}`);
      assert.equal(restarted.node.status().commit, Math.max(5, applied));
    }
  });
});
