import { PACKET_BYTES_MIN } from '../limits.js';
import type { NativeConnection, NativeHost, NativePathStats } from './native.js';
import { isSame } from './path-addresses.js';

/** What may be sent to an address for each byte that came from there (RFC 9000 8.1). */
const AMPLIFICATION = 3;
/** Least that a packet with a challenge needs: header, tag, acknowledgements of a few ranges. */
const CHALLENGE_BYTES = 64;
/** Share of what may still be sent that one packet takes, so that a challenge that is lost is not the last. */
const BUDGET_SHARE = 1 / 3;
/** Between two packets: a peer takes some sixteen challenges a second (`PATH_CHALLENGES_MAX`). */
const PAUSE_MS = 100;

/**
 * A path to an address from which the peer has not answered. Of what may be sent there at all, three
 * times what came from there, quiche 0.18 fills a single packet with padding; when that is lost it
 * takes the path for dead. And a challenge that is asked for when nothing may be sent any more stops
 * every path of the connection, for quiche sends nothing else before it. So packets are kept small
 * here, few, each with a challenge, and none is asked for that cannot go.
 */
export class UnprovenPath {
  readonly local: NativeHost;
  /** As the engine calls the address of the peer. */
  readonly name: NativeHost;
  /**
   * The peer has answered a challenge. There is no bound then; what is left is to see whether packets
   * of full size pass.
   */
  isAnswered = false;
  /** The peer has been elsewhere for a while. */
  isLate = false;
  readonly #native: NativeConnection;
  #sentAtMs = Number.NEGATIVE_INFINITY;

  constructor(native: NativeConnection, local: NativeHost, name: NativeHost) {
    this.#native = native;
    this.local = local;
    this.name = name;
  }

  /** The engine sends on it already. */
  get isActive(): boolean {
    return this.#stats()?.active === true;
  }

  /** Whether a challenge can leave. */
  get mayProbe(): boolean {
    return this.isAnswered || budgetBytes(this.#stats()) >= CHALLENGE_BYTES;
  }

  isOn(local: NativeHost, name: NativeHost): boolean {
    return isSame(name, this.name) && isSame(local, this.local);
  }

  /**
   * Largest packet to be made now, to which a challenge is added; 0: none yet. Milliseconds of a clock
   * that never goes back.
   */
  nextPacketBytes(nowMs: number): number {
    if (this.isAnswered) return PACKET_BYTES_MIN;
    if (nowMs - this.#sentAtMs < PAUSE_MS) return 0;
    const stats = this.#stats();
    const budget = budgetBytes(stats);
    const share = Math.max(CHALLENGE_BYTES, Math.floor(budget * BUDGET_SHARE));
    const bytes = Math.min(share, budget, PACKET_BYTES_MIN);
    // With next to nothing left quiche takes the path for dead at its first time-out.
    const isLast = budget - bytes < CHALLENGE_BYTES;
    if (bytes < CHALLENGE_BYTES || (isLast && stats !== undefined && stats.sent > 0)) return 0;
    try {
      this.#native.probePath(this.local, this.name);
    } catch {
      return 0;
    }
    this.#sentAtMs = nowMs;
    return bytes;
  }

  #stats(): NativePathStats | undefined {
    const all = this.#native.pathStats();
    return all.find(({ localHost, peerHost }) => this.isOn(localHost, peerHost));
  }
}

function budgetBytes(stats: NativePathStats | undefined): number {
  return stats === undefined ? 0 : AMPLIFICATION * stats.recvBytes - stats.sentBytes;
}
