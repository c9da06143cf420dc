import type { Stream, StreamHandler } from './stream.js';

/** Why a connection is over. */
export interface ConnectionCloseInfo {
  /**
   * `idle`: the path went silent. `transport`: QUIC or TLS failed. `application`: somebody called
   * `close`.
   */
  readonly kind: 'application' | 'transport' | 'idle';
  readonly code: number;
  readonly reason: string;
  /** True when this side decided it. */
  readonly local: boolean;
}

/**
 * What a user of a connection is told. No method may throw; if one does, the connection is closed.
 */
export interface ConnectionHandler {
  /** The peer opened a stream; returns who handles it. */
  onStream(stream: Stream): StreamHandler;
  /**
   * After `openBidirectional` or `openUnidirectional` found the peer's limit reached: try again
   * now.
   */
  onStreamsAvailable(): void;
}

/** One QUIC connection whose handshake is over and whose peer has been authenticated. */
export interface Connection {
  /** True when the peer opened it. */
  readonly isServer: boolean;
  readonly remoteHost: string;
  readonly remotePort: number;
  /** The peer's certificate in DER; TLS has proven that the peer holds its key. */
  readonly peerCertificate: Uint8Array;
  readonly isOpen: boolean;
  /** Resolves once, when the connection is over; never rejects. */
  readonly closed: Promise<ConnectionCloseInfo>;
  /** Streams opened so far, by both sides. */
  readonly streamsCount: number;
  /**
   * True when the engine asks for a fresh connection because this one has served long enough. It
   * goes on working; whoever opened it should replace it when that costs nothing.
   */
  readonly isWorn: boolean;
  /** Bytes that wait in the queues of all streams. */
  readonly queuedBytes: number;

  /** Must be called once, before control returns to the event loop. */
  setHandler(handler: ConnectionHandler): void;
  /** A new stream, or undefined when the peer's limit is reached or the connection is closed. */
  openBidirectional(handler: StreamHandler): Stream | undefined;
  openUnidirectional(handler: StreamHandler): Stream | undefined;
  /**
   * Delivers what has been written (for a bounded time), then tells the peer `code` and `reason`,
   * and resolves when that has been sent. Streams that are still open then are lost.
   */
  close(code: number, reason: string): Promise<ConnectionCloseInfo>;
}
