/** What can happen to a replica, and what it asks for. */
import type { CrdtError } from './error.js';
import type { Mutation } from './mutation.js';
import type { StateCut } from './state-cut.js';
import type { Dot, ReplicaId } from './version.js';

/** `nowMs` is the time of day, in milliseconds since 1970. */
export type Input =
  /** A caller changes something; the answer bears the token. */
  | {
      readonly type: 'mutate';
      readonly token: number;
      readonly mutation: Mutation;
      readonly nowMs: number;
    }
  /** All writes up to this number are durable. */
  | { readonly type: 'persisted'; readonly number: number }
  | {
      readonly type: 'message';
      readonly from: ReplicaId;
      readonly bytes: Uint8Array;
      readonly nowMs: number;
    }
  /** Time to compare with others: every second or so. */
  | { readonly type: 'tick' }
  /**
   * What the disk gave back may be in the memory of the system alone, since a write of before had failed:
   * all of it is written again, and nobody is told of it before it is durable. At the start alone.
   */
  | { readonly type: 'renew' }
  /** Who else holds the data from now on. */
  | { readonly type: 'members'; readonly members: readonly ReplicaId[] };

export type Effect =
  /** Append to the log behind the snapshot; numbers ascend. */
  | { readonly type: 'append'; readonly number: number; readonly record: Uint8Array }
  /** Put the snapshot in place of the one before and of all records so far, in one step. */
  | { readonly type: 'replace'; readonly number: number; readonly snapshot: Uint8Array }
  | { readonly type: 'send'; readonly to: ReplicaId; readonly bytes: Uint8Array }
  /** Make the bytes of a message in slices, and send them; for replicas with `pieceBytes` alone. */
  | { readonly type: 'send-state'; readonly to: ReplicaId; readonly cut: StateCut }
  /** A mutation is durable here; null if there was nothing to change. */
  | { readonly type: 'done'; readonly token: number; readonly dot: Dot | null }
  /** A mutation was refused: nothing has changed. */
  | { readonly type: 'refused'; readonly token: number; readonly error: CrdtError }
  /** Of what a peer sent, something was refused; the rest of it counts. */
  | { readonly type: 'rejected'; readonly from: ReplicaId; readonly error: CrdtError };
