import { TokenBucket } from '../../token-bucket.js';
import type { Frame } from './frames.js';
import {
  BYTES_DELIVERED_PER_GAP,
  CONNECTION_ID_FRAMES_MAX,
  CONNECTION_ID_FRAMES_PER_SECOND,
  CRYPTO_BYTES_MAX,
  IDLE_BYTES_MAX,
  IDLE_BYTES_PER_SECOND,
  PATH_CHALLENGES_MAX,
  PATH_CHALLENGES_PER_SECOND,
  STREAMS_REMEMBERED_MAX,
  STREAM_GAPS_MAX,
  STREAM_GAPS_PER_SECOND,
} from './guard-limits.js';

/** Why a connection ends, with the code of RFC 9000 20.1 that its peer is told. */
export interface Violation {
  readonly code: number;
  readonly reason: string;
}

const CONNECTION_ID_LIMIT_ERROR = 0x09;
const PROTOCOL_VIOLATION = 0x0a;
const CRYPTO_BUFFER_EXCEEDED = 0x0d;

export interface RulesContext {
  /** This side was dialled. */
  readonly isServer: boolean;
  /** False for the number of a packet that this side cannot have sent yet. */
  hasSent(packetNumber: number): boolean;
}

/**
 * What may stand in the 1-RTT packets of a peer, beyond what quiche 0.18 looks at. It sees the
 * packets of a connection before quiche does, from some packet on and not always from the first.
 */
export class FrameRules {
  readonly #context: RulesContext;
  readonly #idle: TokenBucket;
  readonly #challenges: TokenBucket;
  readonly #connectionIds: TokenBucket;
  readonly #gaps: TokenBucket;
  /** Where each stream ended, as far as it was seen. */
  readonly #streamEnds = new Map<number, number>();
  #retiredBelow = 0;
  /** A packet that never left: who acknowledges it acknowledges blindly. */
  #trap: number | undefined;

  constructor(context: RulesContext, now: number) {
    this.#context = context;
    this.#idle = new TokenBucket(IDLE_BYTES_PER_SECOND, IDLE_BYTES_MAX, now);
    this.#challenges = new TokenBucket(PATH_CHALLENGES_PER_SECOND, PATH_CHALLENGES_MAX, now);
    this.#connectionIds = new TokenBucket(
      CONNECTION_ID_FRAMES_PER_SECOND,
      CONNECTION_ID_FRAMES_MAX,
      now,
    );
    this.#gaps = new TokenBucket(STREAM_GAPS_PER_SECOND, STREAM_GAPS_MAX, now);
  }

  /** Waiting for the acknowledgement that shows whether the peer fell for it. */
  get isTrapSet(): boolean {
    return this.#trap !== undefined;
  }

  setTrap(packetNumber: number): void {
    this.#trap = packetNumber;
  }

  onDelivered(bytes: number): void {
    this.#gaps.add(bytes / BYTES_DELIVERED_PER_GAP);
  }

  /** Judges one packet of `packetBytes`. */
  judge(
    frames: readonly Frame[],
    packetBytes: number,
    isSuspect: boolean,
    now: number,
  ): Violation | undefined {
    let isUseful = false;
    for (const frame of frames) {
      const violation = this.#judgeFrame(frame, isSuspect, now);
      if (violation !== undefined) return violation;
      isUseful ||= ['stream', 'datagram', 'ack', 'close'].includes(frame.kind);
    }
    if (!isUseful && this.#idle.take(now, packetBytes) > 0) {
      return violated(PROTOCOL_VIOLATION, 'too many packets that deliver nothing');
    }
    return undefined;
  }

  #judgeFrame(frame: Frame, isSuspect: boolean, now: number): Violation | undefined {
    switch (frame.kind) {
      case 'crypto':
        return this.#judgeCrypto(frame.offset + frame.length);
      case 'ack':
        return this.#judgeAck(frame.largest, frame.ranges);
      case 'new-connection-id':
        return this.#judgeNewId(frame.sequence, frame.retirePriorTo, now);
      case 'retire-connection-id':
        return this.#countIds(now);
      case 'path-challenge':
        // CVE-2023-6193.
        if (this.#challenges.take(now) === 0) return undefined;
        return violated(PROTOCOL_VIOLATION, 'too many PATH_CHALLENGE frames');
      case 'stream':
        // A peer that delivers as much as it sends is believed: the network, too, makes gaps.
        return isSuspect ? this.#judgeStream(frame.id, frame.offset, frame.length, now) : undefined;
      default:
        return undefined;
    }
  }

  /** CVE-2024-1765. A client has nothing to say to TLS after the handshake (RFC 9001 4.4, 6). */
  #judgeCrypto(end: number): Violation | undefined {
    if (end <= (this.#context.isServer ? 0 : CRYPTO_BYTES_MAX)) return undefined;
    return violated(CRYPTO_BUFFER_EXCEEDED, 'CRYPTO frames after the handshake');
  }

  /** CVE-2025-4821, and with a packet that was held back CVE-2025-4820 (RFC 9000 13.1, 21.4). */
  #judgeAck(
    largest: number,
    ranges: readonly (readonly [number, number])[],
  ): Violation | undefined {
    if (!this.#context.hasSent(largest)) {
      return violated(PROTOCOL_VIOLATION, 'an acknowledgement of a packet that was never sent');
    }
    const trap = this.#trap;
    if (trap === undefined || largest < trap) return undefined;
    if (ranges.some(([from, to]) => from <= trap && trap <= to)) {
      return violated(PROTOCOL_VIOLATION, 'an acknowledgement of a packet that was held back');
    }
    if (largest > trap) this.#trap = undefined;
    return undefined;
  }

  /**
   * CVE-2024-1410 and CVE-2025-7054: quiche 0.18 takes an id back that it is about to retire, and
   * then may retire for ever the one that it uses. So an id that the peer has retired stays so.
   */
  #judgeNewId(sequence: number, retirePriorTo: number, now: number): Violation | undefined {
    if (sequence < this.#retiredBelow) {
      return violated(PROTOCOL_VIOLATION, 'a connection id that the peer itself has retired');
    }
    this.#retiredBelow = Math.max(this.#retiredBelow, retirePriorTo);
    return this.#countIds(now);
  }

  #countIds(now: number): Violation | undefined {
    if (this.#connectionIds.take(now) === 0) return undefined;
    return violated(CONNECTION_ID_LIMIT_ERROR, 'too many frames about connection ids');
  }

  #judgeStream(id: number, offset: number, length: number, now: number): Violation | undefined {
    const end = this.#streamEnds.get(id);
    // The end of a stream counts as known when it has not been seen before.
    const isGap = end !== undefined && offset !== end;
    this.#streamEnds.delete(id);
    this.#streamEnds.set(id, offset + length);
    if (this.#streamEnds.size > STREAMS_REMEMBERED_MAX) {
      for (const oldest of this.#streamEnds.keys()) {
        this.#streamEnds.delete(oldest);
        break;
      }
    }
    if (!isGap || this.#gaps.take(now) === 0) return undefined;
    return violated(PROTOCOL_VIOLATION, 'too many pieces of streams with gaps between them');
  }
}

function violated(code: number, reason: string): Violation {
  return { code, reason };
}
