import { Http3Error, type Settings } from '../http3/index.js';
import { CLOSE_REASON_BYTES_MAX, SESSIONS_MAX } from './limits.js';
import type { CloseInfo } from './session.js';

/** What the SETTINGS of both sides say (RFC 9220, RFC 9297, draft-ietf-webtrans-http3). */
const SETTING = {
  enableConnectProtocol: 0x08,
  h3Datagram: 0x33,
  /** Draft 2. */
  enableWebTransport: 0x2b603742,
  /** Drafts 7 to 12. */
  sessionsMax: 0xc671706a,
} as const;

/** Capsules of a session (draft-ietf-webtrans-http3 5). */
export const CAPSULE = { close: 0x2843, drain: 0x78ae } as const;

/** Draft 2 of the protocol asks for this field in the request, and for the other in the answer. */
export const DRAFT02_REQUEST = 'sec-webtransport-http3-draft02';
export const DRAFT02_RESPONSE = ['sec-webtransport-http3-draft', 'draft02'] as const;
/** Value of `:protocol`. */
export const PROTOCOL = 'webtransport';

/** What a server offers: Chromium picks the newest draft that it knows. */
export const SERVER_SETTINGS: Settings = new Map<number, number>([
  [SETTING.enableConnectProtocol, 1],
  [SETTING.h3Datagram, 1],
  [SETTING.enableWebTransport, 1],
  [SETTING.sessionsMax, SESSIONS_MAX],
]);

export const CLIENT_SETTINGS: Settings = new Map<number, number>([
  [SETTING.h3Datagram, 1],
  [SETTING.enableWebTransport, 1],
  [SETTING.sessionsMax, 1],
]);

/** Whether a server with these settings takes sessions. */
export function takesSessions(settings: Settings): boolean {
  const isOn = (id: number): boolean => (settings.get(id) ?? 0) > 0;
  return (
    isOn(SETTING.enableConnectProtocol) &&
    isOn(SETTING.h3Datagram) &&
    (isOn(SETTING.sessionsMax) || isOn(SETTING.enableWebTransport))
  );
}

/** The value of a CLOSE capsule: 32 bits of code, then UTF-8. */
export function encodeClose({ closeCode, reason }: CloseInfo): Uint8Array {
  const value = Buffer.alloc(4 + Buffer.byteLength(reason));
  value.writeUInt32BE(closeCode);
  value.write(reason, 4);
  return value;
}

/** Throws `Http3Error` with code `message-error`. */
export function decodeClose(value: Uint8Array): CloseInfo {
  if (value.length < 4 || value.length > 4 + CLOSE_REASON_BYTES_MAX) {
    throw new Http3Error('message-error', `a close of a session has ${value.length} bytes`);
  }
  const bytes = Buffer.from(value);
  return { closeCode: bytes.readUInt32BE(), reason: bytes.toString('utf8', 4) };
}
