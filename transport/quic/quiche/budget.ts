import {
  CREDIT_BYTES,
  CREDIT_BYTES_PER_PACKET_SENT,
  CREDIT_BYTES_PER_SECOND,
  CREDIT_PER_BYTE_DELIVERED,
  HANDSHAKE_BYTES_MAX,
  HANDSHAKE_PACKETS_MAX,
  PACKET_COST_BYTES_MIN,
} from './guard-limits.js';

/**
 * What a peer may send without delivering anything. Each packet costs its length; what the streams
 * and datagrams of the connection deliver, the packets that we send (they are acknowledged) and time
 * earn it back. A peer in debt is not guilty yet, it is looked at more closely.
 *
 * Without I/O and clock: `now` is in milliseconds of any clock that never goes back.
 */
export class CreditAccount {
  #bytes = CREDIT_BYTES;
  #settledAt: number;
  #costBytes = 0;
  #earnedBytes = 0;

  constructor(now: number) {
    this.#settledAt = now;
  }

  /** What was left when it was last settled; below 0: a debt. */
  get bytes(): number {
    return this.#bytes;
  }

  onReceived(packetBytes: number): void {
    this.#costBytes += Math.max(packetBytes, PACKET_COST_BYTES_MIN);
  }

  onDelivered(bytes: number): void {
    this.#earnedBytes += bytes * CREDIT_PER_BYTE_DELIVERED;
  }

  onSent(packets: number): void {
    this.#earnedBytes += packets * CREDIT_BYTES_PER_PACKET_SENT;
  }

  /** Once what came has been handed on, so that both sides of the account are there. */
  settle(now: number): void {
    const elapsedMs = now - this.#settledAt;
    this.#settledAt = now;
    const earned = this.#earnedBytes + (elapsedMs / 1_000) * CREDIT_BYTES_PER_SECOND;
    this.#bytes = Math.min(this.#bytes + earned - this.#costBytes, CREDIT_BYTES);
    this.#costBytes = 0;
    this.#earnedBytes = 0;
  }
}

/** What a peer may send of Initial and Handshake packets: quiche 0.18 buffers it without a bound. */
export class HandshakeAccount {
  #bytes = 0;
  #packets = 0;

  /** False when it was too much. */
  onReceived(packetBytes: number): boolean {
    this.#bytes += packetBytes;
    this.#packets += 1;
    return this.#bytes <= HANDSHAKE_BYTES_MAX && this.#packets <= HANDSHAKE_PACKETS_MAX;
  }
}
