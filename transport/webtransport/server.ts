import { HTTP3_CODES } from '../http3/index.js';
import type { Connection, ConnectionHandler, Engine, QuicSettings } from '../quic/index.js';
import { acceptWebTransport, type AcceptOptions, type AcceptedConnection } from './accept.js';
import { CertificateRotation } from './certificate-rotation.js';
import { CERTIFICATE_CHECK_MS, CONNECTIONS_MAX, SESSIONLESS_MS_MAX } from './limits.js';

/** Hears nothing: for a connection that is about to be closed. */
const REFUSING: ConnectionHandler = {
  onStream: () => ({
    onData: () => undefined,
    onReset: () => undefined,
    onStopped: () => undefined,
    onDrained: () => undefined,
    onConnectionClosed: () => undefined,
  }),
  onStreamsAvailable: () => undefined,
};

export interface ServeOptions extends AcceptOptions {
  readonly settings?: Partial<QuicSettings>;
  /** Connections of pages; 512 when left out. */
  readonly connectionsMax?: number;
  /** A connection without a session is closed after so long; 60 s when left out. */
  readonly sessionlessMs?: number;
  /**
   * A certificate that browsers trust by its name. Left out: short-lived ones are made and rotated,
   * which pages name by `certificateHashes`.
   */
  readonly certificate?: { readonly privateKeyPem: string; readonly certificatePem: string };
  /** Other hashes are to be published from now on. */
  readonly onCertificateHashes?: (hashes: readonly Uint8Array[]) => void;
}

export interface ServedWebTransport {
  /**
   * SHA-256 of the certificate in use and of the next one, 32 bytes each, for
   * `serverCertificateHashes` of a page; empty when a certificate was given.
   */
  readonly certificateHashes: readonly Uint8Array[];
  /**
   * No new connections, sessions and requests from now on; pages are asked to end theirs. What is
   * open goes on until the engine is closed.
   */
  stop(): void;
}

/**
 * Takes sessions of WebTransport on the port of an engine, beside what it speaks already (ALPN
 * `h3`). Throws `QuicError` with code `bad-option`.
 */
export function serveWebTransport(engine: Engine, options: ServeOptions): ServedWebTransport {
  const rotation =
    options.certificate === undefined ? new CertificateRotation(Date.now()) : undefined;
  const certificate = options.certificate ?? rotation?.current;
  const connections = new PageConnections(options);
  const served = engine.serve({
    protocols: ['h3'],
    privateKeyPem: certificate?.privateKeyPem ?? '',
    certificatePem: certificate?.certificatePem ?? '',
    ...(options.settings === undefined ? {} : { settings: options.settings }),
    onConnection: (connection) => connections.accept(connection),
  });
  const timer = setInterval(() => {
    if (rotation?.advance(Date.now()) !== true) return;
    served.setCertificate(rotation.current.privateKeyPem, rotation.current.certificatePem);
    options.onCertificateHashes?.(rotation.hashes);
  }, CERTIFICATE_CHECK_MS);
  timer.unref();
  return {
    get certificateHashes() {
      return rotation?.hashes ?? [];
    },
    stop() {
      clearInterval(timer);
      served.stop();
      connections.drain();
    },
  };
}

/** The connections of pages: how many, and for how long without a session. */
class PageConnections {
  readonly #options: ServeOptions;
  readonly #open = new Set<AcceptedConnection>();

  constructor(options: ServeOptions) {
    this.#options = options;
  }

  accept(quic: Connection): void {
    if (this.#open.size >= (this.#options.connectionsMax ?? CONNECTIONS_MAX)) {
      quic.setHandler(REFUSING);
      void quic.close(HTTP3_CODES['excessive-load'], 'this node has enough connections of pages');
      return;
    }
    const accepted = acceptWebTransport(quic, this.#options);
    this.#open.add(accepted);
    const timer = setInterval(() => {
      if (accepted.sessionsCount === 0) void quic.close(HTTP3_CODES['no-error'], 'no session');
    }, this.#options.sessionlessMs ?? SESSIONLESS_MS_MAX);
    timer.unref();
    void quic.closed.then(() => {
      clearInterval(timer);
      this.#open.delete(accepted);
    });
  }

  drain(): void {
    for (const accepted of this.#open) accepted.drain();
  }
}
