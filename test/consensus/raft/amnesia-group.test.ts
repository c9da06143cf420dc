import { describe, expect, it } from 'vitest';
import {
  type Message,
  type NodeId,
  RaftNode,
  type RestoredState,
  defaultRaftConfig,
  foundingState,
} from '../../../consensus/raft/index.js';

type Link = (message: Message) => boolean;

/** Links among these nodes alone. */
function among(...ids: NodeId[]): Link {
  return ({ from, to }) => ids.includes(from) && ids.includes(to);
}

/** A whole group whose messages and ticks go where the test lets them. */
class Group {
  readonly nodes = new Map<NodeId, RaftNode>();
  private messages: Message[] = [];

  constructor(
    readonly voters: readonly NodeId[],
    private readonly guards: boolean,
  ) {
    for (const id of voters) this.start(id, foundingState(voters));
    this.nodes.get(1)?.step({ type: 'campaign' });
    this.run(2);
  }

  private start(id: NodeId, restored: RestoredState): void {
    const { guards } = this;
    const config = { id, random: () => id / 10, preVote: guards, checkQuorum: guards };
    this.nodes.set(id, new RaftNode(defaultRaftConfig(config), restored));
  }

  status(id: NodeId): ReturnType<RaftNode['status']> {
    return (this.nodes.get(id) as RaftNode).status();
  }

  /** The node comes back with what its disk holds at `lastIndex`, and may have forgotten the rest. */
  forget(id: NodeId, lastIndex: number): void {
    const node = this.nodes.get(id) as RaftNode;
    const { term, vote } = node.status();
    const entries = node.entries(2, lastIndex, Infinity);
    const hardState = { term, vote, commit: 1 };
    const mayHaveLostSuffix = true;
    this.start(id, { ...foundingState(this.voters), hardState, entries, mayHaveLostSuffix });
  }

  /** So many ticks of the nodes of `ticking`, with all that comes of them on these links. */
  run(ticks: number, isOpen: Link = () => true, ticking: readonly NodeId[] = this.voters): void {
    this.deliver(isOpen);
    for (let tick = 0; tick < ticks; tick += 1) {
      for (const id of ticking) this.nodes.get(id)?.step({ type: 'tick' });
      this.deliver(isOpen);
    }
  }

  private deliver(isOpen: Link): void {
    for (const node of this.nodes.values()) this.settle(node);
    const due = this.messages.filter(isOpen);
    this.messages = [];
    for (const message of due) this.nodes.get(message.to)?.step({ type: 'message', message });
    if (due.length > 0) this.deliver(isOpen);
  }

  private settle(node: RaftNode): void {
    while (node.hasReady()) {
      const ready = node.ready();
      this.messages.push(...ready.messages, ...ready.messagesAfterPersist);
      node.advance();
    }
  }
}

describe('a group with a node that has forgotten what it acknowledged', () => {
  it('does not commit by it what one took that had told its end before', () => {
    const group = new Group([1, 2, 3, 4, 5], false);
    expect(group.status(1)).toMatchObject({ role: 'leader', lastIndex: 2 });
    group.nodes.get(1)?.step({ type: 'propose', data: [Buffer.from('three')] });
    group.run(0, among(1, 2));
    expect(group.status(1).progress.get(2)?.match).toBe(3);
    group.forget(2, 2);
    // Node 1 hears none of the questions.
    group.run(2, among(2, 3, 4, 5), [2]);
    group.run(2, among(1, 3), [1]);
    expect(group.status(1).commit).toBe(3);
    // What is committed is held by 1 and 3, and was by 2: without them there is no leader.
    group.nodes.get(4)?.step({ type: 'campaign' });
    group.run(60, among(2, 4, 5), [2, 4, 5]);
    for (const id of [2, 4, 5]) expect(group.status(id).lastIndex).toBe(2);
    group.run(60, among(2, 3, 4, 5), [2, 3, 4, 5]);
    expect(group.status(3).role).toBe('leader');
    expect(group.status(2)).toMatchObject({ isAmnesiac: false, commit: 4 });
  });

  it('gets past the term of a leader that is gone, also with pre-votes', () => {
    const group = new Group([1, 2, 3, 4], true);
    expect(group.status(1).role).toBe('leader');
    group.forget(2, 2);
    const rest = [2, 3, 4];
    group.run(100, among(...rest), rest);
    expect(
      rest.map((id) => group.status(id).role).filter((role) => role === 'leader'),
    ).toHaveLength(1);
    expect(group.status(2).isAmnesiac).toBe(false);
  });
});
