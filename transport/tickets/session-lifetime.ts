import { SESSION_AGE_MS_MAX } from './limits.js';
import type { StoredSession } from './session-seal.js';

/**
 * A session as quiche writes it: length of the TLS session (u64, big-endian), the TLS session, then
 * the peer's transport parameters in the same way. The TLS session is BoringSSL's, in DER:
 *
 *     SSLSession ::= SEQUENCE { version INTEGER, ..., time [1] INTEGER, timeout [2] INTEGER, ... }
 *
 * with its time of birth in seconds since the epoch and the seconds for which it can be used.
 */
const LENGTH_BYTES = 8;
const TAG = { sequence: 0x30, integer: 0x02, time: 0xa1, timeout: 0xa2 } as const;

interface Value {
  readonly tag: number;
  readonly content: Buffer;
  readonly rest: Buffer;
}

/** The value at the start of `bytes` (X.690 8.1), with a length of at most three bytes. */
function readValue(bytes: Buffer): Value | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  if (lengthBytes > 3 || bytes.length < 2 + lengthBytes) return undefined;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes);
  const start = 2 + lengthBytes;
  if (bytes.length < start + length) return undefined;
  return {
    tag,
    content: bytes.subarray(start, start + length),
    rest: bytes.subarray(start + length),
  };
}

function readInteger(bytes: Buffer): number | undefined {
  const value = readValue(bytes);
  const length = value?.content.length ?? 0;
  if (value?.tag !== TAG.integer || length < 1 || length > 6) return undefined;
  return value.content.readUIntBE(0, length);
}

/**
 * When a session of quiche can be used no longer, in milliseconds since the epoch; undefined when it
 * does not say so in the way that is known here. Reads any bytes without throwing.
 */
export function sessionEndMs(session: Uint8Array): number | undefined {
  const bytes = Buffer.from(session.buffer, session.byteOffset, session.length);
  const outer = readValue(bytes.subarray(LENGTH_BYTES));
  if (outer?.tag !== TAG.sequence) return undefined;
  let timeS: number | undefined;
  let timeoutS: number | undefined;
  for (let rest = outer.content; rest.length > 0;) {
    const value = readValue(rest);
    if (value === undefined) return undefined;
    if (value.tag === TAG.time) timeS = readInteger(value.content);
    if (value.tag === TAG.timeout) timeoutS = readInteger(value.content);
    rest = value.rest;
  }
  return timeS === undefined || timeoutS === undefined ? undefined : (timeS + timeoutS) * 1_000;
}

/** When a session that is stored now stops to be of use. */
export function usableUntilMs(session: Uint8Array, nowMs: number): number {
  return Math.floor(Math.min(sessionEndMs(session) ?? Infinity, nowMs + SESSION_AGE_MS_MAX));
}

/** Whether a stored session may still be used; one that says to outlive what may be is forged. */
export function isUsable(stored: StoredSession, nowMs: number): boolean {
  return nowMs < stored.usableUntilMs && stored.usableUntilMs <= nowMs + SESSION_AGE_MS_MAX;
}
