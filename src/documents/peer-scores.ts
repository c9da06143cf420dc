/** How peers behave: each refused update costs, time heals, and who has none left is shut out. */
import type { DocumentErrorCode } from './error.js';

/** What each offence costs; what is not named costs nothing, since an honest peer does it too. */
const COSTS: Partial<Readonly<Record<DocumentErrorCode, number>>> = {
  'malformed-update': 25,
  'malformed-frame': 25,
  'forged-author': 50,
  'too-large': 10,
  'incomplete-update': 5,
};
const SCORE_MAX = 100;
const HEALED_PER_SECOND = 1;
/** Peers of whom something is remembered; the one that offended first is forgotten. */
const PEERS_MAX = 4_096;

interface Standing {
  readonly score: number;
  readonly atMs: number;
}

/** Scores from 100 down, by peer. */
export class PeerScores {
  readonly #standings = new Map<string, Standing>();
  readonly #nowMs: () => number;

  /** `nowMs`: a clock that only goes forward. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** 100 for a peer of whom nothing bad is known. */
  score(peerId: string): number {
    const known = this.#standings.get(peerId);
    if (known === undefined) return SCORE_MAX;
    const healed = ((this.#nowMs() - known.atMs) / 1_000) * HEALED_PER_SECOND;
    return Math.min(SCORE_MAX, known.score + healed);
  }

  isShutOut(peerId: string): boolean {
    return this.score(peerId) <= 0;
  }

  /** Takes the cost of an offence off the score. */
  record(peerId: string, code: DocumentErrorCode): void {
    const cost = COSTS[code];
    if (cost === undefined) return;
    const score = Math.max(-SCORE_MAX, this.score(peerId) - cost);
    this.#standings.delete(peerId);
    this.#standings.set(peerId, { score, atMs: this.#nowMs() });
    const [oldest] = this.#standings.keys();
    if (this.#standings.size > PEERS_MAX && oldest !== undefined) this.#standings.delete(oldest);
  }
}
