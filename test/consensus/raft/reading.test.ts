import { describe, expect, it } from 'vitest';
import { Single, stored } from './single.js';

const FIVE = [1, 2, 3, 4, 5];

function reads(node: Single): { context: string; index: number }[] {
  return node.readies.flatMap(({ readStates }) => [...readStates]);
}

function leader(): Single {
  const node = new Single(stored(FIVE, [])).lead(2, 3);
  for (const from of [2, 3]) node.receive(from, { type: 'appendResponse', index: 2 });
  node.take();
  return node;
}

describe('a linearizable read', () => {
  it('is answered when a majority, the leader included, has answered a later heartbeat', () => {
    const node = leader();
    node.node.step({ type: 'readIndex', context: 'r' });
    const [{ context } = { context: '' }] = node.settle().take('heartbeat');
    expect(context).not.toBe('');
    node.receive(2, { type: 'heartbeatResponse', context });
    node.receive(2, { type: 'heartbeatResponse', context });
    expect(reads(node)).toEqual([]);
    node.receive(3, { type: 'heartbeatResponse', context });
    expect(reads(node)).toEqual([{ context: 'r', index: 2 }]);
  });

  it('does not count answers to heartbeats of before', () => {
    const node = leader();
    node.node.step({ type: 'readIndex', context: 'a' });
    const [first] = node.settle().take('heartbeat');
    node.node.step({ type: 'readIndex', context: 'b' });
    expect(node.settle().take('heartbeat')).toEqual([]);
    for (const from of [2, 3]) {
      node.receive(from, { type: 'heartbeatResponse', context: first!.context });
    }
    expect(reads(node)).toEqual([{ context: 'a', index: 2 }]);
    const [second] = node.take('heartbeat');
    for (const from of [4, 5]) {
      node.receive(from, { type: 'heartbeatResponse', context: first!.context });
    }
    expect(reads(node)).toHaveLength(1);
    for (const from of [4, 5]) {
      node.receive(from, { type: 'heartbeatResponse', context: second!.context });
    }
    expect(reads(node)[1]).toEqual({ context: 'b', index: 2 });
  });

  it('waits for the first commit of the term', () => {
    const node = new Single(stored(FIVE, [])).lead(2, 3);
    node.node.step({ type: 'readIndex', context: 'r' });
    expect(node.settle().take('heartbeat')).toEqual([]);
    for (const from of [2, 3]) node.receive(from, { type: 'appendResponse', index: 2 });
    expect(node.take('heartbeat').length).toBe(4);
  });

  it('is answered at once in a group of one, but not by a leader that was removed', () => {
    const alone = new Single(stored([1], []));
    alone.lead();
    alone.node.step({ type: 'readIndex', context: 'r' });
    expect(reads(alone.settle())).toEqual([{ context: 'r', index: 2 }]);
  });

  it('is passed on by a follower and reported as dropped when the leader changes', () => {
    const node = new Single(stored(FIVE, []));
    expect(node.node.step({ type: 'readIndex', context: 'r' })).toBe('not-leader');
    node.receive(2, { type: 'heartbeat', term: 2 });
    node.take();
    node.node.step({ type: 'readIndex', context: 'r' });
    expect(node.node.step({ type: 'readIndex', context: 'r' })).toBe('duplicate-read');
    expect(node.settle().take()).toMatchObject([{ type: 'readIndexRequest', to: 2, context: 'r' }]);
    node.receive(2, { type: 'readIndexResponse', context: 'r', index: 7 });
    expect(reads(node)).toEqual([{ context: 'r', index: 7 }]);
    node.node.step({ type: 'readIndex', context: 's' });
    node.receive(3, { type: 'heartbeat', term: 3 });
    expect(node.readies.flatMap(({ droppedReads }) => [...droppedReads])).toEqual(['s']);
  });

  it('whose request or answer is lost is reported as dropped in the end', () => {
    const node = new Single(stored(FIVE, []));
    node.receive(2, { type: 'heartbeat', term: 2 });
    node.node.step({ type: 'readIndex', context: 'r' });
    const dropped = () => node.readies.flatMap(({ droppedReads }) => [...droppedReads]);
    for (let i = 0; i < 19; i += 1) node.tick().receive(2, { type: 'heartbeat' });
    expect(dropped()).toEqual([]);
    node.tick();
    expect(dropped()).toEqual(['r']);
    expect(node.node.step({ type: 'readIndex', context: 'r' })).toBeUndefined();
  });

  it('of a follower is served by the leader', () => {
    const node = leader();
    node.receive(4, { type: 'readIndexRequest', term: 0, context: 'x' });
    const [{ context } = { context: '' }] = node.take('heartbeat');
    for (const from of [2, 5]) node.receive(from, { type: 'heartbeatResponse', context });
    expect(node.take('readIndexResponse')).toMatchObject([{ to: 4, context: 'x', index: 2 }]);
  });
});
