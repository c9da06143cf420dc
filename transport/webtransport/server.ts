import type { Engine, QuicSettings } from '../quic/index.js';
import { acceptWebTransport, type AcceptOptions } from './accept.js';
import { CertificateRotation } from './certificate-rotation.js';
import { CERTIFICATE_CHECK_MS } from './limits.js';

export interface ServeOptions extends AcceptOptions {
  readonly settings?: Partial<QuicSettings>;
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
  /** No new connections from now on. */
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
  const served = engine.serve({
    protocols: ['h3'],
    privateKeyPem: certificate?.privateKeyPem ?? '',
    certificatePem: certificate?.certificatePem ?? '',
    ...(options.settings === undefined ? {} : { settings: options.settings }),
    onConnection: (connection) => acceptWebTransport(connection, options),
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
    },
  };
}
