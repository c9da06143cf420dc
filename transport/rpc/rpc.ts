/**
 * Calls between peers: one bidirectional QUIC stream a call, one unidirectional stream a notification.
 * The connection is mutually authenticated before any handler runs: `peerId` is proven, not claimed.
 */

export type RpcErrorCode =
  /** The peer cannot be reached, or the connection was lost before the answer; try another peer. */
  | 'unavailable'
  /** The deadline passed; the call may or may not have had its effect. */
  | 'deadline-exceeded'
  | 'cancelled'
  /** The peer is not who it must be, or does not know us. */
  | 'unauthenticated'
  | 'permission-denied'
  | 'unknown-method'
  /** A limit (streams, bytes, queue) is reached; try again later. */
  | 'overloaded'
  | 'malformed'
  /** The handler refused for a reason of its own: see `reason` and `details`. */
  | 'refused'
  | 'internal';

export interface RpcErrorOptions {
  /** Machine-readable reason of a `refused` call, for example `not-leader`. */
  readonly reason?: string;
  readonly details?: unknown;
  readonly cause?: unknown;
}

/** A failed call. Travels over the wire with its code, message, reason and details. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: RpcErrorCode;
  readonly reason: string | undefined;
  readonly details: unknown;

  constructor(code: RpcErrorCode, message: string, options: RpcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = options.reason;
    this.details = options.details;
  }
}

/** Where a peer listens, and who must answer there. Written `HOST:PORT#PEERID`. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
  readonly peerId: string;
}

export interface CallOptions {
  /** Milliseconds from now; travels with the call, so that the handler can stop too. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface CloseInfo {
  readonly code: number;
  readonly reason: string;
  /** True when this side asked for it, false when the peer did or the path went silent. */
  readonly local: boolean;
}

export interface RpcConnection {
  /** Proven by the TLS handshake. */
  readonly peerId: string;
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly isOpen: boolean;
  /** Resolves once, when the connection is over; never rejects. */
  readonly closed: Promise<CloseInfo>;
  /** Calls `method`; payloads are msgpack values (objects, arrays, strings, numbers, Uint8Array). */
  call(method: string, payload: unknown, options: CallOptions): Promise<unknown>;
  /**
   * Sends a message without an answer, at most once. Returns false when it was not sent because the
   * connection is closed or a limit is reached; true is no promise of delivery.
   */
  notify(method: string, payload: unknown): boolean;
  close(code?: number, reason?: string): Promise<void>;
}

export interface CallContext {
  readonly connection: RpcConnection;
  /** Aborted when the caller cancels, its deadline passes, or the connection is lost. */
  readonly signal: AbortSignal;
  /** Milliseconds left when the call arrived. */
  readonly timeoutMs: number;
}

export type Handler = (payload: unknown, context: CallContext) => Promise<unknown> | unknown;
/** By method name; used for calls and for notifications (whose result is dropped). */
export type Handlers = Readonly<Record<string, Handler>>;

export interface RpcEndpoint {
  readonly peerId: string;
  readonly host: string;
  readonly port: number;
  /** Opens a connection and proves that the peer is `address.peerId`, or fails with a clear error. */
  connect(address: PeerAddress, options: CallOptions): Promise<RpcConnection>;
  /** Every open connection, in both directions. */
  connections(): Iterable<RpcConnection>;
  /** Stops accepting, lets running handlers finish for up to `graceMs`, closes all, frees the port. */
  close(graceMs?: number): Promise<void>;
}
