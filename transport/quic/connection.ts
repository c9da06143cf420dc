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

/** Where to move to; a port of 0 means any free one. */
export interface LocalAddress {
  readonly host: string;
  readonly port: number;
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
  /**
   * An unreliable datagram (RFC 9221), whole. `bytes` is only valid during the call. Those that come
   * before the handshake is over (0-RTT) are dropped.
   */
  onDatagram?(bytes: Uint8Array): void;
  /** The peer is reached at another address from now on, `remoteHost` and `remotePort` say which. */
  onPathChanged?(): void;
}

/** What a connection knows of its active path, for metrics. */
export interface ConnectionStats {
  /** Smoothed round-trip time. Milliseconds; engines may round to whole ones. */
  readonly rttMs: number;
  readonly congestionWindowBytes: number;
  /** Largest UDP payload that is sent now; path MTU discovery may make it grow. */
  readonly packetBytes: number;
  readonly sentPackets: number;
  readonly receivedPackets: number;
  /** Packets declared lost by loss recovery (RFC 9002). */
  readonly lostPackets: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/**
 * One QUIC connection. Its handshake is over and its peer has been authenticated, unless `isEarly`.
 */
export interface Connection {
  /** True when the peer opened it. */
  readonly isServer: boolean;
  readonly remoteHost: string;
  readonly remotePort: number;
  /** The application protocol that both sides named (RFC 7301). Empty while `isEarly`. */
  readonly protocol: string;
  /**
   * The peer's certificate in DER; TLS has proven that the peer holds its key. Empty while
   * `isEarly`, and for peers of an application that asks none.
   */
  readonly peerCertificate: Uint8Array;
  readonly isOpen: boolean;
  /**
   * Dialling side only: true from `onOpen` until the handshake is over, when the connection resumes
   * an earlier one and what is written travels in the first flight (0-RTT, RFC 9001 4.6). The peer
   * has not proven itself yet; only it can read what is written, but whoever has recorded it can
   * send it to the peer again: write only what may be done twice.
   */
  readonly isEarly: boolean;
  /** True when the handshake resumed an earlier connection. */
  readonly isResumed: boolean;
  /** Resolves once, when the handshake is over and the peer authenticated; rejects never. */
  readonly established: Promise<void>;
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
  /** Largest datagram that can be sent now, 0 when the peer takes none. It may grow and shrink. */
  readonly datagramBytesMax: number;
  /**
   * Sends an unreliable datagram (RFC 9221). Returns false when it was dropped here: it is longer
   * than `datagramBytesMax`, the queue is full, or the connection is not open. `bytes` is copied.
   */
  sendDatagram(bytes: Uint8Array): boolean;
  stats(): ConnectionStats;
  /**
   * Dialling side only: moves the connection to another local address (RFC 9000 9), once the new
   * path has been validated. Streams go on. Rejects with `QuicError`: `address-unavailable`,
   * `migration-failed` (the old path stays in use), `closed`.
   */
  migrate(local: LocalAddress): Promise<void>;
  /**
   * Delivers what has been written, to streams that have ended and to others (for a bounded time),
   * then tells the peer `code` and `reason`, and resolves when that has been sent. Streams that are
   * still open then are lost. `code` is an integer from 0 to `ERROR_CODE_MAX`, which is asserted;
   * of `reason` at most `CLOSE_REASON_BYTES_MAX` bytes of UTF-8 are told, cut at a whole character.
   * Of several calls the first counts; all resolve with its outcome.
   */
  close(code: number, reason: string): Promise<ConnectionCloseInfo>;
}
