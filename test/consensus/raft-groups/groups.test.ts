import { describe, expect, it } from 'vitest';
import {
  type NodeId,
  RaftNode,
  type RaftConfig,
  createMessage,
  defaultRaftConfig,
  foundingState,
} from '../../../consensus/raft/index.js';
import {
  GroupsError,
  Outbox,
  RaftGroups,
  decodeEnvelope,
  encodeEnvelopes,
} from '../../../consensus/raft-groups/index.js';
import { usedMs } from '../../waiting.js';

const NODES: readonly NodeId[] = [1, 2, 3];
const ELECTION_TICKS = 10;

function member(id: NodeId, fields: Partial<RaftConfig> = {}): RaftNode {
  const config = { id, random: () => 0, quiesceTicks: 3, electionTicks: ELECTION_TICKS };
  return new RaftNode(defaultRaftConfig({ ...config, ...fields }), foundingState(NODES));
}

/** Three nodes with the same groups on a network that loses nothing. */
class Swarm {
  readonly nodes = new Map(NODES.map((id) => [id, new RaftGroups(id)]));
  readonly outboxes = new Map(NODES.map((id) => [id, new Outbox(id)]));
  readonly lost = new Set<NodeId>();
  sent = 0;

  constructor(count: number, fields: Partial<RaftConfig> = {}) {
    for (const [id, groups] of this.nodes) {
      for (let group = 1; group <= count; group += 1) groups.add(group, member(id, fields));
    }
  }

  node(id: NodeId): RaftGroups {
    return this.nodes.get(id) as RaftGroups;
  }

  settle(): this {
    for (let busy = true; busy;) {
      busy = false;
      for (const [id, groups] of this.nodes) {
        const outbox = this.outboxes.get(id) as Outbox;
        if (this.lost.has(id)) continue;
        for (const { group, ready } of groups.takeReadies()) {
          for (const each of [...ready.messages, ...ready.messagesAfterPersist]) {
            outbox.post(group, each);
          }
          groups.advance(group);
        }
        for (const { to, bytes } of outbox.take()) {
          busy = true;
          this.sent += 1;
          if (!this.lost.has(to)) this.node(to).receive(decodeEnvelope(bytes));
        }
        busy ||= groups.hasReadies;
      }
    }
    return this;
  }

  tick(count = 1): this {
    for (let i = 0; i < count; i += 1) {
      for (const [id, groups] of this.nodes) if (!this.lost.has(id)) groups.tick();
      this.settle();
    }
    return this;
  }

  /** Elects node 1 everywhere and lets all groups fall asleep. */
  asleep(): this {
    for (let group = 1; this.node(1).get(group) !== undefined; group += 1) {
      this.node(1).step(group, { type: 'campaign' });
    }
    this.settle().tick(6);
    expect([...this.nodes.values()].map(({ awakeCount }) => awakeCount)).toEqual([0, 0, 0]);
    return this;
  }
}

describe('many groups on one node', () => {
  it('say all they have to say to a peer in one envelope a round', () => {
    const swarm = new Swarm(100);
    for (let group = 1; group <= 100; group += 1) swarm.node(1).step(group, { type: 'campaign' });
    swarm.settle();
    swarm.sent = 0;
    swarm.tick();
    // Heartbeats to two peers, and their answers.
    expect(swarm.sent).toBe(4);
  });

  it('do nothing in a tick while they sleep, and only the one that is woken goes on', () => {
    const swarm = new Swarm(100).asleep();
    swarm.sent = 0;
    swarm.tick(1000);
    expect(swarm.sent).toBe(0);
    const { ticks } = countTicks(swarm.node(1));
    swarm.node(1).step(7, { type: 'propose', data: [Buffer.from('x')] });
    swarm.settle();
    expect(NODES.map((id) => swarm.node(id).awakeCount)).toEqual([1, 1, 1]);
    swarm.node(1).tick();
    expect(ticks()).toEqual([7]);
    expect(NODES.map((id) => swarm.node(id).get(7)?.status().commit)).toEqual([3, 3, 3]);
    swarm.settle().tick(6);
    expect(swarm.node(1).awakeCount).toBe(0);
  });

  it('cost next to nothing a tick while they sleep, however many', () => {
    const groups = new RaftGroups(1);
    for (let group = 1; group <= 10_000; group += 1) {
      const config = defaultRaftConfig({ id: 1, random: () => 0, quiesceTicks: 3 });
      groups.add(group, new RaftNode(config, foundingState([1])));
      groups.step(group, { type: 'campaign' });
    }
    for (let i = 0; i < 10; i += 1) {
      for (const { group } of groups.takeReadies()) groups.advance(group);
      if (!groups.hasReadies) groups.tick();
    }
    expect(groups.awakeCount).toBe(0);
    const { ticks } = countTicks(groups);
    const roundsMs = Array.from({ length: 10 }, () => {
      const startedMs = usedMs();
      for (let i = 0; i < 100; i += 1) groups.tick();
      return usedMs() - startedMs;
    });
    expect(ticks()).toEqual([]);
    expect(groups.hasReadies).toBe(false);
    expect(Math.min(...roundsMs)).toBeLessThan(10);
  });

  /** Ids of the groups whose node is given a tick from now on. */
  function countTicks(groups: RaftGroups): { ticks: () => number[] } {
    const ids: number[] = [];
    for (let group = 1; groups.get(group) !== undefined; group += 1) {
      const node = groups.get(group) as RaftNode;
      const step = node.step.bind(node);
      node.step = (input) => {
        if (input.type === 'tick') ids.push(group);
        return step(input);
      };
    }
    return { ticks: () => ids };
  }
});

describe('a node that is gone', () => {
  it('is replaced within two election timeouts of the report, where it led', () => {
    const swarm = new Swarm(20).asleep();
    swarm.node(1).step(3, { type: 'transferLeader', to: 2 });
    swarm.settle().tick(8);
    expect(swarm.node(2).awakeCount).toBe(0);
    swarm.lost.add(1);
    swarm.tick(500);
    // Nobody has noticed.
    expect(swarm.node(2).get(1)?.status()).toMatchObject({ leader: 1, quiescent: true });
    for (const id of [2, 3]) swarm.node(id).peerGone(1);
    // What it did not lead sleeps on.
    expect([2, 3].map((id) => swarm.node(id).awakeCount)).toEqual([19, 19]);
    for (let group = 1; group <= 20; group += 1) {
      swarm
        .node(3)
        .get(group)
        ?.setElectionTimeout(ELECTION_TICKS + 3);
    }
    swarm.tick(2 * ELECTION_TICKS);
    for (let group = 1; group <= 20; group += 1) {
      expect(swarm.node(3).get(group)?.leader, `group ${group}`).toBe(2);
    }
  });

  it('wakes a group that falls asleep under it later', () => {
    const swarm = new Swarm(1);
    swarm.node(1).step(1, { type: 'campaign' });
    swarm.settle();
    swarm.node(2).peerGone(1);
    swarm.tick(10);
    expect(swarm.node(2).get(1)?.isQuiescent).toBe(false);
    swarm.node(2).peerBack(1);
    swarm.tick(10);
    expect(swarm.node(2).get(1)?.isQuiescent).toBe(true);
  });

  it('makes a leader that is awake probe it', () => {
    const swarm = new Swarm(1, { quiesceTicks: 0 });
    swarm.node(1).step(1, { type: 'campaign' });
    swarm.settle();
    swarm.node(1).peerGone(2);
    expect(swarm.node(1).get(1)?.status().progress.get(2)?.state).toBe('probe');
  });
});

describe('groups', () => {
  it('come and go while others run', () => {
    const groups = new RaftGroups(1);
    groups.add(4, member(1));
    groups.step(4, { type: 'campaign' });
    const [first] = groups.takeReadies();
    expect(first).toMatchObject({ group: 4 });
    expect(groups.remove(4)).toBe(true);
    expect(groups.remove(4)).toBe(false);
    groups.advance(4);
    expect(groups.applyConfChange(4, null)).toBeUndefined();
    expect(groups.step(4, { type: 'tick' })).toBe('unknown-group');
    expect([groups.size, groups.awakeCount, groups.hasReadies]).toEqual([0, 0, false]);
    groups.add(4, member(1));
    expect([groups.size, groups.awakeCount]).toEqual([1, 1]);

    const swarm = new Swarm(3).asleep();
    swarm.node(2).remove(2);
    swarm.node(2).peerGone(1);
    expect([swarm.node(2).size, swarm.node(2).awakeCount]).toEqual([2, 2]);
  });

  it('that a node does not know are named, and what is said to them is dropped', () => {
    const groups = new RaftGroups(2);
    groups.add(1, member(2));
    const message = createMessage({ type: 'heartbeat', from: 1, to: 2, term: 2, commit: 1 });
    const known = [1, 8, 9, 8].map((group) => ({ group, message }));
    const [envelope] = encodeEnvelopes(1, 2, known);
    expect(groups.receive(decodeEnvelope(envelope!.bytes))).toEqual([8, 9]);
    expect(groups.get(1)?.leader).toBe(1);
  });

  it('are refused beyond the bound, twice, and of another node', () => {
    const groups = new RaftGroups(1, { groupsMax: 2 });
    groups.add(1, member(1));
    const refuse = (group: number, node: RaftNode, code: string) => {
      expect(() => groups.add(group, node)).toThrow(GroupsError);
      expect(() => groups.add(group, node)).toThrow(expect.objectContaining({ code }));
    };
    refuse(1, member(1), 'group-exists');
    refuse(2, member(2), 'wrong-node');
    for (const id of [0, -1, 1.5, 2 ** 53]) refuse(id, member(1), 'bad-group-id');
    groups.add(2, member(1));
    refuse(3, member(1), 'too-many-groups');
    const envelope = { from: 1, to: 2, messages: [] };
    expect(() => groups.receive(envelope)).toThrow(expect.objectContaining({ code: 'wrong-node' }));
  });
});
