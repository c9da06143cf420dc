/**
 * Linearizable reads without a log entry (Raft thesis 6.4). A read is given the commit index of
 * the moment it arrives and may be answered once a quorum has answered a heartbeat that was sent
 * after that moment. Heartbeats carry the number of a round; a read that arrives while a round is
 * under way waits for the next one, so that any number of reads costs one heartbeat a round trip.
 */
import type { NodeId } from './types.js';

/** A read that waits for its quorum. */
export interface PendingRead {
  /** The node that asked. */
  readonly from: NodeId;
  readonly context: string;
  readonly index: number;
  readonly round: number;
}

/** The reads of a leader, in the order of arrival. */
export class ReadRounds {
  private readonly waiting: PendingRead[] = [];
  private readonly answered = new Map<NodeId, number>();
  /** Number of the newest round whose heartbeats were sent, 0 before the first. */
  private begun = 0;
  private confirmed = 0;
  /** When the heartbeats of the round under way, or of the last one, were sent, at the earliest. */
  begunAtMs = Number.NaN;

  get size(): number {
    return this.waiting.length;
  }

  /** What heartbeats carry: the round under way, empty if none is. */
  get context(): string {
    return this.begun > this.confirmed ? String(this.begun) : '';
  }

  /** Adds a read that must not be older than `index`. Returns whether a round has to be begun. */
  add(from: NodeId, context: string, index: number): boolean {
    this.waiting.push({ from, context, index, round: this.begun + 1 });
    return this.begun === this.confirmed;
  }

  /** Begins a round for all reads that wait for one. */
  begin(nowMs: number): void {
    this.begun += 1;
    this.begunAtMs = nowMs;
  }

  /** A member answered a heartbeat of `context`. */
  answer(from: NodeId, context: string): void {
    const round = Number(context);
    if (!Number.isSafeInteger(round) || round < 1 || round > this.begun) return;
    if (round > (this.answered.get(from) ?? 0)) this.answered.set(from, round);
  }

  /** Whether `member` has answered the round under way. */
  hasAnswered(member: NodeId): boolean {
    return (this.answered.get(member) ?? 0) >= this.begun;
  }

  /** Ends the round under way, which a quorum has answered; returns its reads. */
  confirm(): PendingRead[] {
    this.confirmed = this.begun;
    let count = 0;
    while (count < this.waiting.length) {
      if ((this.waiting[count] as PendingRead).round > this.confirmed) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  /** Whether a round is under way. */
  get underWay(): boolean {
    return this.begun > this.confirmed;
  }
}
