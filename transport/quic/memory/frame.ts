import type { ConnectionCloseInfo } from '../connection.js';
import type { SignatureAlgorithm } from '../engine.js';

/** What a side tells the other in its handshake (the transport parameters of RFC 9000 18.2). */
export interface PeerLimits {
  readonly streamsMax: number;
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  readonly idleTimeoutMs: number;
  readonly datagramBytesMax: number;
}

/** The first flight of the side that dials. */
export interface Hello {
  readonly kind: 'hello';
  readonly protocols: readonly string[];
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
  readonly limits: PeerLimits;
  /** Sealed by the peer, of an earlier connection. */
  readonly ticket: Uint8Array | undefined;
  /** Streams follow before the answer. */
  readonly isEarly: boolean;
}

/** The answer of the side that is dialled. */
export interface Welcome {
  readonly kind: 'welcome';
  readonly protocol: string;
  readonly certificate: Uint8Array;
  /** Whether a certificate is wanted: applications ask none. */
  readonly asksCertificate: boolean;
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
  readonly limits: PeerLimits;
  readonly isResumed: boolean;
  readonly isEarlyTaken: boolean;
}

export interface StreamData {
  readonly kind: 'stream';
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly isFinal: boolean;
}

/** What travels between the two ends of a connection: the frames of RFC 9000 19, as objects. */
export type Frame =
  | Hello
  | Welcome
  /** The dialling side's last word of the handshake. */
  | { readonly kind: 'finished'; readonly certificate: Uint8Array | undefined }
  | { readonly kind: 'ticket'; readonly ticket: Uint8Array }
  | StreamData
  | { readonly kind: 'reset'; readonly id: number; readonly code: number }
  | { readonly kind: 'stop'; readonly id: number; readonly code: number }
  | { readonly kind: 'stream-credit'; readonly id: number; readonly bytesMax: number }
  | { readonly kind: 'credit'; readonly bytesMax: number }
  | {
      readonly kind: 'streams-credit';
      readonly isUnidirectional: boolean;
      readonly streamsMax: number;
    }
  | { readonly kind: 'datagram'; readonly bytes: Uint8Array }
  | { readonly kind: 'ping' }
  | { readonly kind: 'probe' }
  | { readonly kind: 'probe-answer' }
  /** The first packet from a path that has been validated. */
  | { readonly kind: 'moved' }
  | {
      readonly kind: 'close';
      readonly closeKind: ConnectionCloseInfo['kind'];
      readonly code: number;
      readonly reason: string;
    };

/** Sent once, and lost when the path is cut; everything else is sent until it arrives. */
export function isUnreliable(frame: Frame): boolean {
  return ['datagram', 'ping', 'probe', 'probe-answer'].includes(frame.kind);
}

/** What only a handshake that is over may carry, or one with early data. */
export function isStreamFrame(frame: Frame): boolean {
  return ['stream', 'reset', 'stop', 'stream-credit', 'credit', 'streams-credit'].includes(
    frame.kind,
  );
}

/** Bytes that a frame counts for in the statistics. */
export function frameBytes(frame: Frame): number {
  return 'bytes' in frame ? frame.bytes.length : 0;
}
