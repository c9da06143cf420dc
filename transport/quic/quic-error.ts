export type QuicErrorCode =
  /** There is no engine for this platform. */
  | 'unsupported-platform'
  /** Host, port, key or another option cannot be used. */
  | 'bad-option'
  | 'address-in-use'
  | 'address-unavailable'
  /** The host name has no address of the family of the socket. */
  | 'host-not-found'
  /** Nobody answered in time. */
  | 'timeout'
  | 'cancelled'
  /** TLS failed: no certificate, another protocol, another signature. */
  | 'handshake-failed'
  /** The peer's certificate was refused by this side. */
  | 'unauthenticated'
  /** The new path of a migration could not be validated, or the peer does not allow it. */
  | 'migration-failed'
  /** The connection or the engine is closed. */
  | 'closed'
  /** A limit of `limits.ts` is reached. */
  | 'limit'
  /** The native engine threw; only the connection concerned is lost. */
  | 'engine';

/** What went wrong below the calls: sockets, handshakes, limits. */
export class QuicError extends Error {
  override readonly name = 'QuicError';
  readonly code: QuicErrorCode;

  constructor(code: QuicErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
