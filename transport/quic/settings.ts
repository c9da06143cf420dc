import {
  CONNECTION_WINDOW_BYTES,
  PACKET_BYTES_MAX,
  PACKET_BYTES_MIN,
  STREAMS_MAX,
  STREAM_WINDOW_BYTES,
} from './limits.js';
import { QuicError } from './quic-error.js';

/** Settings of an engine; every member has a default. */
export interface QuicSettings {
  /** Streams that a peer may have open at once, for each type. */
  readonly streamsMax: number;
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  readonly congestionControl: 'bbr' | 'cubic' | 'reno';
  /**
   * A connection that hears nothing for so long is over (RFC 9000 10.1). The smaller of both sides
   * counts.
   */
  readonly idleTimeoutMs: number;
  /**
   * After so long without a packet from the peer, or a third of the idle timeout if that is less, one
   * is sent that it must acknowledge; the dialled side leaves it to the other for half as long again.
   * 0: never.
   */
  readonly keepAliveMs: number;
  /**
   * Largest UDP payload sent. 'auto': 16,383 to a loopback address; to any other 1,200 at first, and
   * as much more as path MTU discovery (RFC 8899) finds to pass.
   */
  readonly packetBytes: number | 'auto';
  /** Spreads packets over the round trip (RFC 9002 7.7) on paths longer than 2 ms. */
  readonly pacing: boolean;
  /** Whether the peer may move a connection to another address of its own (RFC 9000 9). */
  readonly migration: boolean;
  /**
   * Whether those who connect must first show that they receive at their address (RFC 9000 8.1.2),
   * which costs a round trip; 'auto': while many handshakes are going on.
   */
  readonly retry: 'auto' | 'always' | 'never';
}

export const DEFAULT_SETTINGS: QuicSettings = {
  streamsMax: STREAMS_MAX,
  streamWindowBytes: STREAM_WINDOW_BYTES,
  connectionWindowBytes: CONNECTION_WINDOW_BYTES,
  congestionControl: 'bbr',
  idleTimeoutMs: 30_000,
  keepAliveMs: 10_000,
  packetBytes: 'auto',
  pacing: true,
  migration: true,
  retry: 'auto',
};

/** Fills in defaults. Throws `QuicError` with code `bad-option`. */
export function resolveSettings(settings: Partial<QuicSettings> = {}): QuicSettings {
  const resolved = { ...DEFAULT_SETTINGS, ...settings };
  const numbers: [string, number, number, number][] = [
    ['streamsMax', resolved.streamsMax, 1, 1_000_000],
    ['streamWindowBytes', resolved.streamWindowBytes, 1_024, 1 << 30],
    ['connectionWindowBytes', resolved.connectionWindowBytes, 1_024, 1 << 30],
    ['idleTimeoutMs', resolved.idleTimeoutMs, 10, 3_600_000],
    ['keepAliveMs', resolved.keepAliveMs, 0, 3_600_000],
  ];
  if (resolved.packetBytes !== 'auto') {
    numbers.push(['packetBytes', resolved.packetBytes, PACKET_BYTES_MIN, PACKET_BYTES_MAX]);
  }
  for (const [name, value, min, max] of numbers) {
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      throw new QuicError('bad-option', `${name} is ${value}; it must be from ${min} to ${max}`);
    }
  }
  if (!['bbr', 'cubic', 'reno'].includes(resolved.congestionControl)) {
    throw new QuicError(
      'bad-option',
      `congestionControl is '${resolved.congestionControl}'; it must be bbr, cubic or reno`,
    );
  }
  if (!['auto', 'always', 'never'].includes(resolved.retry)) {
    throw new QuicError(
      'bad-option',
      `retry is '${resolved.retry}'; it must be auto, always or never`,
    );
  }
  return resolved;
}
