/**
 * Calls between peers: one bidirectional QUIC stream a call, one unidirectional stream a notification.
 * The connection is mutually authenticated before any handler runs: `peerId` is proven, not claimed.
 */
import type { ConnectionStats, LocalAddress } from '../quic/connection.js';
import type { Metadata } from './metadata.js';

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
  /** It cannot be understood, sent or used: a mistake of whoever made it, also here (`bad-option`). */
  | 'malformed'
  /** The handler refused for a reason of its own: see `reason` and `details`. */
  | 'refused'
  /**
   * The call came in 0-RTT and may not be run twice. It is sent again after the handshake without the
   * caller's doing (like 425 of HTTP, RFC 8470); who sees this has a peer that refused it again.
   */
  | 'too-early'
  | 'internal';

export interface RpcErrorOptions {
  /**
   * Machine-readable: why a call was `refused`, for example `not-leader`, or which limit was reached
   * (see `Reason`).
   */
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

/** Whether the peer has no such method: it runs a release of before. */
export function isUnknownMethod(error: unknown): error is RpcError {
  return error instanceof RpcError && error.code === 'unknown-method';
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
  /** Travels with the call (version 2 of the wire; left out on a connection of version 1). */
  readonly metadata?: Metadata;
  /**
   * The peer answers calls of this peer with the same key and payload with one answer, for as long
   * as it remembers it: such a call may be sent again. Unary calls only; at most 128 characters.
   */
  readonly idempotencyKey?: string;
  /** The call may be run more than once: it may be retried, and ride in 0-RTT. */
  readonly idempotent?: boolean;
  /** Which stream is sent first, both ways (RFC 9218): 0, the first, to 7. 3 when left out. */
  readonly urgency?: number;
  /** Told the metadata that came with the end of the answer; not called when there is none. */
  readonly onTrailer?: (metadata: Metadata) => void;
}

/** Messages to send, taken one by one as the peer makes room. */
export type MessageSource = AsyncIterable<unknown> | Iterable<unknown>;

/** The four kinds of calls. */
export type CallKind = 'unary' | 'server-stream' | 'client-stream' | 'duplex';

/**
 * What calls can be made of: a connection, or a pool of them. Each call starts at once; whoever stops
 * iterating over an answer (`break`) cancels it. Streaming calls need version 2 of the wire and fail
 * with `unavailable` (reason `version`) on a connection of version 1.
 */
export interface Caller {
  /** One message each way. */
  call(method: string, payload: unknown, options: CallOptions): Promise<unknown>;
  /** One message there, any number back. */
  serverStream(
    method: string,
    payload: unknown,
    options: CallOptions,
  ): AsyncIterableIterator<unknown>;
  /** Any number of messages there, one back. */
  clientStream(method: string, messages: MessageSource, options: CallOptions): Promise<unknown>;
  /** Any number of messages both ways, independent of one another. */
  duplex(
    method: string,
    messages: MessageSource,
    options: CallOptions,
  ): AsyncIterableIterator<unknown>;
}

export interface CloseInfo {
  readonly code: number;
  readonly reason: string;
  /** True when this side asked for it, false when the peer did or the path went silent. */
  readonly local: boolean;
}

export interface NotifyOptions {
  readonly inOrder?: boolean;
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
   *
   * Messages take turns on the way, so that a short one overtakes a long one. Those that are
   * `inOrder` leave one after another, behind all others; what is lost on the way still comes late.
   */
  notify(method: string, payload: unknown, options?: NotifyOptions): boolean;
  close(code?: number, reason?: string): Promise<void>;
}

/** What a connection knows of itself. */
export interface PeerConnectionStats extends ConnectionStats {
  /** Calls made here that are not over, those that wait for a stream included. */
  readonly callsOpen: number;
  /** Of them, those that wait. */
  readonly callsWaiting: number;
  /** Handlers that run for the peer here. */
  readonly handlersRunning: number;
}

/** A connection of `listenRpc`. */
export interface PeerConnection extends RpcConnection, Caller {
  /** Version of the wire: what both sides named in the TLS handshake. 2 while `isEarly`. */
  readonly version: 1 | 2;
  /** True until the peer has proven itself and let this side in (0-RTT only). */
  readonly isEarly: boolean;
  /** Resolves when the peer has let this side in; rejects as `connect` would have. */
  readonly admitted: Promise<void>;
  /** Largest datagram that can be sent now, in bytes; 0: none. */
  readonly datagramBytesMax: number;
  /** An unreliable datagram (RFC 9221). False when it was dropped here. `bytes` is copied. */
  sendDatagram(bytes: Uint8Array): boolean;
  stats(): PeerConnectionStats;
  /** Moves the connection to another local address; see `Connection.migrate`. */
  migrate(local: LocalAddress): Promise<void>;
}

export interface CallContext {
  readonly connection: PeerConnection;
  /** Aborted when the caller cancels, its deadline passes, or the connection is lost. */
  readonly signal: AbortSignal;
  /** Milliseconds left when the call arrived. */
  readonly timeoutMs: number;
  /** Milliseconds left now, at least 0: what to give to the calls that this one makes. */
  readonly remainingMs: number;
  readonly metadata: Metadata;
  readonly idempotencyKey: string | undefined;
  /** Travels with the end of the answer. Throws `RpcError` `malformed` when it is beyond bounds. */
  setTrailer(metadata: Metadata): void;
}

export type Handler = (payload: unknown, context: CallContext) => Promise<unknown> | unknown;
/** By method name; used for calls and for notifications (whose result is dropped). */
export type Handlers = Readonly<Record<string, Handler>>;

/** Answers of any number of messages; when the caller is gone, `return` of the iterator is called. */
export type ServerStreamHandler = (payload: unknown, context: CallContext) => MessageSource;
/** Takes any number of messages; who stops iterating over them drops the rest. */
export type ClientStreamHandler = (
  messages: AsyncIterableIterator<unknown>,
  context: CallContext,
) => Promise<unknown> | unknown;
export type DuplexHandler = (
  messages: AsyncIterableIterator<unknown>,
  context: CallContext,
) => MessageSource;

/** A method of any kind. */
export type Method = (
  | { readonly kind: 'unary'; readonly handler: Handler }
  | { readonly kind: 'server-stream'; readonly handler: ServerStreamHandler }
  | { readonly kind: 'client-stream'; readonly handler: ClientStreamHandler }
  | { readonly kind: 'duplex'; readonly handler: DuplexHandler }
) & {
  /** Calls may be run more than once, so that they may come in 0-RTT. */
  readonly isIdempotent?: boolean;
};

/** By method name. */
export type Methods = Readonly<Record<string, Method>>;

export interface DialOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /**
   * With a session of an earlier connection to the peer: resolve at once; calls that are marked
   * `idempotent` go out in the first flight (0-RTT), all others wait until the peer has proven
   * itself and let us in.
   */
  readonly earlyData?: boolean;
}

/** What `listenRpc` opens. */
export interface PeerEndpoint extends RpcEndpoint {
  connect(address: PeerAddress, options: DialOptions): Promise<PeerConnection>;
  connections(): Iterable<PeerConnection>;
}

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
