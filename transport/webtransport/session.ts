/** Why a session is over (W3C WebTransport, WebTransportCloseInfo). */
export interface CloseInfo {
  /** 0 to 2^32 - 1. */
  readonly closeCode: number;
  /** At most 1,024 bytes of UTF-8. */
  readonly reason: string;
}

/** Both directions of a stream; ending, aborting and cancelling them is independent. */
export interface BidirectionalStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

export interface Datagrams {
  /** Those that nobody reads are dropped, the oldest first. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Those that are too long, or that there is no room for, are dropped. */
  readonly writable: WritableStream<Uint8Array>;
  /** Bytes of the largest that can be sent now. */
  readonly maxDatagramSize: number;
}

/**
 * A session between a page and a node, or between two nodes: the shape of the `WebTransport` of
 * browsers (W3C WebTransport), whatever it runs over. Back-pressure is that of web streams: what is
 * not read stays with the peer, `writer.ready` waits while the peer does not read.
 *
 * The code of an aborted or cancelled stream is the `streamErrorCode` of the reason given, 0 when
 * it has none. What the peer aborts or cancels shows as `SessionError` (in browsers:
 * `WebTransportError`).
 */
export interface Session {
  /** Resolves when the session can be used, rejects when it cannot be opened. */
  readonly ready: Promise<unknown>;
  /** Resolves when a side closed the session, rejects when it was lost. */
  readonly closed: Promise<CloseInfo>;
  /**
   * Resolves when the peer asks to end the session soon; what runs may go on. Browsers that do not
   * have it leave it out.
   */
  readonly draining?: Promise<unknown>;
  readonly datagrams: Datagrams;
  readonly incomingBidirectionalStreams: ReadableStream<BidirectionalStream>;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;
  /**
   * Waits while the peer allows no more streams; Chromium rejects with `NetworkError` instead.
   * Rejects with `SessionError`.
   */
  createBidirectionalStream(): Promise<BidirectionalStream>;
  createUnidirectionalStream(): Promise<WritableStream<Uint8Array>>;
  /** Ends the session and its streams. Does nothing when it is over. */
  close(info?: Partial<CloseInfo>): void;
}
