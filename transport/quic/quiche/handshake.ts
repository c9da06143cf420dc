import type { Authenticate } from '../engine.js';
import type { NativeConnection } from './native.js';

/** What became of a handshake since one looked. */
export type Progress =
  | { readonly kind: 'none' }
  /** The peer is, by its session, who it was; what it sends now may be a replay. */
  | { readonly kind: 'early' }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string };

interface HandshakeOptions {
  readonly isServer: boolean;
  readonly authenticate: Authenticate | undefined;
  readonly onSession?: ((session: Uint8Array) => void) | undefined;
}

/** The handshake of one connection, and what is known of the peer by it. */
export class Handshake {
  readonly #native: NativeConnection;
  readonly #isServer: boolean;
  /** Undefined when the peer shows no certificate. */
  readonly #authenticate: Authenticate | undefined;
  #onSession: ((session: Uint8Array) => void) | undefined;
  isDone = false;
  isEarly = false;
  /** DER; empty until the peer has proven to hold its key. */
  certificate: Uint8Array = new Uint8Array();
  protocol = '';
  isResumed = false;

  constructor(native: NativeConnection, options: HandshakeOptions) {
    this.#native = native;
    this.#isServer = options.isServer;
    this.#authenticate = options.authenticate;
    this.#onSession = options.onSession;
  }

  /** Looks how far it is; packets have come. */
  advance(): Progress {
    if (this.isDone) return { kind: 'none' };
    if (this.#native.isEstablished()) return this.#complete();
    return this.#isServer && !this.isEarly ? this.beginEarly() : { kind: 'none' };
  }

  /** Looks whether early data may be sent, or has come. */
  beginEarly(): Progress {
    if (!this.#native.isInEarlyData()) return { kind: 'none' };
    const [certificate, ...further] = this.#shown();
    // The certificate is that of the earlier connection: who has the ticket's key is who had it then.
    // If it is refused, the end of the handshake says why.
    const isAccepted = this.#authenticate?.(certificate, further.length).isAccepted === true;
    if (!isAccepted || certificate === undefined) return { kind: 'none' };
    if (this.#isServer) {
      this.certificate = certificate;
      this.#readParameters();
    }
    this.isEarly = true;
    return { kind: 'early' };
  }

  /** Hands over a session for the next connection to this peer, once there is one. */
  offerSession(): void {
    const onSession = this.#onSession;
    if (onSession === undefined || !this.isDone) return;
    const session = this.#native.session();
    if (session === null) return;
    this.#onSession = undefined;
    onSession(session);
  }

  #complete(): Progress {
    const [certificate, ...further] = this.#shown();
    const verdict = this.#authenticate?.(certificate, further.length);
    if (verdict?.isAccepted === false) {
      return { kind: 'refused', code: verdict.code, reason: verdict.reason };
    }
    if (verdict !== undefined && certificate === undefined) {
      return { kind: 'refused', code: 0, reason: 'no certificate' };
    }
    this.isDone = true;
    this.isEarly = false;
    this.certificate = certificate ?? new Uint8Array();
    this.#readParameters();
    return { kind: 'done' };
  }

  #readParameters(): void {
    this.protocol = Buffer.from(this.#native.applicationProto()).toString('latin1');
    this.isResumed = this.#native.isResumed();
  }

  #shown(): readonly Uint8Array[] {
    return this.#native.peerCertChain() ?? [];
  }
}
