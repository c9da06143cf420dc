import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../consensus/raft/index.js';
import { Single, stored } from './single.js';

const TRIO = [1, 2, 3];
const ELECTION = 10;

function prefer(node: Single, priorities: Record<number, number>): Single {
  const map = new Map<NodeId, number>();
  for (const [id, priority] of Object.entries(priorities)) map.set(Number(id), priority);
  node.node.step({ type: 'setPriorities', priorities: map });
  return node;
}

/** A leader that all others have answered and that prefers node 2. */
function leader(): Single {
  const node = new Single(stored(TRIO, []), { checkQuorum: true }).lead(2);
  for (const from of [2, 3]) node.receive(from, { type: 'appendResponse', index: 2 });
  return prefer(node, { 2: 5 });
}

/** Ticks until the next check of the quorum, answered by `from` all the while. */
function period(node: Single, from: readonly number[]): Single {
  for (let i = 0; i < ELECTION; i += 1) {
    node.tick();
    for (const each of from) node.receive(each, { type: 'heartbeatResponse' });
  }
  return node;
}

describe('priorities', () => {
  it('make whom others are preferred to wait an election timeout longer', () => {
    const rows: [Record<number, number>, number][] = [
      [{}, ELECTION],
      [{ 1: 5 }, ELECTION],
      [{ 1: 5, 2: 5 }, ELECTION],
      [{ 2: 5 }, 2 * ELECTION],
      [{ 1: 2, 2: 5 }, 2 * ELECTION],
      // A node that does not vote makes nobody wait.
      [{ 9: 5 }, ELECTION],
      [{ 1: 0 }, 2 * ELECTION],
    ];
    for (const [priorities, ticks] of rows) {
      const node = prefer(new Single(stored(TRIO, [])), priorities).tick(ticks - 1);
      expect(node.node.status().role).toBe('follower');
      expect(node.tick().node.status().role).toBe('candidate');
    }
  });

  it('do not let a node go first that was refused, until it follows again', () => {
    const node = prefer(new Single(stored(TRIO, [])), { 1: 5 }).tick(ELECTION);
    for (const from of [2, 3]) node.receive(from, { type: 'voteResponse', reject: true });
    expect(node.node.status().role).toBe('follower');
    expect(node.tick(2 * ELECTION - 1).node.status().role).toBe('follower');
    expect(node.tick().node.status().role).toBe('candidate');
    node.receive(2, { type: 'heartbeat', term: 9 });
    expect(node.tick(ELECTION - 1).node.status().role).toBe('follower');
    expect(node.tick().node.status().role).toBe('candidate');
  });

  it('hand over to a preferred voter that is up to date, within an election timeout', () => {
    const node = period(leader(), [2, 3]);
    expect(node.take('timeoutNow')).toMatchObject([{ to: 2 }]);
    expect(node.node.status().transferTarget).toBe(2);
  });

  it('leave a leader alone that nobody is preferred to', () => {
    const node = period(prefer(leader(), { 1: 5, 2: 5, 3: 1 }), [2, 3]);
    expect(node.take('timeoutNow')).toEqual([]);
  });

  it('hand over to the best of those that are well', () => {
    const node = period(prefer(leader(), {}), [3]);
    node.take();
    expect(period(prefer(node, { 2: 5, 3: 3 }), [3]).take('timeoutNow')).toMatchObject([{ to: 3 }]);
  });

  it('do not hand over to a node that does not answer', () => {
    const node = period(prefer(leader(), {}), [3]);
    prefer(node, { 2: 5 }).take();
    for (let i = 0; i < 10; i += 1) period(node, [3]);
    expect(node.take('timeoutNow')).toEqual([]);
    expect(period(period(node, [2, 3]), [2, 3]).take('timeoutNow')).toMatchObject([{ to: 2 }]);
  });

  it('do not hand over to a node that lacks committed entries', () => {
    const node = leader().propose('a');
    node.receive(3, { type: 'appendResponse', index: 3 }).take();
    expect(period(node, [2, 3]).node.status().transferTarget).toBe(0);
  });

  it('do not keep the leader from its work while the preferred node cannot take over', () => {
    const node = leader();
    let refused = 0;
    const periods = 40;
    for (let i = 0; i < periods; i += 1) {
      period(node, [2, 3]);
      const why = node.node.step({ type: 'propose', data: [Buffer.from('x')] });
      node.settle();
      if (why === 'transferring') refused += 1;
      const { lastIndex } = node.node.status();
      for (const from of [2, 3]) node.receive(from, { type: 'appendResponse', index: lastIndex });
    }
    // One attempt in four election timeouts, the first one apart.
    expect(refused).toBeGreaterThan(1);
    expect(refused).toBeLessThanOrEqual(periods / 4 + 1);
    expect(node.node.isLeader).toBe(true);
  });

  it('let anybody lead while no preferred node is there', () => {
    const node = prefer(new Single(stored(TRIO, [])), { 2: 5 }).tick(2 * ELECTION);
    node.receive(3, { type: 'voteResponse' });
    expect(node.node.isLeader).toBe(true);
    const voter = prefer(new Single(stored(TRIO, [])), { 2: 5 });
    voter.receive(3, { type: 'voteRequest', term: 2, index: 1, logTerm: 1 });
    expect(voter.take()).toMatchObject([{ type: 'voteResponse', reject: false }]);
  });
});
