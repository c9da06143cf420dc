import {
  AbortError,
  TimeoutError,
  UnexpectedPeerError,
  serviceCapabilities,
  transportSymbol,
  type ComponentLogger,
  type Connection as Libp2pConnection,
  type CounterGroup,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type MessageStreamDirection,
  type Metrics,
  type PeerId,
  type PrivateKey,
  type Startable,
  type StreamOptions,
  type Transport,
} from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { Multiaddr } from '@multiformats/multiaddr';
import {
  QuicError,
  openQuicheEngine,
  type Authenticate,
  type Connection,
  type Engine,
  type EngineOptions,
  type QuicSettings,
} from '../quic/index.js';
import { abortable } from '../abortable.js';
import { parseQuicAddress, quicMultiaddr, requireQuicAddress } from './address.js';
import { createCredentials, type TlsCredentials } from './certificate.js';
import { CONNECTION_CODE } from './codes.js';
import { Libp2pTransportError } from './libp2p-transport-error.js';
import {
  DIAL_MS_MAX_DEFAULT,
  IDLE_TIMEOUT_MS_DEFAULT,
  KEEP_ALIVE_MS_DEFAULT,
  STREAMS_MAX_DEFAULT,
} from './limits.js';
import { QuicListener } from './listener.js';
import { Peers } from './peers.js';
import { Ports, type PortOptions } from './ports.js';
import { QuicMultiaddrConnection } from './quic-multiaddr-connection.js';

export interface QuicTransportOptions {
  /** Of the engine; `streamsMax` is 256, `idleTimeoutMs` 30,000 and `keepAliveMs` 4,000 here. */
  readonly settings?: Partial<QuicSettings>;
  /** A dial takes no longer, even when its signal would allow it. Milliseconds, 10,000 by default. */
  readonly dialTimeoutMs?: number;
  /** For all streams. */
  readonly streamOptions?: StreamOptions;
  /** Any engine behind the interface of `agentic-flow`'s QUIC; quiche by default. */
  readonly openEngine?: (options: EngineOptions) => Promise<Engine>;
}

/** What the transport needs of the node; `createLibp2p` hands it over. */
export interface QuicTransportComponents {
  readonly privateKey: PrivateKey;
  readonly logger: ComponentLogger;
  readonly metrics?: Metrics;
}

/** The protocol of the libp2p TLS specification in ALPN. */
const ALPN = 'libp2p';

/**
 * A transport for libp2p 3 over QUIC (`/ip4|ip6/…/udp/…/quic-v1`), to be given to `createLibp2p`.
 * It brings its own encryption (libp2p TLS) and multiplexing: neither has to be configured.
 */
export function quicTransport(
  options: QuicTransportOptions = {},
): (components: QuicTransportComponents) => Transport {
  return (components) => new QuicTransport(components, options);
}

class QuicTransport implements Transport, Startable {
  readonly [transportSymbol] = true;
  readonly [Symbol.toStringTag] = '@agentic-flow/quic';
  readonly [serviceCapabilities]: string[] = ['@libp2p/transport'];

  readonly #components: QuicTransportComponents;
  readonly #options: QuicTransportOptions;
  readonly #settings: Partial<QuicSettings>;
  readonly #peers = new Peers();
  readonly #ports: Ports;
  readonly #dialEvents: CounterGroup | undefined;
  readonly #listenEvents: CounterGroup | undefined;
  #credentials: Promise<TlsCredentials> | undefined;

  constructor(components: QuicTransportComponents, options: QuicTransportOptions) {
    this.#components = components;
    this.#options = options;
    this.#settings = {
      streamsMax: STREAMS_MAX_DEFAULT,
      idleTimeoutMs: IDLE_TIMEOUT_MS_DEFAULT,
      keepAliveMs: KEEP_ALIVE_MS_DEFAULT,
      ...options.settings,
    };
    this.#ports = new Ports((port) => this.#openPort(port));
    this.#dialEvents = components.metrics?.registerCounterGroup('libp2p_quic_dialer_events_total', {
      label: 'event',
      help: 'Total count of QUIC dialer events by type',
    });
    this.#listenEvents = components.metrics?.registerCounterGroup(
      'libp2p_quic_listener_events_total',
      { label: 'event', help: 'Total count of QUIC listener events by type' },
    );
  }

  start(): void {}

  stop(): void {}

  /** The connection manager has closed its connections by now, and libp2p the listeners. */
  async afterStop(): Promise<void> {
    await this.#ports.stop();
  }

  /**
   * Rejects with the reason of the signal, `UnexpectedPeerError`, `TimeoutError`,
   * `Libp2pTransportError` (`bad-address`, `bad-certificate`, `unusable-key`) or `QuicError`.
   */
  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Libp2pConnection> {
    options.signal.throwIfAborted();
    const { host, port, peerId } = requireQuicAddress(address);
    const expected = peerId === undefined ? undefined : peerIdFromString(peerId);
    const judge = this.#judgeFor(expected);
    let connection: Connection;
    let owner: QuicMultiaddrConnection | undefined;
    try {
      const engine = await abortable(this.#ports.toDial(host), options.signal);
      connection = await engine.connect({
        host,
        port,
        timeoutMs: this.#options.dialTimeoutMs ?? DIAL_MS_MAX_DEFAULT,
        signal: options.signal,
        authenticate: judge.authenticate,
        onOpen: (opened) => {
          owner = this.#wrap(opened, address, 'outbound');
        },
      });
    } catch (error) {
      this.#dialEvents?.increment({ error: true });
      options.signal.throwIfAborted();
      throw judge.otherPeer() ?? asLibp2pError(error);
    }
    if (owner === undefined) throw new Error('the engine opened a connection without saying so');
    this.#dialEvents?.increment({ connect: true });
    try {
      return await options.upgrader.upgradeOutbound(owner, {
        skipEncryption: true,
        skipProtection: true,
        remotePeer: this.#peers.of(connection.peerCertificate),
        muxerFactory: owner.muxerFactory,
        signal: options.signal,
      });
    } catch (error) {
      this.#dialEvents?.increment({ upgrade_error: true });
      owner.abort(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  createListener(options: CreateListenerOptions): Listener {
    return new QuicListener({
      ports: this.#ports,
      upgrader: options.upgrader,
      peerOf: (connection) => this.#peers.of(connection.peerCertificate),
      wrap: (connection) => {
        this.#listenEvents?.increment({ connect: true });
        const { remoteHost, remotePort } = connection;
        return this.#wrap(connection, quicMultiaddr(remoteHost, remotePort), 'inbound');
      },
    });
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter((address) => parseQuicAddress(address) !== undefined);
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return this.listenFilter(addresses);
  }

  /** Accepts `expected` only, if it is given; `otherPeer` then says who was there instead. */
  #judgeFor(expected: PeerId | undefined): {
    readonly authenticate: Authenticate;
    readonly otherPeer: () => UnexpectedPeerError | undefined;
  } {
    let otherPeer: UnexpectedPeerError | undefined;
    return {
      otherPeer: () => otherPeer,
      authenticate: (certificate, furtherCount) => {
        const verdict = this.#peers.judge(certificate, furtherCount);
        if (!verdict.isAccepted || certificate === undefined || expected === undefined) {
          return verdict;
        }
        const peerId = this.#peers.of(certificate);
        if (peerId.equals(expected)) return verdict;
        const reason = `the peer is ${peerId.toString()}; ${expected.toString()} was dialled`;
        otherPeer = new UnexpectedPeerError(reason);
        return { isAccepted: false, code: CONNECTION_CODE.refused, reason };
      },
    };
  }

  #wrap(
    connection: Connection,
    remoteAddr: Multiaddr,
    direction: MessageStreamDirection,
  ): QuicMultiaddrConnection {
    const metrics = direction === 'inbound' ? this.#listenEvents : this.#dialEvents;
    const { streamOptions } = this.#options;
    return new QuicMultiaddrConnection(connection, {
      remoteAddr,
      direction,
      log: this.#components.logger.forComponent(`libp2p:quic:${direction}`),
      // No more can come: QUIC limits them.
      earlyStreamsMax: this.#settings.streamsMax ?? STREAMS_MAX_DEFAULT,
      ...(metrics === undefined ? {} : { metrics }),
      ...(streamOptions === undefined ? {} : { streamOptions }),
    });
  }

  async #openPort(port: PortOptions): Promise<Engine> {
    this.#credentials ??= createCredentials(this.#components.privateKey, Date.now());
    const credentials = await this.#credentials;
    const log = this.#components.logger.forComponent('libp2p:quic:listener');
    const open = this.#options.openEngine ?? openQuicheEngine;
    return await open({
      ...port,
      ...credentials,
      // `/ip4/0.0.0.0/udp/4001` and `/ip6/::/udp/4001` are two addresses for libp2p.
      isIpv6Only: true,
      protocols: [ALPN],
      // The certificates of others have P-256 keys as a rule; those of Ed25519 are allowed.
      signatureAlgorithms: ['ecdsa_secp256r1_sha256', 'ed25519'],
      settings: this.#settings,
      authenticate: (certificate, furtherCount) => this.#peers.judge(certificate, furtherCount),
      onRefusal: (refusal) => {
        this.#listenEvents?.increment({ refusal: true });
        log('refused %s:%d - %s', refusal.remoteHost, refusal.remotePort, refusal.reason);
      },
    });
  }
}

/** Errors of the engine for which libp2p has names of its own. */
function asLibp2pError(error: unknown): unknown {
  if (!(error instanceof QuicError)) return error;
  switch (error.code) {
    case 'unauthenticated':
      return new Libp2pTransportError('bad-certificate', error.message, { cause: error });
    case 'timeout':
      return new TimeoutError(error.message);
    case 'cancelled':
      return new AbortError(error.message);
    default:
      return error;
  }
}
