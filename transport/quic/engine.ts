import type { Connection } from './connection.js';
import type { QuicSettings } from './settings.js';

/**
 * Judgement on a peer's certificate. A refusal carries the code and reason that the peer is told.
 */
export type Verdict =
  | { readonly isAccepted: true }
  | { readonly isAccepted: false; readonly code: number; readonly reason: string };

/**
 * Judges the certificate (DER; undefined when there is none) before any stream is read.
 * `furtherCount` certificates came with it, in a chain.
 */
export type Authenticate = (certificate: Uint8Array | undefined, furtherCount?: number) => Verdict;

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
  /**
   * When the host is `::`: takes no IPv4 (RFC 3493 5.3), so that another engine can have the same
   * port there. IPv4 comes through the same socket when left out.
   */
  readonly isIpv6Only?: boolean;
  /**
   * Application protocols (RFC 7301), the one that is liked best first; of those that both sides name
   * the one that the dialling side likes best counts.
   */
  readonly protocols: readonly string[];
  /** PKCS #8 and X.509 in PEM. */
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  /**
   * Signatures by which a peer may prove to hold its key, as TLS names them. Only Ed25519 when left
   * out.
   */
  readonly signatureAlgorithms?: readonly SignatureAlgorithm[];
  readonly settings?: Partial<QuicSettings>;
  /** Session tickets and 0-RTT for inbound connections; without it nobody can resume. */
  readonly tickets?: TicketOptions;
  /** For inbound connections. */
  readonly authenticate: Authenticate;
  /** An inbound connection is open and authenticated; call `setHandler` on it at once. */
  readonly onConnection: (connection: Connection) => void;
  /** An inbound connection was refused or failed before it was open. For logs. */
  readonly onRefusal?: (refusal: Refusal) => void;
}

export type SignatureAlgorithm = 'ed25519' | 'ecdsa_secp256r1_sha256' | 'rsa_pss_rsae_sha256';

export interface TicketOptions {
  /**
   * 48 secret bytes each; tickets are made with the first and taken from all. Asked for each inbound
   * connection, so that keys can be rotated. Whoever holds them can pose as this peer to those who
   * resume: share them only among processes of one identity.
   */
  readonly keys: () => readonly Uint8Array[];
  /**
   * When the keys were first used by anybody, in milliseconds since the epoch: until a replay of
   * what an earlier process answered has become too old, early data is refused.
   */
  readonly keysUsedSince?: number;
}

/**
 * Another application on the same port, told apart by its protocol: browsers, for example. Its peers
 * show no certificate.
 */
export interface Application {
  readonly protocols: readonly string[];
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  readonly settings?: Partial<QuicSettings>;
  /** Call `setHandler` on it at once. */
  readonly onConnection: (connection: Connection) => void;
}

export interface ServedApplication {
  /** Another certificate for connections from now on. */
  setCertificate(privateKeyPem: string, certificatePem: string): void;
  /** No new connections from now on. */
  stop(): void;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly authenticate: Authenticate;
  /** Called as soon as the connection can be used: `setHandler` must be called in here. */
  readonly onOpen: (connection: Connection) => void;
  /**
   * The session of an earlier connection to this peer. If the peer takes it, the handshake is
   * shorter, and with `isEarly` the connection can be used before it is over. A session that the
   * peer does not take, or that cannot be read, costs nothing.
   */
  readonly session?: Uint8Array;
  /** Use the connection before its handshake is over (0-RTT), when `session` allows it. */
  readonly isEarly?: boolean;
  /**
   * A session with which to connect to this peer next time, to be used once. Secret: it can be used
   * to pose as this side.
   */
  readonly onSession?: (session: Uint8Array) => void;
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
   * Resolves when the handshake is over and the peer authenticated.
   * Rejects with `QuicError`: `timeout`, `cancelled`, `handshake-failed`, `unauthenticated`, ...
   */
  connect(options: ConnectOptions): Promise<Connection>;
  /**
   * Takes connections for another application too. Throws `QuicError` with code `bad-option`: a key,
   * a certificate or a setting that cannot be used, or a protocol that is served here already.
   */
  serve(application: Application): ServedApplication;
  /** Ignores new inbound connections from now on. */
  stopAccepting(): void;
  /** Closes every connection with this code and reason, then the socket. */
  close(code: number, reason: string): Promise<void>;
}
