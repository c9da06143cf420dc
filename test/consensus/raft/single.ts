import {
  type Entry,
  type Message,
  type MessageFields,
  type NodeId,
  RaftNode,
  type RaftConfig,
  type Ready,
  type RestoredState,
  createMessage,
  decodeConfChange,
  defaultRaftConfig,
  foundingState,
} from '../../../consensus/raft/index.js';

/** An entry with text as data. */
export function entry(term: number, index: number, text = ''): Entry {
  return { term, index, type: 'normal', data: Buffer.from(text) };
}

/** A stored log after the founding snapshot (index 1, term 1): the terms of entries 2, 3, ... */
export function stored(
  voters: readonly NodeId[],
  terms: readonly number[],
  fields: { term?: number; vote?: number; commit?: number; applied?: number } = {},
): RestoredState {
  const founding = foundingState(voters);
  const term = fields.term ?? terms.at(-1) ?? 1;
  const commit = fields.commit ?? 1;
  return {
    ...founding,
    hardState: { term, vote: fields.vote ?? 0, commit },
    entries: terms.map((each, at) => entry(each, at + 2)),
    applied: fields.applied ?? commit,
  };
}

/** One node whose peers are played by the test. */
export class Single {
  readonly node: RaftNode;
  /** Everything it has sent and nobody has looked at. */
  sent: Message[] = [];
  readies: Ready[] = [];
  applied: Entry[] = [];
  /** The clock that inputs bring; undefined for inputs without one. */
  nowMs: number | undefined = undefined;

  constructor(restored: RestoredState, fields: Partial<RaftConfig> = {}) {
    const config = defaultRaftConfig({
      id: 1,
      random: () => 0,
      preVote: false,
      checkQuorum: false,
      ...fields,
    });
    this.node = new RaftNode(config, restored);
  }

  /** What the inputs of the lease reads carry. */
  private get clock(): { nowMs?: number } {
    return this.nowMs === undefined ? {} : { nowMs: this.nowMs };
  }

  /** Does all there is to do, as a driver would. */
  settle(): this {
    while (this.node.hasReady()) {
      const ready = this.node.ready();
      this.readies.push(ready);
      this.sent.push(...ready.messages, ...ready.messagesAfterPersist);
      for (const each of ready.committedEntries) {
        this.applied.push(each);
        if (each.type === 'confChange') this.node.applyConfChange(decodeConfChange(each.data));
      }
      this.node.advance();
    }
    return this;
  }

  /** A message from a peer; the term is that of the node unless given. */
  receive(from: NodeId, fields: Omit<MessageFields, 'to' | 'from'>): this {
    const { id, term } = this.node.status();
    const message = createMessage({ term, ...fields, to: id, from });
    this.node.step({ type: 'message', message, ...this.clock });
    return this.settle();
  }

  tick(count = 1): this {
    for (let i = 0; i < count; i += 1) {
      this.node.step({ type: 'tick', ...this.clock });
      this.settle();
    }
    return this;
  }

  /** Asks for a read; returns the indexes it has been answered with, none if it waits. */
  read(context: string): number[] {
    this.node.step({ type: 'readIndex', context, ...this.clock });
    return this.settle().answersTo(context);
  }

  /** The indexes with which a read was answered so far. */
  answersTo(context: string): number[] {
    const states = this.readies.flatMap(({ readStates }) => [...readStates]);
    return states.filter((each) => each.context === context).map(({ index }) => index);
  }

  /** Campaigns and wins with the votes of `voters`. Leaves nothing in `sent`. */
  lead(...voters: NodeId[]): this {
    this.node.step({ type: 'campaign' });
    this.settle();
    for (const from of voters) this.receive(from, { type: 'voteResponse' });
    this.sent = [];
    return this;
  }

  propose(...texts: string[]): this {
    this.node.step({ type: 'propose', data: texts.map((text) => Buffer.from(text)) });
    return this.settle();
  }

  /** What was sent since the last call, of one kind if given. */
  take(type?: Message['type']): Message[] {
    const taken = this.sent.filter((message) => type === undefined || message.type === type);
    this.sent = [];
    return taken;
  }
}
