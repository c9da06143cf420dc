import type { Connection } from './connection.js';
import type { QuicSettings } from './settings.js';

/**
 * Judgement on a peer's certificate. A refusal carries the code and reason that the peer is told.
 */
export type Verdict =
  | { readonly isAccepted: true }
  | { readonly isAccepted: false; readonly code: number; readonly reason: string };

/** Judges the certificate (DER; undefined when there is none) before any stream is read. */
export type Authenticate = (certificate: Uint8Array | undefined) => Verdict;

/** An inbound connection that came to nothing. */
export interface Refusal {
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly reason: string;
}

export interface EngineOptions {
  /** Where to listen: an address or a name of this machine. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** TLS application protocol (RFC 7301); both sides must name the same. */
  readonly protocol: string;
  /** PKCS #8 and X.509 in PEM; the key must be Ed25519. */
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  readonly settings?: Partial<QuicSettings>;
  /** For inbound connections. */
  readonly authenticate: Authenticate;
  /** An inbound connection is open and authenticated; call `setHandler` on it at once. */
  readonly onConnection: (connection: Connection) => void;
  /** An inbound connection was refused or failed before it was open. For logs. */
  readonly onRefusal?: (refusal: Refusal) => void;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly authenticate: Authenticate;
  /** Called as soon as the connection is open: `setHandler` must be called in here. */
  readonly onOpen: (connection: Connection) => void;
}

/**
 * One UDP port with any number of QUIC connections, in both directions.
 * An implementation is a function `(options: EngineOptions) => Promise<Engine>` that rejects with
 * `QuicError`: `unsupported-platform`, `bad-option`, `address-in-use`, `address-unavailable`.
 */
export interface Engine {
  readonly host: string;
  readonly port: number;
  /**
   * Rejects with `QuicError`: `timeout`, `cancelled`, `handshake-failed`, `unauthenticated`, ...
   */
  connect(options: ConnectOptions): Promise<Connection>;
  /** Ignores new inbound connections from now on. */
  stopAccepting(): void;
  /** Closes every connection with this code and reason, then the socket. */
  close(code: number, reason: string): Promise<void>;
}
