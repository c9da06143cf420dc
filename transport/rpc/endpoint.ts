import { strict as assert } from 'node:assert';
import { peerIdFromAcceptedCertificate, peerIdFromCertificate } from '../identity/certificate.js';
import type { Identity } from '../identity/identity.js';
import { formatHostPort } from '../identity/peer-address.js';
import type { Connection, ConnectionCloseInfo } from '../quic/connection.js';
import type { Engine, EngineOptions, Refusal, Verdict } from '../quic/engine.js';
import { QuicError } from '../quic/quic-error.js';
import { openQuicheEngine } from '../quic/quiche/quiche-engine.js';
import type { QuicSettings } from '../quic/settings.js';
import { CLOSE_CODE } from './codes.js';
import { CLOSE_GRACE_MS_DEFAULT, TIMEOUT_MS_MAX } from './limits.js';
import {
  RpcError,
  type CallOptions,
  type Handler,
  type Handlers,
  type PeerAddress,
  type RpcConnection,
  type RpcEndpoint,
  type RpcErrorCode,
} from './rpc.js';
import { Session, type SessionOwner } from './session.js';
import { PROTOCOL, RESERVED_PREFIX } from './wire.js';

export interface ListenOptions {
  readonly identity: Identity;
  /** An address or a name of this machine; where callers are found, too. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly handlers: Handlers;
  /**
   * Whether an inbound peer, whose id is proven, is let in: true, or false, or the reason why not
   * (the peer is told). Everybody is let in when this is left out. Called before any handler.
   */
  readonly authorize?: (peerId: string) => boolean | string;
  readonly settings?: Partial<QuicSettings>;
  /** An inbound peer has been let in. */
  readonly onConnection?: (connection: RpcConnection) => void;
  /** An inbound connection came to nothing. For logs. */
  readonly onRefusal?: (refusal: Refusal) => void;
  /** A handler threw what is not an `RpcError`; the caller was only told `internal`. For logs. */
  readonly onHandlerError?: (method: string, peerId: string, error: unknown) => void;
  /** Another engine than quiche. */
  readonly openEngine?: (options: EngineOptions) => Promise<Engine>;
}

/**
 * Opens an endpoint: listens on a UDP port, and connects from it.
 * Rejects with `RpcError` code `unavailable` (reason `address-in-use`, `address-unavailable`,
 * `unsupported-platform`, ...) whose message says what to do.
 */
export async function listenRpc(options: ListenOptions): Promise<RpcEndpoint> {
  for (const method of Object.keys(options.handlers)) {
    assert(!method.startsWith(RESERVED_PREFIX), `methods must not begin with ${RESERVED_PREFIX}`);
  }
  const endpoint = new Endpoint(options);
  try {
    await endpoint.open();
  } catch (error) {
    throw error instanceof QuicError ? fromQuicError(error) : error;
  }
  return endpoint;
}

class Endpoint implements RpcEndpoint, SessionOwner {
  readonly peerId: string;
  readonly handlers: ReadonlyMap<string, Handler>;
  isClosing = false;

  readonly #options: ListenOptions;
  readonly #sessions = new Set<Session>();
  #engine: Engine | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: ListenOptions) {
    this.#options = options;
    this.peerId = options.identity.peerId;
    this.handlers = new Map(Object.entries(options.handlers));
  }

  get host(): string {
    return this.#openEngine.host;
  }

  get port(): number {
    return this.#openEngine.port;
  }

  async open(): Promise<void> {
    const { identity, host, port, settings, onRefusal } = this.#options;
    const openEngine = this.#options.openEngine ?? openQuicheEngine;
    this.#engine = await openEngine({
      host,
      port,
      protocols: [PROTOCOL],
      privateKeyPem: identity.privateKeyPem,
      certificatePem: identity.certificatePem,
      ...(settings === undefined ? {} : { settings }),
      ...(onRefusal === undefined ? {} : { onRefusal }),
      authenticate: (certificate) => this.#judgeInbound(certificate),
      onConnection: (connection) => this.#onInbound(connection),
    });
  }

  async connect(address: PeerAddress, options: CallOptions): Promise<RpcConnection> {
    assert(
      options.timeoutMs > 0 && options.timeoutMs <= TIMEOUT_MS_MAX,
      `the timeout of connect must be more than 0 and at most ${TIMEOUT_MS_MAX} ms`,
    );
    if (this.isClosing) throw new RpcError('unavailable', 'this endpoint is closed');
    const startedAt = performance.now();
    let session: Session | undefined;
    try {
      await this.#openEngine.connect({
        host: address.host,
        port: address.port,
        timeoutMs: options.timeoutMs,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        authenticate: (certificate) => judgeOutbound(certificate, address),
        onOpen: (connection) => {
          session = new Session(this, connection, address.peerId);
        },
      });
    } catch (error) {
      if (error instanceof QuicError) throw fromQuicError(error);
      const { signal } = options;
      if (signal?.aborted === true) throw cancelled(address, signal);
      throw error;
    }
    assert(session !== undefined, 'onOpen is called before connect resolves');
    const leftMs = options.timeoutMs - (performance.now() - startedAt);
    await awaitWelcome(session, address, { ...options, timeoutMs: Math.max(leftMs, 1) });
    this.#admit(session);
    return session;
  }

  connections(): Iterable<RpcConnection> {
    return [...this.#sessions];
  }

  onHandlerError(method: string, peerId: string, error: unknown): void {
    this.#options.onHandlerError?.(method, peerId, error);
  }

  close(graceMs: number = CLOSE_GRACE_MS_DEFAULT): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    this.isClosing = true;
    this.#openEngine.stopAccepting();
    const allIdle = Promise.all([...this.#sessions].map((session) => session.idle()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([allIdle, late]);
    clearTimeout(timer);
    const reason = 'the peer is shutting down';
    const closing = [...this.#sessions].map((each) => each.close(CLOSE_CODE.shuttingDown, reason));
    await Promise.all(closing);
    await this.#openEngine.close(CLOSE_CODE.shuttingDown, reason);
  }

  get #openEngine(): Engine {
    assert(this.#engine !== undefined, 'the endpoint is open');
    return this.#engine;
  }

  #judgeInbound(certificate: Uint8Array | undefined): Verdict {
    const peerId = readPeerId(certificate);
    if (peerId instanceof RpcError) {
      return { isAccepted: false, code: CLOSE_CODE.unauthenticated, reason: peerId.message };
    }
    const answer = this.#options.authorize?.(peerId) ?? true;
    if (answer === true) return { isAccepted: true };
    const why = answer === false ? 'it is not known here' : answer;
    return {
      isAccepted: false,
      code: CLOSE_CODE.permissionDenied,
      reason: `peer ${peerId} is not admitted: ${why}`,
    };
  }

  #onInbound(connection: Connection): void {
    const session = new Session(
      this,
      connection,
      peerIdFromAcceptedCertificate(connection.peerCertificate),
    );
    session.welcome();
    this.#admit(session);
    this.#options.onConnection?.(session);
  }

  #admit(session: Session): void {
    if (!session.isOpen) return;
    this.#sessions.add(session);
    void session.closed.then(() => this.#sessions.delete(session));
  }
}

function readPeerId(certificate: Uint8Array | undefined): string | RpcError {
  if (certificate === undefined) {
    return new RpcError('unauthenticated', 'the peer showed no certificate');
  }
  try {
    return peerIdFromCertificate(certificate);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new RpcError('unauthenticated', why, { cause });
  }
}

function judgeOutbound(certificate: Uint8Array | undefined, address: PeerAddress): Verdict {
  const peerId = readPeerId(certificate);
  if (peerId === address.peerId) return { isAccepted: true };
  const where = formatHostPort(address);
  const reason =
    peerId instanceof RpcError
      ? `expected peer ${address.peerId} at ${where}, but ${peerId.message}`
      : `expected peer ${address.peerId} at ${where}, found ${peerId}`;
  return { isAccepted: false, code: CLOSE_CODE.unauthenticated, reason };
}

/** The handshake proves who the peer is; whether it lets us in comes one packet later. */
async function awaitWelcome(
  session: Session,
  address: PeerAddress,
  options: CallOptions,
): Promise<void> {
  const { signal, timeoutMs } = options;
  const where = formatHostPort(address);
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      void session.welcomed.then(resolve);
      void session.closed.then((info) => reject(refusedBy(where, info)));
      const text = `${where} did not let this node in within the time given`;
      timer = setTimeout(() => reject(new RpcError('unavailable', text)), timeoutMs);
      onAbort = () => reject(cancelled(address, signal));
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  } catch (error) {
    void session.close(CLOSE_CODE.normal, 'given up');
    throw error;
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}

function refusedBy(
  where: string,
  info: Pick<ConnectionCloseInfo, 'code' | 'reason' | 'local'>,
): RpcError {
  const text = `${where} refused the connection: ${info.reason}`;
  if (info.local) return new RpcError('unavailable', `the connection to ${where} was closed`);
  if (info.code === CLOSE_CODE.unauthenticated || isTlsAlert(info.code)) {
    return new RpcError('unauthenticated', text);
  }
  if (info.code === CLOSE_CODE.permissionDenied) return new RpcError('permission-denied', text);
  return new RpcError('unavailable', text);
}

/** CRYPTO_ERROR of RFC 9000 20.1; our own codes are far below. */
function isTlsAlert(code: number): boolean {
  return code >= 0x100 && code <= 0x1ff;
}

function cancelled(address: PeerAddress, signal: AbortSignal | undefined): RpcError {
  const cause: unknown = signal?.reason;
  return new RpcError('cancelled', `connecting to ${formatHostPort(address)} was cancelled`, {
    cause,
  });
}

function fromQuicError(error: QuicError): RpcError {
  const codes: Partial<Record<QuicError['code'], RpcErrorCode>> = {
    unauthenticated: 'unauthenticated',
    'handshake-failed': 'unauthenticated',
    cancelled: 'cancelled',
    limit: 'overloaded',
  };
  return new RpcError(codes[error.code] ?? 'unavailable', error.message, {
    reason: error.code,
    cause: error,
  });
}
