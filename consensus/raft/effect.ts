import type { Message } from './message.js';
import type { Entry, HardState, SnapshotMeta, SoftState } from './types.js';

/** A linearizable read asked for with `context` may be served once `index` is applied. */
export interface ReadState {
  readonly context: string;
  readonly index: number;
}

/**
 * Says what was written, once it is: to be stepped back as `written` after everything of this
 * ready and of those before it is durable. It is void if the term has changed meanwhile: what it
 * names may then be in the way of a later write that replaces it (ABA).
 */
export interface WriteReceipt {
  readonly term: number;
  /** Last entry of the log when the ready was made; index 0 if nothing waits for the disk. */
  readonly index: number;
  readonly logTerm: number;
  /** The snapshot of the ready, which by then is stored and installed. */
  readonly snapshot: SnapshotMeta | null;
}

/**
 * What the driver has to do next, in this order: send `messages` at any time; make `snapshot`,
 * `entries` and `hardState` durable as one step (waiting for it if `mustSync`); send
 * `messagesAfterPersist`; install `snapshot` into the application; apply `committedEntries`
 * (calling `applyConfChange` for each `confChange` entry); answer `readStates` once applied that
 * far; call `advance()`. Other inputs may be stepped in between.
 *
 * With `asyncStorageWrites` further readies may be taken meanwhile. There is no `advance` then:
 *
 *     writes, in the order of the readies:  durable -> messagesAfterPersist -> step `written`
 *     applications, in the same order:      applied -> step `applied`
 *
 * Messages of a node to itself are among `messagesAfterPersist` and are stepped as `ownAnswer`.
 */
export interface Ready {
  readonly hardState?: HardState;
  /** To persist. They replace every stored entry at or after the first one's index. */
  readonly entries: readonly Entry[];
  /**
   * Entries that the disk had lost, to be written in their places; nothing else changes. Nobody waits
   * for that: if it is lost again, it is repaired again.
   */
  readonly repaired: readonly Entry[];
  /** To install before `entries` and `committedEntries`; it replaces the whole stored log. */
  readonly snapshot?: SnapshotMeta;
  /**
   * Whether the writes must reach the disk before `messagesAfterPersist` are sent. A hard state
   * without it has a new commit index only. It may be lost in a crash, but not if a later write
   * survives: a node that holds a membership change has to know that the one before is committed.
   */
  readonly mustSync: boolean;
  /** May be sent at once: what a leader tells the others does not depend on its own disk. */
  readonly messages: readonly Message[];
  /**
   * Votes, requests for votes and acknowledgements: only after the writes of this ready, and of those
   * before it, are durable.
   */
  readonly messagesAfterPersist: readonly Message[];
  /** With `asyncStorageWrites`: to be stepped as `written`; null if nobody waits for that. */
  readonly receipt: WriteReceipt | null;
  /** To apply, in order; at most `maxApplyBytes` (but at least one entry) each time. */
  readonly committedEntries: readonly Entry[];
  readonly readStates: readonly ReadState[];
  /**
   * Reads of this node that will get no answer, because the leadership changed or request or
   * answer must be lost (two election timeouts): ask again.
   */
  readonly droppedReads: readonly string[];
  readonly softState?: SoftState;
}
