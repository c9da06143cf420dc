import { assert } from '../error.js';
import type { ProgressState, ProgressStatus } from '../status.js';
import { Inflights } from './inflights.js';

/** Bounds of the window of one follower. */
export interface WindowLimits {
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
}

/**
 * What a leader knows about one member.
 *
 *                     rejected, unreachable
 *          +----------------------------------------+
 *          v                                        |
 *      [ probe ] --- an append is accepted ---> [ replicate ]
 *        |   ^ \                                  ^      |
 *        |   |  entry compacted                   |      | entry compacted
 *        |   |  \                                 |      |
 *        |   |   +------> [ snapshot ] -----------+      |
 *        |   |               |   ^    caught up          |
 *        |   +---------------+   +-----------------------+
 *        |      transfer done or failed
 *
 * probe: one append a heartbeat, of which the first carries entries; `next` is a guess. replicate: a
 * window of appends, `next` runs ahead. snapshot: nothing is sent until the follower answers or the
 * driver reports.
 */
export class Progress {
  /** Last entry known to be in the member's log. */
  match = 0;
  /** First entry to send next; always greater than `match`. */
  next: number;
  state: ProgressState = 'probe';
  /** Index of the snapshot under way, in state `snapshot`. */
  pendingSnapshot = 0;
  /** Answered since the last quorum check. */
  recentActive = false;
  /** No append until an answer or a heartbeat answer arrives. */
  flowPaused = false;
  /**
   * Entries left that no answer tells of: they may be lost or on a slow way. A probe carries none
   * then; sent with each heartbeat answer, they would fill a way that is slow for good.
   */
  private areEntriesUnderWay = false;
  isLearner: boolean;
  /** How often in a row an append right after `match` was refused. */
  refusalsOfMatch = 0;
  private readonly inflights: Inflights;

  constructor(next: number, isLearner: boolean, limits: WindowLimits) {
    assert(next > 0, 'the next index of a member is positive');
    this.next = next;
    this.isLearner = isLearner;
    this.inflights = new Inflights(limits.maxInflightMessages, limits.maxInflightBytes);
  }

  get paused(): boolean {
    return this.state === 'snapshot' || this.flowPaused;
  }

  get inflightMessages(): number {
    return this.inflights.count;
  }

  /** Whether the window has no room for a further message with entries. */
  get windowFull(): boolean {
    return this.inflights.full;
  }

  /** Whether the next append may carry entries. */
  get mayCarry(): boolean {
    return this.state === 'replicate' ? !this.windowFull : !this.areEntriesUnderWay;
  }

  private enter(state: ProgressState): void {
    this.flowPaused = false;
    this.areEntriesUnderWay = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }

  /** Goes back to one append at a time; after a snapshot it starts behind that snapshot. */
  becomeProbe(): void {
    const behindSnapshot = this.state === 'snapshot' ? this.pendingSnapshot + 1 : 0;
    this.enter('probe');
    this.next = Math.max(this.match + 1, behindSnapshot);
  }

  /** A message was lost on its way to the member: those before it may arrive yet. */
  becomeUnreachable(): void {
    if (this.state !== 'replicate') return;
    const areEntriesUnderWay = this.inflights.count > 0;
    this.becomeProbe();
    this.areEntriesUnderWay = areEntriesUnderWay;
  }

  becomeReplicate(): void {
    this.enter('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.enter('snapshot');
    this.pendingSnapshot = index;
  }

  /** Accounts for an append request that carries `count` entries of `bytes` bytes. */
  sentEntries(count: number, bytes: number): void {
    assert(this.state !== 'snapshot', 'no append is sent to a member that waits for a snapshot');
    if (this.state === 'probe') {
      this.areEntriesUnderWay ||= count > 0;
      this.flowPaused = this.areEntriesUnderWay;
      return;
    }
    if (count > 0) {
      this.next += count;
      this.inflights.add(this.next - 1, bytes);
    }
    this.flowPaused = this.inflights.full;
  }

  /** Frees the window up to an acknowledged index. */
  freeInflights(index: number): void {
    this.inflights.freeThrough(index);
  }

  /** An append up to `index` was accepted. Returns false if that was known. */
  acknowledge(index: number): boolean {
    this.refusalsOfMatch = 0;
    this.areEntriesUnderWay = false;
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.flowPaused = false;
    return true;
  }

  /**
   * The append after `rejected` was refused and the logs may agree at `hint`. Returns false if the
   * refusal is stale.
   */
  decrease(rejected: number, hint: number): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    if (rejected === this.match) this.refusalsOfMatch += 1;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.flowPaused = false;
    this.areEntriesUnderWay = false;
    return true;
  }

  /** The member does not hold more than `index`, whatever it has acknowledged. */
  regress(index: number): void {
    this.refusalsOfMatch = 0;
    this.match = Math.min(this.match, index);
    this.becomeProbe();
    this.next = Math.min(this.next, this.match + 1);
  }

  /** A copy for readers outside. */
  status(): ProgressStatus {
    return {
      match: this.match,
      next: this.next,
      state: this.state,
      isLearner: this.isLearner,
      recentActive: this.recentActive,
      paused: this.paused,
      pendingSnapshot: this.pendingSnapshot,
      inflightMessages: this.inflights.count,
      windowFull: this.inflights.full,
    };
  }
}
