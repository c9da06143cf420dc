import type { Entry, NodeId, SnapshotMeta } from './types.js';

/** Every kind of message between two nodes. The order is that of the wire codes, append only. */
export const MESSAGE_TYPES = [
  'appendRequest',
  'appendResponse',
  'heartbeat',
  'heartbeatResponse',
  'voteRequest',
  'voteResponse',
  'preVoteRequest',
  'preVoteResponse',
  'snapshot',
  'timeoutNow',
  'transferLeader',
  'readIndexRequest',
  'readIndexResponse',
  'proposeRequest',
  'repairRequest',
  'repairResponse',
  'logEndRequest',
  'logEndResponse',
] as const;

/** The kind of a message between two nodes. */
export type MessageType = (typeof MESSAGE_TYPES)[number];

/**
 * A message between two nodes. All fields are always present (one hidden class); those a kind does
 * not use are zero, false, empty or null.
 */
export interface Message {
  readonly type: MessageType;
  readonly to: NodeId;
  readonly from: NodeId;
  /** The sender's term; the term campaigned for in votes; 0 in forwarded requests. */
  readonly term: number;
  /** Term of the entry at `index`; of that at `rejectHint` in a refused append. */
  readonly logTerm: number;
  /**
   * Entry before `entries`, last entry of a candidate, acknowledged entry, last committed entry of
   * whoever refuses a vote, read index, the target of a transfer, first entry wanted in a repair, or
   * the last entry of who asks others for theirs or was asked for it.
   */
  readonly index: number;
  readonly entries: readonly Entry[];
  /** Commit index; last entry wanted in a repair; the term of who answers that, or a log end. */
  readonly commit: number;
  /** Snapshot to install; its bytes are moved by the driver. */
  readonly snapshot: SnapshotMeta | null;
  readonly reject: boolean;
  /**
   * A rejecting follower's best guess of where the logs agree; its last entry in a refused
   * heartbeat; in a refused repair the first entry held by who has compacted it, or 0; with the end
   * of a log who may lead in the sender's term, or 0.
   */
  readonly rejectHint: number;
  /**
   * Heartbeats: read round. Reads: the caller's key. Votes: `TRANSFER_CONTEXT` or empty. Answers to a
   * repair: `OWES_CONTEXT` or empty.
   */
  readonly context: string;
}

/** Marks the vote request of a node that the leader told to campaign: leases do not hold it off. */
export const TRANSFER_CONTEXT = 'transfer';

/** Marks the answer of a node that may have held, and forgotten, the entry that it is asked for. */
export const OWES_CONTEXT = 'owes';

/**
 * Whether a message must not overtake those of its kind before it. An append that overtakes a longer
 * one is refused, whereupon the leader sends the longer one again: on a slow path a member that lags
 * would be fed the same for ever. All else is short, and must not wait behind appends, lest a member
 * that is being fed begins an election.
 */
export function keepsOrder({ type }: Message): boolean {
  return type === 'appendRequest';
}

const NO_ENTRIES: readonly Entry[] = [];

/** The fields of a message that its kind needs. */
export type MessageFields = Pick<Message, 'type' | 'to'> & Partial<Message>;

/** Makes a complete message out of the fields that its kind needs. */
export function createMessage(
  fields: MessageFields,
  from = fields.from ?? 0,
  term = fields.term ?? 0,
): Message {
  return {
    type: fields.type,
    to: fields.to,
    from,
    term,
    logTerm: fields.logTerm ?? 0,
    index: fields.index ?? 0,
    entries: fields.entries ?? NO_ENTRIES,
    commit: fields.commit ?? 0,
    snapshot: fields.snapshot ?? null,
    reject: fields.reject ?? false,
    rejectHint: fields.rejectHint ?? 0,
    context: fields.context ?? '',
  };
}
