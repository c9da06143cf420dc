import { FRAME, encodeFrame } from './frame.js';
import { Http3Error } from './http3-error.js';
import {
  FIELD_SECTION_BYTES_MAX,
  QPACK_BLOCKED_STREAMS_MAX,
  QPACK_TABLE_BYTES_MAX,
  SETTINGS_MAX,
} from './limits.js';
import { concat } from './bytes.js';
import { encodeVarint, readVarint } from './varint.js';

/** Settings (RFC 9114 7.2.4.1, RFC 9204 5, RFC 9220 3, RFC 9297 2.1.1). */
export const SETTING = {
  qpackTableBytesMax: 0x01,
  fieldSectionBytesMax: 0x06,
  qpackBlockedStreamsMax: 0x07,
  enableConnectProtocol: 0x08,
  h3Datagram: 0x33,
} as const;

/** Settings of HTTP/2 that must not come (RFC 9114 7.2.4.1). */
const HTTP2_SETTINGS: ReadonlySet<number> = new Set([0x02, 0x03, 0x04, 0x05]);
/** Settings that are switches: 0 or 1 (RFC 9220 3, RFC 9297 2.1.1). */
const SWITCHES: ReadonlySet<number> = new Set([SETTING.enableConnectProtocol, SETTING.h3Datagram]);

/** Values by identifier; what is missing has its default. */
export type Settings = ReadonlyMap<number, number>;

/** What this implementation offers by itself. */
export const OWN_SETTINGS: Settings = new Map<number, number>([
  [SETTING.qpackTableBytesMax, QPACK_TABLE_BYTES_MAX],
  [SETTING.fieldSectionBytesMax, FIELD_SECTION_BYTES_MAX],
  [SETTING.qpackBlockedStreamsMax, QPACK_BLOCKED_STREAMS_MAX],
]);

/** A SETTINGS frame (RFC 9114 7.2.4). */
export function encodeSettings(settings: Settings): Uint8Array {
  const pairs = [...settings].flatMap(([id, value]) => [encodeVarint(id), encodeVarint(value)]);
  return encodeFrame(FRAME.settings, concat(...pairs));
}

/** Settings in the payload of a frame. Throws `Http3Error`. */
export function decodeSettings(payload: Uint8Array): Settings {
  const settings = new Map<number, number>();
  for (let at = 0; at < payload.length;) {
    const id = readVarint(payload, at);
    const value = id === undefined ? undefined : readVarint(payload, id.end);
    if (id === undefined || value === undefined) {
      throw new Http3Error('frame-error', 'a SETTINGS frame ends in a setting');
    }
    at = value.end;
    if (HTTP2_SETTINGS.has(id.value) || settings.has(id.value) || settings.size >= SETTINGS_MAX) {
      throw new Http3Error('settings-error', `setting ${id.value} must not come, or not twice`);
    }
    if (SWITCHES.has(id.value) && value.value > 1) {
      throw new Http3Error('settings-error', `setting ${id.value} must be 0 or 1`);
    }
    settings.set(id.value, value.value);
  }
  return settings;
}
