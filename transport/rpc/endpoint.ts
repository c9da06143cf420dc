import { strict as assert } from 'node:assert';
import { peerIdFromAcceptedCertificate } from '../identity/certificate.js';
import type { Identity } from '../identity/identity.js';
import type { Connection } from '../quic/connection.js';
import type { Engine, EngineOptions, Refusal, TicketOptions } from '../quic/engine.js';
import { QuicError } from '../quic/quic-error.js';
import { openQuicheEngine } from '../quic/quiche/quiche-engine.js';
import type { QuicSettings } from '../quic/settings.js';
import type { LoadLimits } from './admission.js';
import { CLOSE_CODE } from './codes.js';
import { awaitWelcome, dialError, fromQuicError, judgeOutbound } from './dial.js';
import { Dispatch } from './dispatch.js';
import { InboundJudge } from './inbound-judge.js';
import type { Interceptor } from './interceptors.js';
import { CLOSE_GRACE_MS_DEFAULT, HEAD_MS_MAX } from './limits.js';
import { badOption, checkAddress, checkListenOptions, checkTimeout } from './options.js';
import {
  RpcError,
  type DialOptions,
  type Handlers,
  type Method,
  type Methods,
  type PeerAddress,
  type PeerConnection,
  type PeerEndpoint,
} from './rpc.js';
import { Session, type SessionOwner } from './session.js';
import type { SessionStore } from './sessions.js';
import { PROTOCOL, RESERVED_PREFIX } from './wire.js';
import { PROTOCOL_2 } from './wire2.js';

export interface ListenOptions {
  readonly identity: Identity;
  /** An address or a name of this machine; where callers are found, too. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Unary methods, which take notifications too. */
  readonly handlers?: Handlers;
  /** Those of `handlers` that may be run more than once, so that calls of them may come in 0-RTT. */
  readonly idempotentMethods?: readonly string[];
  /** Methods of any kind; `serviceHandlers` makes them of a service definition. */
  readonly methods?: Methods;
  /** Around every call and notification that comes in, the first outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Around every call that goes out, the first outermost. */
  readonly callInterceptors?: readonly Interceptor[];
  readonly load?: LoadLimits;
  /** The head of a call must be whole by then after its stream opened. 10,000 ms when left out. */
  readonly headTimeoutMs?: number;
  /**
   * Whether an inbound peer, whose id is proven, is let in: true, or false, or the reason why not
   * (the peer is told), and no promise. Everybody is let in when this is left out. Called before any
   * handler. While it throws, or returns anything else, nobody is let in; `onRefusal` says why.
   */
  readonly authorize?: (peerId: string) => boolean | string;
  readonly settings?: Partial<QuicSettings>;
  /** Session tickets for inbound connections: without it nobody can resume, nor use 0-RTT. */
  readonly tickets?: TicketOptions;
  /** Sessions for outbound connections. */
  readonly sessions?: SessionStore;
  /** Versions of the wire, by their ALPN names, the one that is liked best first. For tests. */
  readonly protocols?: readonly (typeof PROTOCOL | typeof PROTOCOL_2)[];
  /** An inbound peer has been let in. */
  readonly onConnection?: (connection: PeerConnection) => void;
  /** An unreliable datagram came; `bytes` is only valid during the call. */
  readonly onDatagram?: (connection: PeerConnection, bytes: Uint8Array) => void;
  /** An inbound connection came to nothing. For logs. */
  readonly onRefusal?: (refusal: Refusal) => void;
  /**
   * A handler threw what is not an `RpcError`; the caller was only told `internal`. For logs. When
   * this is left out, the first error of each method is a warning of the process.
   */
  readonly onHandlerError?: (method: string, peerId: string, error: unknown) => void;
  /** Another engine than quiche. */
  readonly openEngine?: (options: EngineOptions) => Promise<Engine>;
}

/**
 * Opens an endpoint: listens on a UDP port, and connects from it.
 * Rejects with `RpcError` code `unavailable` (reason `address-in-use`, `address-unavailable`,
 * `unsupported-platform`, ...) whose message says what to do, or with code `malformed` (reason
 * `bad-option`), which names the option that cannot be used and what was given.
 */
export async function listenRpc(options: ListenOptions): Promise<PeerEndpoint> {
  checkListenOptions(options);
  const endpoint = new Endpoint(options);
  try {
    await endpoint.open();
  } catch (error) {
    throw error instanceof QuicError ? fromQuicError(error) : error;
  }
  return endpoint;
}

class Endpoint implements PeerEndpoint, SessionOwner {
  readonly peerId: string;
  readonly dispatch: Dispatch;
  readonly interceptors: readonly Interceptor[];
  readonly headTimeoutMs: number;

  readonly #options: ListenOptions;
  readonly #judge: InboundJudge;
  readonly #sessions = new Set<Session>();
  #engine: Engine | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#judge = new InboundJudge(options);
    this.peerId = options.identity.peerId;
    this.interceptors = options.callInterceptors ?? [];
    this.headTimeoutMs = options.headTimeoutMs ?? HEAD_MS_MAX;
    const { interceptors, load, onHandlerError } = options;
    this.dispatch = new Dispatch({
      methods: allMethods(options),
      ...(interceptors === undefined ? {} : { interceptors }),
      ...(load === undefined ? {} : { load }),
      ...(onHandlerError === undefined ? {} : { onHandlerError }),
    });
  }

  get host(): string {
    return this.#openEngine.host;
  }

  get port(): number {
    return this.#openEngine.port;
  }

  async open(): Promise<void> {
    const { identity, host, port, protocols, settings, tickets } = this.#options;
    const openEngine = this.#options.openEngine ?? openQuicheEngine;
    this.#engine = await openEngine({
      host,
      port,
      protocols: protocols ?? [PROTOCOL_2, PROTOCOL],
      privateKeyPem: identity.privateKeyPem,
      certificatePem: identity.certificatePem,
      ...(settings === undefined ? {} : { settings }),
      ...(tickets === undefined ? {} : { tickets }),
      onRefusal: (refusal) => this.#judge.onRefusal(refusal),
      authenticate: (certificate) => this.#judge.judge(certificate),
      onConnection: (connection) => this.#onInbound(connection),
    });
  }

  async connect(address: PeerAddress, options: DialOptions): Promise<PeerConnection> {
    checkAddress(address);
    checkTimeout('connect', options);
    if (this.dispatch.isClosing) throw new RpcError('unavailable', 'this endpoint is closed');
    return await new Promise<PeerConnection>((resolve, reject) => {
      const connected = this.#dial(address, options, (session, admitted) => {
        session.holdUntil(admitted);
        resolve(session);
      });
      connected.then(resolve, reject);
    });
  }

  connections(): Iterable<PeerConnection> {
    return [...this.#sessions];
  }

  onDatagram(session: PeerConnection, bytes: Uint8Array): void {
    this.#options.onDatagram?.(session, bytes);
  }

  close(graceMs: number = CLOSE_GRACE_MS_DEFAULT): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    this.dispatch.isClosing = true;
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

  /**
   * Resolves when the peer has proven itself and let this side in. `onEarly` is called before, when the
   * connection can be used for 0-RTT, with the promise that is returned.
   */
  #dial(
    address: PeerAddress,
    options: DialOptions,
    onEarly: (session: Session, admitted: Promise<void>) => void,
  ): Promise<PeerConnection> {
    const startedAt = performance.now();
    let session: Session | undefined;
    let connected!: Promise<PeerConnection>;
    const admitted = new Promise<void>((resolve, reject) => {
      setImmediate(() => connected.then(() => resolve(), reject));
    });
    admitted.catch(() => undefined);
    const ticket = this.#options.sessions?.take(address.peerId);
    const run = async (): Promise<PeerConnection> => {
      try {
        await this.#openEngine.connect({
          host: address.host,
          port: address.port,
          timeoutMs: options.timeoutMs,
          ...(options.signal === undefined ? {} : { signal: options.signal }),
          ...(ticket === undefined ? {} : { session: ticket }),
          ...(options.earlyData === true ? { isEarly: true } : {}),
          authenticate: (certificate) => judgeOutbound(certificate, address),
          onSession: (bytes) => this.#keepSession(session, bytes),
          onOpen: (connection) => {
            const opened = new Session(this, connection, address.peerId);
            session = opened;
            opened.greet();
            if (connection.isEarly) onEarly(opened, admitted);
          },
        });
      } catch (error) {
        throw await dialError(error, address, options, session);
      }
      assert(session !== undefined, 'onOpen is called before connect resolves');
      session.onEstablished();
      const leftMs = options.timeoutMs - (performance.now() - startedAt);
      await awaitWelcome(session, address, { ...options, timeoutMs: Math.max(leftMs, 1) });
      session.admit();
      this.#admit(session);
      return session;
    };
    connected = run();
    return connected;
  }

  /** Only with version 2 is there an early flight; a session of version 1 would waste it. */
  #keepSession(session: Session | undefined, bytes: Uint8Array): void {
    if (session?.version === 2) this.#options.sessions?.put(session.peerId, bytes);
  }

  #onInbound(connection: Connection): void {
    const peerId = peerIdFromAcceptedCertificate(connection.peerCertificate);
    const session = new Session(this, connection, peerId);
    session.greet();
    this.#admit(session);
    this.#options.onConnection?.(session);
  }

  #admit(session: Session): void {
    if (!session.isOpen) return;
    this.#sessions.add(session);
    void session.closed.then(() => this.#sessions.delete(session));
  }
}

/** The methods of all the ways to give them. */
function allMethods(options: ListenOptions): Methods {
  const { handlers = {}, idempotentMethods = [], methods = {} } = options;
  const all: Record<string, Method> = { ...methods };
  for (const [name, handler] of Object.entries(handlers)) {
    if (Object.hasOwn(methods, name)) {
      throw badOption(`the method '${name}' is given twice: in handlers and in methods`);
    }
    all[name] = { kind: 'unary', handler, isIdempotent: idempotentMethods.includes(name) };
  }
  for (const name of Object.keys(all)) {
    if (name.startsWith(RESERVED_PREFIX)) {
      throw badOption(`the method '${name}' must not begin with ${RESERVED_PREFIX}`);
    }
  }
  return all;
}
