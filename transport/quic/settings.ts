import {
  CONNECTION_WINDOW_BYTES,
  PACKET_BYTES_LOOPBACK,
  PACKET_BYTES_MIN,
  PACKET_BYTES_NETWORK,
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
   * After so long without a packet from the peer, one is sent that it must acknowledge. 0: never.
   */
  readonly keepAliveMs: number;
  /** Largest UDP payload sent; 'auto' is 16,383 to a loopback address and 1,350 to any other. */
  readonly packetBytes: number | 'auto';
}

export const DEFAULT_SETTINGS: QuicSettings = {
  streamsMax: STREAMS_MAX,
  streamWindowBytes: STREAM_WINDOW_BYTES,
  connectionWindowBytes: CONNECTION_WINDOW_BYTES,
  congestionControl: 'bbr',
  idleTimeoutMs: 5_000,
  keepAliveMs: 1_000,
  packetBytes: 'auto',
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
    numbers.push(['packetBytes', resolved.packetBytes, PACKET_BYTES_MIN, PACKET_BYTES_LOOPBACK]);
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
  return resolved;
}

/** Largest UDP payload to send to `host` (an IP address). */
export function packetBytesFor(host: string, settings: QuicSettings): number {
  if (settings.packetBytes !== 'auto') return settings.packetBytes;
  return isLoopback(host) ? PACKET_BYTES_LOOPBACK : PACKET_BYTES_NETWORK;
}

/** True for 127.0.0.0/8 and ::1, also in the IPv6 form of IPv4. */
function isLoopback(host: string): boolean {
  return host === '::1' || /^(?:::ffff:)?127\./.test(host);
}
