/**
 * Codes of streams as they travel in HTTP/3 (draft-ietf-webtrans-http3 4.4): 2^32 codes of an
 * application, spread over a range that leaves out the reserved codes of RFC 9114 8.1.
 */
const FIRST = 0x52e4a40fa8db;
const LAST = 0x52e5ac983162;
const BETWEEN_RESERVED = 0x1e;

/** WEBTRANSPORT_BUFFERED_STREAM_REJECTED: no room for a stream whose session is not there yet. */
export const STREAM_REJECTED_CODE = 0x3994bd84;
/** WEBTRANSPORT_SESSION_GONE: the session of a stream is over. */
export const SESSION_GONE_CODE = 0x170d7b68;

/** The code in HTTP/3 for one of an application (32 bits). */
export function toHttp3Code(code: number): number {
  return FIRST + code + Math.floor(code / BETWEEN_RESERVED);
}

/** The code of the application; 0 for codes of HTTP/3, which belong to no application. */
export function fromHttp3Code(code: number): number {
  if (code < FIRST || code > LAST || (code - 0x21) % 0x1f === 0) return 0;
  const shifted = code - FIRST;
  return shifted - Math.floor(shifted / (BETWEEN_RESERVED + 1));
}
