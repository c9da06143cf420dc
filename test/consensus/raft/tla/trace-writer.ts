import {
  type Message,
  type MessageType,
  type NodeId,
  type RaftEvent,
  type RaftStatus,
  decodeConfChange,
} from '../../../../consensus/raft/index.js';
import type { EventName, TraceChange, TraceEvent, TraceMessage, WireType } from './trace-event.js';

const WIRE_TYPES: Partial<Record<MessageType, WireType>> = {
  appendRequest: 'MsgApp',
  appendResponse: 'MsgAppResp',
  heartbeat: 'MsgHeartbeat',
  heartbeatResponse: 'MsgHeartbeatResp',
  snapshot: 'MsgSnap',
  voteRequest: 'MsgVote',
  voteResponse: 'MsgVoteResp',
};

const KINDS: Record<WireType, 'AppendEntries' | 'RequestVote'> = {
  MsgApp: 'AppendEntries',
  MsgAppResp: 'AppendEntries',
  MsgHeartbeat: 'AppendEntries',
  MsgHeartbeatResp: 'AppendEntries',
  MsgSnap: 'AppendEntries',
  MsgVote: 'RequestVote',
  MsgVoteResp: 'RequestVote',
};

const ACTIONS = {
  addVoter: 'AddNewServer',
  addLearner: 'AddLearner',
  remove: 'RemoveServer',
} as const;

function isRequest(type: WireType): boolean {
  return type === 'MsgApp' || type === 'MsgHeartbeat' || type === 'MsgSnap' || type === 'MsgVote';
}

/**
 * The message in the model's terms. Three things are said otherwise there: an append carries a
 * commit index within its entries (a follower takes no more of it anyway); a snapshot is an append
 * of everything it covers; and the answer that tells a stale leader of a later term is a refusal.
 */
function toTrace(message: Message, type: WireType): TraceMessage {
  const { term, from, to, entries, snapshot } = message;
  const isSnapshot = snapshot !== null;
  const tellsTerm = type === 'MsgAppResp' && !message.reject && message.index === 0;
  const lastIndex = message.index + entries.length;
  return {
    type,
    term,
    from: String(from),
    to: String(to),
    entries: isSnapshot ? snapshot.index : entries.length,
    logTerm: isSnapshot ? 0 : message.logTerm,
    index: isSnapshot ? 0 : message.index,
    commit: type === 'MsgApp' ? Math.min(message.commit, lastIndex) : message.commit,
    vote: '0',
    reject: message.reject || tellsTerm,
    rejectHint: message.rejectHint,
  };
}

interface Node {
  readonly status: () => RaftStatus;
  /** A message that is being handled, unless it turns out to be ignored. */
  received: TraceEvent | null;
  conf: TraceEvent['conf'];
}

/**
 * Turns what nodes report to their `trace` listener into events for the model. It is told besides
 * when a node has started, when a ready is taken, and when a step has ended. Nodes run without
 * pre-vote, which the model does not have. A message that is ignored counts as lost there.
 */
export class TraceWriter {
  private readonly nodes = new Map<NodeId, Node>();
  /** Why the trace cannot go on, once something happened that the model does not have. */
  beyondModel: string | null = null;

  constructor(private readonly line: (event: TraceEvent) => void) {}

  /** Nothing is written any more once the trace cannot go on. */
  private emit(event: TraceEvent): void {
    if (this.beyondModel === null) this.line(event);
  }

  /** Node `id` has started, from nothing or again. */
  started(id: NodeId, status: () => RaftStatus): void {
    this.nodes.set(id, { status, received: null, conf: confOf(status()) });
    this.write(id, 'InitState');
  }

  /** A ready of node `id` was taken; it becomes durable and is sent before anything else happens. */
  readyTaken(id: NodeId): void {
    this.write(id, 'Ready');
  }

  /** An input to node `id`, or a confirmation of its work, was handled. */
  stepEnded(id: NodeId): void {
    const node = this.nodes.get(id);
    if (node !== undefined) this.flush(node);
  }

  /** To be given to node `id` as its `trace`. */
  listener(id: NodeId): (event: RaftEvent) => void {
    return (event) => {
      // What a node decides while it is constructed is told by `started`.
      if (this.nodes.has(id)) this.hear(id, event);
    };
  }

  /** Node `id` has crashed. */
  stopped(id: NodeId): void {
    this.nodes.delete(id);
  }

  private hear(id: NodeId, event: RaftEvent): void {
    const node = this.nodes.get(id) as Node;
    switch (event.type) {
      case 'received':
        this.receive(id, node, event.message);
        return;
      case 'lowerTermIgnored':
      case 'voteIgnored':
        node.received = null;
        return;
      case 'sent':
        this.send(id, node, event.message);
        return;
      case 'became':
        if (event.role === 'follower') this.write(id, 'BecomeFollower');
        if (event.role === 'candidate') this.write(id, 'BecomeCandidate');
        if (event.role === 'leader') this.write(id, 'BecomeLeader');
        if (event.role === 'precandidate') this.beyondModel = 'a pre-vote';
        return;
      case 'committed':
        if (event.by === 'refusal') this.beyondModel = 'a commit index learned from a refused vote';
        else this.write(id, 'Commit');
        return;
      case 'appending':
        for (const { type, data } of event.payloads) {
          if (type === 'normal') this.write(id, 'Replicate');
          else this.write(id, 'ChangeConf', { prop: { cc: { changes: changesOf(data) } } });
        }
        return;
      case 'membership':
        this.applyChange(id, node);
        return;
      case 'voteAnswered': {
        const { candidate, log, vote, granted } = event;
        const isUpToDate =
          candidate.term > log.term ||
          (candidate.term === log.term && candidate.index >= log.index);
        const isFree = vote === 0 && node.status().leader !== 0;
        if (!granted && isFree && isUpToDate) {
          this.beyondModel = 'a vote refused only because a leader of the term is known';
        }
        return;
      }
      default:
    }
  }

  private receive(id: NodeId, node: Node, message: Message): void {
    this.flush(node);
    const type = WIRE_TYPES[message.type];
    if (type === undefined) return;
    const name = `Receive${KINDS[type]}${isRequest(type) ? 'Request' : 'Response'}` as const;
    node.received = this.eventOf(id, name, { msg: toTrace(message, type) });
  }

  private send(id: NodeId, node: Node, message: Message): void {
    const type = WIRE_TYPES[message.type];
    if (type === undefined) return;
    const name = `Send${KINDS[type]}${isRequest(type) ? 'Request' : 'Response'}` as const;
    const own = node.status().progress.get(id);
    const prop =
      type === 'MsgApp' && own !== undefined ? { match: own.match, next: own.next } : null;
    this.write(id, name, { msg: toTrace(message, type), ...(prop !== null && { prop }) });
  }

  private applyChange(id: NodeId, node: Node): void {
    this.flush(node);
    const { status, conf } = node;
    // As etcd has it: the old membership as `conf`, the new one as a property.
    const after = confOf(status());
    const prop = { cc: { changes: [], newconf: [...after[0]] } };
    this.emit({ ...this.eventOf(id, 'ApplyConfChange', { prop }), conf });
    node.conf = after;
  }

  private flush(node: Node): void {
    const { received } = node;
    node.received = null;
    if (received !== null) this.emit(received);
  }

  private write(id: NodeId, name: EventName, fields: Partial<TraceEvent> = {}): void {
    this.flush(this.nodes.get(id) as Node);
    this.emit(this.eventOf(id, name, fields));
  }

  private eventOf(id: NodeId, name: EventName, fields: Partial<TraceEvent>): TraceEvent {
    const { term, vote, commit, role, lastIndex, ...status } = this.nodes.get(id)!.status();
    return {
      name,
      nid: String(id),
      state: { term, vote: String(vote), commit },
      role:
        role === 'leader'
          ? 'StateLeader'
          : role === 'candidate'
            ? 'StateCandidate'
            : 'StateFollower',
      log: lastIndex,
      conf: confOf(status),
      ...fields,
    };
  }
}

function confOf({ confState }: Pick<RaftStatus, 'confState'>): TraceEvent['conf'] {
  return [confState.voters.map(String), confState.votersOutgoing.map(String)];
}

function changesOf(data: Uint8Array): TraceChange[] {
  const { changes } = decodeConfChange(data);
  // An update of a member changes no membership; etcd leaves it out as well.
  return changes.flatMap(({ type, node }) =>
    type === 'update' ? [] : [{ nid: String(node), action: ACTIONS[type] }],
  );
}
