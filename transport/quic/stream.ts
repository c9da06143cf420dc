import type { ConnectionCloseInfo } from './connection.js';

/**
 * What a user of a stream is told, one thing after another: no method is called from inside another,
 * nor before the call that causes it (`write`, `reset`, `resume`, `close`, ...) has returned. No
 * method may throw; if one does, the stream is reset.
 */
export interface StreamHandler {
  /**
   * Bytes in order. `bytes` is only valid during the call: copy what must stay. `isFinal` says that
   * nothing follows; `bytes` may then be empty.
   */
  onData(bytes: Uint8Array, isFinal: boolean): void;
  /** The peer gave up sending, with its code (RESET_STREAM). No more data follows. */
  onReset(code: number): void;
  /**
   * The peer does not want what we send, with its code (STOP_SENDING). Writes are dropped from here
   * on.
   */
  onStopped(code: number): void;
  /**
   * After a `write` that returned false: what was queued has been handed to the engine, `write` may
   * go on. Not called when the queue was dropped (`reset`, `cut`, stopped by the peer).
   */
  onDrained(): void;
  /** The connection is over; nothing else is called after this. */
  onConnectionClosed(info: ConnectionCloseInfo): void;
}

/** One QUIC stream (RFC 9000 2). */
export interface Stream {
  readonly id: number;
  readonly isUnidirectional: boolean;
  /** True when this side opened it. */
  readonly isLocal: boolean;
  /**
   * The peer opened it in its first flight (0-RTT): what it carries may be a replay of something
   * that somebody recorded. A stream of a peer whose handshake is over is never early.
   */
  readonly isEarly: boolean;
  /** Bytes written that the engine has not taken yet, because the peer or the network is slow. */
  readonly queuedBytes: number;

  /**
   * Sends bytes after those written before; `isFinal` ends this side. Returns false when some had
   * to be queued: wait for `onDrained`, and do not change `bytes` until then. Dropped without an
   * error after `reset` and `cut`, after the peer stopped the stream and after the connection closed. Throws
   * `QuicError` with code `limit` when the queue would pass its bound.
   */
  write(bytes: Uint8Array, isFinal?: boolean): boolean;
  /**
   * Gives up sending: what was not sent is dropped, the peer is told `code` (RESET_STREAM). Nothing
   * happens once the engine has taken the final bytes.
   */
  reset(code: number): void;
  /**
   * Ends this side now: what is queued here is dropped, what the engine has taken is still sent.
   * The peer sees an ordinary end, so that this is only for protocols that know when something is
   * missing.
   */
  cut(): void;
  /**
   * Gives up receiving: nothing more is handed over. On a stream that we opened the peer is told
   * `code` (STOP_SENDING); on a stream of the peer what still comes is read and dropped.
   */
  stop(code: number): void;
  /**
   * Which of the streams of a connection is sent first (RFC 9218): `urgency` from 0, the first, to
   * 7; among equals those that are incremental take turns, the others go one after another. 3 and
   * incremental until it is set.
   */
  setPriority(urgency: number, isIncremental: boolean): void;
  /** Back-pressure: hands over no data until `resume`, so that the flow-control window fills up. */
  pause(): void;
  resume(): void;
}
