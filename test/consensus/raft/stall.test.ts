import { describe, expect, it } from 'vitest';
import { RaftError } from '../../../consensus/raft/index.js';
import { Pipelined } from './pipelined.js';
import { Single, stored } from './single.js';

const TRIO = [1, 2, 3];
const ELECTION = 10;
const STALL = 5;

/** A leader with everything durable, then a proposal whose write does not end. */
function stalling(): Pipelined {
  const node = new Pipelined(stored(TRIO, []), { diskStallTicks: STALL }).lead(2);
  for (const from of [2, 3]) node.receive(from, { type: 'appendResponse', index: 2 });
  node.writeAll().apply();
  node.propose('a').take();
  return node;
}

describe('a leader whose disk hangs', () => {
  it('hands over within an election timeout to the voter with the longest log', () => {
    const node = stalling();
    node.receive(3, { type: 'appendResponse', index: 3 });
    expect(node.tick(STALL - 1).take('timeoutNow')).toEqual([]);
    expect(node.tick().take('timeoutNow')).toMatchObject([{ to: 3 }]);
    expect(STALL).toBeLessThan(ELECTION);
  });

  it('prefers a preferred voter', () => {
    const node = stalling();
    for (const from of [2, 3]) node.receive(from, { type: 'appendResponse', index: 3 });
    node.node.step({ type: 'setPriorities', priorities: new Map([[3, 2]]) });
    expect(node.tick(STALL).take('timeoutNow')).toMatchObject([{ to: 3 }]);
  });

  it('steps down if nobody takes over in time', () => {
    const node = stalling();
    node.tick(2 * STALL - 1);
    expect(node.node.isLeader).toBe(true);
    expect(node.tick().node.status()).toMatchObject({ role: 'follower', leader: 0 });
  });

  it('steps down as well if there is nobody to hand over to', () => {
    const node = stalling();
    for (const peer of [2, 3]) node.node.step({ type: 'unreachable', peer });
    expect(node.tick(STALL).take('timeoutNow')).toEqual([]);
    expect(node.tick(STALL).node.isLeader).toBe(false);
  });

  it('neither campaigns nor follows a call to while it hangs, and votes once it has written', () => {
    const node = stalling().tick(2 * STALL);
    node.tick(10 * ELECTION);
    expect(node.node.status().role).toBe('follower');
    expect(node.node.step({ type: 'campaign' })).toBe('not-voter');
    node.receive(2, { type: 'timeoutNow' });
    expect(node.node.status().role).toBe('follower');
    node.receive(2, { type: 'voteRequest', term: 9, index: 9, logTerm: 8 });
    expect(node.take('voteResponse')).toEqual([]);
    node.writeAll();
    expect(node.take('voteResponse')).toMatchObject([{ to: 2, reject: false }]);
  });

  it('may lead again when the disk works again', () => {
    const node = stalling().tick(2 * STALL + 2 * ELECTION);
    expect(node.node.status().role).toBe('follower');
    node.writeAll();
    expect(node.tick(2 * ELECTION).node.status().role).toBe('candidate');
    node.writeAll().receive(2, { type: 'voteResponse' });
    expect(node.node.isLeader).toBe(true);
    expect(node.tick(STALL - 1).node.isLeader).toBe(true);
  });
});

describe('a disk that is slow', () => {
  it('does not hang as long as writes end', () => {
    const node = stalling();
    for (let i = 0; i < 10; i += 1) {
      node.propose('b');
      node.tick(STALL - 1).write();
    }
    expect(node.take('timeoutNow')).toEqual([]);
    expect(node.node.isLeader).toBe(true);
  });

  it('does not hang while nothing is written', () => {
    const node = stalling().writeAll();
    expect(node.tick(10 * STALL).take('timeoutNow')).toEqual([]);
  });

  it('is nothing that a configuration without asynchronous writes can watch', () => {
    expect(() => new Single(stored(TRIO, []), { diskStallTicks: STALL })).toThrow(RaftError);
  });
});
