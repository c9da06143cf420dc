export type SessionErrorCode =
  /** The peer gave up sending a stream; `streamErrorCode` is its code. */
  | 'stream-reset'
  /** The peer does not want what a stream sends; `streamErrorCode` is its code. */
  | 'stream-stopped'
  /** The session is over. */
  | 'session-closed'
  /** The session could not be opened. */
  | 'refused'
  /** The peer broke the protocol of sessions. */
  | 'protocol'
  /** A limit of `limits.ts` is reached. */
  | 'limit'
  /** An argument cannot be used. */
  | 'bad-argument';

/**
 * What went wrong with a session or one of its streams. Has the members of the `WebTransportError`
 * of browsers, so that a page can treat both alike.
 */
export class SessionError extends Error {
  override readonly name = 'WebTransportError';
  readonly code: SessionErrorCode;
  readonly source: 'stream' | 'session';
  /** 0 to 2^32 - 1; null when the peer gave none. */
  readonly streamErrorCode: number | null;

  constructor(code: SessionErrorCode, message: string, streamErrorCode: number | null = null) {
    super(message);
    this.code = code;
    this.source = code === 'stream-reset' || code === 'stream-stopped' ? 'stream' : 'session';
    this.streamErrorCode = streamErrorCode;
  }
}
