/** Error codes that travel (RFC 9114 8.1, RFC 9204 6, RFC 9297 5.2). */
export const HTTP3_CODES = {
  'datagram-error': 0x33,
  'no-error': 0x100,
  'general-protocol-error': 0x101,
  'internal-error': 0x102,
  'stream-creation-error': 0x103,
  'closed-critical-stream': 0x104,
  'frame-unexpected': 0x105,
  'frame-error': 0x106,
  'excessive-load': 0x107,
  'id-error': 0x108,
  'settings-error': 0x109,
  'missing-settings': 0x10a,
  'request-rejected': 0x10b,
  'request-cancelled': 0x10c,
  'request-incomplete': 0x10d,
  'message-error': 0x10e,
  'connect-error': 0x10f,
  'version-fallback': 0x110,
  'qpack-decompression-failed': 0x200,
  'qpack-encoder-stream-error': 0x201,
  'qpack-decoder-stream-error': 0x202,
} as const;

export type Http3ErrorCode = keyof typeof HTTP3_CODES;

/** What a peer did against RFC 9114, 9204 or 9297, or what became of a request. */
export class Http3Error extends Error {
  override readonly name = 'Http3Error';
  readonly code: Http3ErrorCode;

  constructor(code: Http3ErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  /** The code as a peer is told it. */
  get wireCode(): number {
    return HTTP3_CODES[this.code];
  }
}
