import type { ConfChange } from './confchange/change.js';
import type { Message } from './message.js';
import type { WriteReceipt } from './effect.js';
import type { NodeId } from './types.js';

/** What lease reads need to know of time. */
interface Timed {
  /**
   * Milliseconds of a clock of this process that never stops and never goes back, as of now. An
   * input without it, or with an earlier one than before, is never answered by a lease.
   */
  readonly nowMs?: number;
}

/** Everything that can happen to a node. */
export type RaftInput =
  /** One tick of the driver's clock. Ticks that were missed are not made up for: leases rely on it. */
  | ({ readonly type: 'tick' } & Timed)
  /** A message of another node arrived. For `snapshot` the driver has its bytes already. */
  | ({ readonly type: 'message'; readonly message: Message } & Timed)
  /** Application payloads to append, in order, all or none. */
  | { readonly type: 'propose'; readonly data: readonly Uint8Array[] }
  | { readonly type: 'proposeConfChange'; readonly change: ConfChange }
  /** Asks for an index that a linearizable read must wait for; answered in `Ready.readStates`. */
  | ({ readonly type: 'readIndex'; readonly context: string } & Timed)
  /** Hands leadership to a voter; a follower forwards it to the leader. */
  | { readonly type: 'transferLeader'; readonly to: NodeId }
  | { readonly type: 'campaign' }
  /**
   * Who should lead if possible: greater is better, 1 for those who are not named. Any voter can
   * still be elected; who has less than the greatest waits longer, and hands over when it leads.
   */
  | { readonly type: 'setPriorities'; readonly priorities: ReadonlyMap<NodeId, number> }
  /** A follower stops following its leader, so that it may grant votes at once. */
  | { readonly type: 'forgetLeader' }
  /** The last message to `peer` was not delivered. */
  | { readonly type: 'unreachable'; readonly peer: NodeId }
  /** The snapshot sent to `peer` was installed (`ok`) or the transfer failed. */
  | { readonly type: 'snapshotReport'; readonly peer: NodeId; readonly ok: boolean }
  /** An answer of this node to itself, from `messagesAfterPersist`; with `asyncStorageWrites`. */
  | { readonly type: 'ownAnswer'; readonly message: Message }
  /** A ready and all before it are durable; with `asyncStorageWrites`. */
  | { readonly type: 'written'; readonly receipt: WriteReceipt }
  /** All entries up to `index` are applied; with `asyncStorageWrites`. */
  | { readonly type: 'applied'; readonly index: number };

/** Why an input was not taken. Nothing has changed; the caller may retry later or elsewhere. */
export type RaftRefusal =
  /** This node does not lead (and, for reads and forwarded inputs, knows no leader). */
  | 'not-leader'
  /** This leader has lost entries and waits for others to send them. */
  | 'repairing'
  /** Leadership is being handed over. */
  | 'transferring'
  /** More bytes are appended and not committed than `maxUncommittedBytes`. */
  | 'too-many-uncommitted'
  /** A membership change is not applied yet. */
  | 'change-pending'
  /** The change cannot be made from the current membership. */
  | 'invalid-change'
  /** More reads wait for an index than `READS_PENDING_MAX`. */
  | 'too-many-reads'
  /** A read with the same context is still under way. */
  | 'duplicate-read'
  /** This node is no voter, so it cannot campaign; or the target of a transfer is none. */
  | 'not-voter'
  /** A message's sender, receiver or shape makes no sense to this node. */
  | 'bad-message'
  /** With lease reads: a leader may still count on this node's vote. */
  | 'leased'
  /** A committed membership change waits to be applied, which comes before a campaign. */
  | 'unapplied-change'
  /** The payload list is empty. */
  | 'empty-proposal'
  /** A payload has more bytes than `ENTRY_DATA_BYTES_MAX`. */
  | 'too-large';
