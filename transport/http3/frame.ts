import { concat } from './bytes.js';
import { encodeVarint } from './varint.js';

/** Frame types (RFC 9114 7.2, draft-ietf-webtrans-http3 4.2). */
export const FRAME = {
  data: 0x00,
  headers: 0x01,
  cancelPush: 0x03,
  settings: 0x04,
  pushPromise: 0x05,
  goAway: 0x07,
  maxPushId: 0x0d,
  webTransportStream: 0x41,
} as const;

/** Types of unidirectional streams (RFC 9114 6.2, RFC 9204 4.2, draft-ietf-webtrans-http3 4.1). */
export const STREAM_TYPE = {
  control: 0x00,
  push: 0x01,
  qpackEncoder: 0x02,
  qpackDecoder: 0x03,
  webTransport: 0x54,
} as const;

/** Frame types of HTTP/2 that must not come (RFC 9114 7.2.8). */
const HTTP2_TYPES: ReadonlySet<number> = new Set([0x02, 0x06, 0x08, 0x09]);

export function isHttp2Type(type: number): boolean {
  return HTTP2_TYPES.has(type);
}

export function encodeFrame(type: number, payload: Uint8Array): Uint8Array {
  return concat(encodeVarint(type), encodeVarint(payload.length), payload);
}

/** What stands before a payload that is sent separately. */
export function encodeFrameHead(type: number, payloadBytes: number): Uint8Array {
  return concat(encodeVarint(type), encodeVarint(payloadBytes));
}
