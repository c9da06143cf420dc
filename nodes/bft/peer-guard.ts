/**
 * What one peer may cost. Faults that no correct validator commits are counted; after some within a
 * while the peer is cut off for a while. Signatures that are checked for it are limited by rate.
 */
import type { ValidatorId } from '../../consensus/bft/index.js';
import { TokenBucket } from '../../transport/token-bucket.js';
import {
  CHECKS_BURST,
  CHECKS_PER_SECOND,
  CUT_OFF_MS,
  FAULTS_MAX,
  FAULT_WINDOW_MS,
} from './limits.js';

/** What a peer did wrong. */
export type Fault =
  'garbage' | 'bad-signature' | 'bad-decision' | 'bad-part' | 'bad-checkpoint' | 'bad-chunk';

/** Counts of one peer since the start. */
export interface PeerCounts {
  readonly faults: Readonly<Record<Fault, number>>;
  readonly timesCutOff: number;
  /** Messages dropped since more came than are checked in the time. */
  readonly dropped: number;
  readonly isCutOff: boolean;
}

interface Peer {
  readonly faults: Record<Fault, number>;
  recent: number;
  windowEndMs: number;
  cutUntilMs: number;
  timesCutOff: number;
  dropped: number;
  readonly checks: TokenBucket;
}

/** See the head of this file. Times are milliseconds of a clock that only goes forward. */
export class PeerGuard {
  readonly #peers = new Map<ValidatorId, Peer>();

  constructor(private readonly onCutOff: (peer: ValidatorId, fault: Fault) => void) {}

  isCutOff(id: ValidatorId, nowMs: number): boolean {
    return (this.#peers.get(id)?.cutUntilMs ?? 0) > nowMs;
  }

  /** Counts a fault; one that weighs `FAULTS_MAX` cuts off at once. */
  fault(id: ValidatorId, fault: Fault, nowMs: number, weight = 1): void {
    const peer = this.#peerOf(id, nowMs);
    peer.faults[fault] += 1;
    if (nowMs >= peer.windowEndMs) {
      peer.windowEndMs = nowMs + FAULT_WINDOW_MS;
      peer.recent = 0;
    }
    peer.recent += weight;
    if (peer.recent < FAULTS_MAX || peer.cutUntilMs > nowMs) return;
    peer.cutUntilMs = nowMs + CUT_OFF_MS;
    peer.timesCutOff += 1;
    this.onCutOff(id, fault);
  }

  /** Whether so many signatures are checked for the peer now; counts a drop if not. */
  takeChecks(id: ValidatorId, count: number, nowMs: number): boolean {
    const peer = this.#peerOf(id, nowMs);
    if (peer.checks.take(nowMs, count) === 0) return true;
    peer.dropped += 1;
    return false;
  }

  counts(nowMs: number): Map<ValidatorId, PeerCounts> {
    return new Map(
      [...this.#peers].map(([id, { faults, timesCutOff, dropped, cutUntilMs }]) => {
        return [id, { faults: { ...faults }, timesCutOff, dropped, isCutOff: cutUntilMs > nowMs }];
      }),
    );
  }

  #peerOf(id: ValidatorId, nowMs: number): Peer {
    const known = this.#peers.get(id);
    if (known !== undefined) return known;
    const peer: Peer = {
      faults: {
        garbage: 0,
        'bad-signature': 0,
        'bad-decision': 0,
        'bad-part': 0,
        'bad-checkpoint': 0,
        'bad-chunk': 0,
      },
      recent: 0,
      windowEndMs: 0,
      cutUntilMs: 0,
      timesCutOff: 0,
      dropped: 0,
      checks: new TokenBucket(CHECKS_PER_SECOND, CHECKS_BURST, nowMs),
    };
    this.#peers.set(id, peer);
    return peer;
  }
}
