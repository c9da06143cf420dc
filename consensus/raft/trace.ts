import type { ConfChange } from './confchange/change.js';
import type { Message, MessageType } from './message.js';
import type { ProgressStatus } from './status.js';
import type { Membership } from './tracker/membership.js';
import type { Entry, NodeId, Role } from './types.js';

/** The last entry of a log. */
export interface LogEnd {
  readonly term: number;
  readonly index: number;
}

/**
 * What a node decided and why, for logs and traces. The core never reads anything back from whoever
 * listens. `log` is this node's log end and `vote` its vote at that moment.
 */
export type RaftEvent =
  | { type: 'started'; term: number; commit: number; applied: number; log: LogEnd }
  | { type: 'became'; role: Role; term: number }
  /** A message that makes sense is about to be handled; answers to itself included. */
  | { type: 'received'; message: Message }
  /** A message was made; it leaves with the next ready. */
  | { type: 'sent'; message: Message }
  /** A leader is about to append these payloads as entries. */
  | { type: 'appending'; payloads: readonly Pick<Entry, 'type' | 'data'>[] }
  /** The commit index rose: a leader counted a quorum, or a candidate learned it from a refusal. */
  | { type: 'committed'; commit: number; by: 'quorum' | 'refusal' }
  /** A quorum holds an entry of an earlier term, which is not committed by that. */
  | { type: 'commitHeldBack'; index: number; entryTerm: number | undefined; term: number }
  | { type: 'campaignStarted'; term: number }
  | {
      type: 'campaignIgnored';
      why: 'leader' | 'not-voter' | 'leased' | 'unapplied-change';
      term: number;
    }
  | { type: 'voteRequested'; message: MessageType; to: NodeId; term: number; log: LogEnd }
  | {
      type: 'voteAnswered' | 'voteIgnored';
      message: MessageType;
      from: NodeId;
      candidate: LogEnd;
      granted: boolean;
      term: number;
      log: LogEnd;
      vote: NodeId;
      leaseTicksLeft: number;
    }
  | { type: 'voteReceived'; message: MessageType; from: NodeId; granted: boolean; term: number }
  | { type: 'votesCounted'; message: MessageType; granted: number; rejected: number }
  | { type: 'higherTerm'; message: MessageType; from: NodeId; theirs: number; term: number }
  | { type: 'lowerTermIgnored'; message: MessageType; from: NodeId; theirs: number; term: number }
  | { type: 'quorumInactive' }
  | { type: 'conflictFound'; index: number; existing: number; theirs: number }
  | { type: 'appendRejected'; from: NodeId; at: LogEnd; own: number }
  | { type: 'rejectionReceived'; from: NodeId; index: number; hint: LogEnd }
  | { type: 'progressDecreased'; peer: NodeId; progress: ProgressStatus }
  | {
      type: 'snapshotSent';
      to: NodeId;
      snapshot: LogEnd;
      firstIndex: number;
      commit: number;
      before: ProgressStatus;
      after: ProgressStatus;
    }
  | { type: 'snapshotSkipped'; to: NodeId; why: 'inactive' | 'none' }
  | { type: 'snapshotRecovered'; peer: NodeId; progress: ProgressStatus }
  | { type: 'snapshotReported'; peer: NodeId; ok: boolean; progress: ProgressStatus }
  | {
      type: 'snapshotStarting';
      snapshot: LogEnd;
      commit: number;
      applied: number;
      handedOut: number;
      lastIndex: number;
      persisted: number;
      inWrite: number;
    }
  /** Entries from `from` on replaced others, of which those up to `persisted` were durable. */
  | { type: 'suffixReplaced'; from: number; persisted: number }
  | { type: 'snapshotRestored' | 'snapshotIgnored'; snapshot: LogEnd; commit: number }
  | { type: 'snapshotFastForward'; snapshot: LogEnd; commit: number; log: LogEnd }
  | { type: 'unreachable'; peer: NodeId; progress: ProgressStatus }
  | { type: 'membership'; members: Membership }
  | { type: 'changeIgnored'; change: ConfChange; members: Membership; why: ChangeIgnored }
  | { type: 'leavingJoint'; members: Membership }
  | { type: 'leaderForgotten'; leader: NodeId; term: number }
  /** Not forgotten: with lease reads nobody may vote before the lease has ended. */
  | { type: 'leaderKept'; leader: NodeId; term: number }
  /** The leader knows this node to have held entries that it does not hold any more. */
  | { type: 'suffixMissing'; commit: number; lastIndex: number }
  /** This node votes again, for logs that hold at least `owed`. */
  | { type: 'amnesiaEnded'; owed: LogEnd; term: number }
  | { type: 'entryRepaired'; entry: LogEnd }
  /** Lost entries that cannot be committed were given up. */
  | { type: 'lostDiscarded'; from: number; through: number }
  /** The node stopped ticking, or began again. */
  | { type: 'quiesced' | 'woke'; role: Role; term: number }
  | { type: 'diskStalled'; ticks: number; term: number }
  | { type: 'transferStarted' | 'transferReplaced' | 'transferTimedOut'; to: NodeId; term: number }
  | { type: 'transferRepeated'; to: NodeId; term: number }
  | { type: 'timeoutNowSent'; to: NodeId; caughtUpAlready: boolean }
  | { type: 'timeoutNowReceived'; from: NodeId; term: number; role: Role }
  | { type: 'proposalDropped'; why: 'no-leader' | 'not-forwarded'; term: number }
  | { type: 'proposalDropped'; why: 'transferring'; target: NodeId; term: number }
  | { type: 'answerDropped'; from: NodeId }
  /** A write was reported in a later term than the one it was asked for in. */
  | { type: 'receiptOutdated'; theirs: number; term: number }
  /** A write was reported that is known already, or of an entry that was replaced meanwhile. */
  | { type: 'receiptIgnored'; entry: LogEnd; own: number | undefined };

/** Why a change was not proposed, with the indexes that say so. */
export type ChangeIgnored =
  | { readonly reason: 'pending'; readonly index: number; readonly applied: number }
  | { readonly reason: 'joint' | 'not-joint' | 'no-own-term-commit' | 'impossible' };
