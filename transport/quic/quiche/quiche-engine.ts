import { randomBytes } from 'node:crypto';
import type { RemoteInfo } from 'node:dgram';
import type { Connection, ConnectionCloseInfo, LocalAddress } from '../connection.js';
import type {
  Application,
  Authenticate,
  ConnectOptions,
  Engine,
  EngineOptions,
  ServedApplication,
} from '../engine.js';
import { CONNECTIONS_MAX, PACKET_BYTES_MAX } from '../limits.js';
import { QuicError } from '../quic-error.js';
import { resolveSettings, type QuicSettings } from '../settings.js';
import { checkAddress } from '../check-address.js';
import { assertCode } from './codes.js';
import { Acceptor, type Acceptance } from './acceptor.js';
import { Configs } from './config.js';
import { ConnectionLog } from './connection-log.js';
import type { ConnectionOwner } from './connection-owner.js';
import { Dial } from './dial.js';
import { packetRange } from './interface-mtu.js';
import { ALL_GUARDS, type Guards } from './guard.js';
import { HalfOpen } from './half-open.js';
import { LateFlushes } from './late-flushes.js';
import { Lingering } from './lingering.js';
import { ApplicationListener, type Listener } from './listener.js';
import {
  loadNative,
  type Native,
  type NativeConfig,
  type NativeConnection,
  type NativeHost,
} from './native.js';
import { CONNECTION_ID_BYTES, classifyPacket } from './packet.js';
import { PacketBuffers } from './packet-buffers.js';
import { QuicheConnection } from './quiche-connection.js';
import { Sockets } from './sockets.js';
import { StatelessReset } from './stateless-reset.js';
import { UdpSocket, displayHost } from './udp-socket.js';

/** Room for one read of a stream. */
const READ_BUFFER_BYTES = 64 * 1024;
/** What BoringSSL takes for a ticket key. */
const TICKET_KEY_BYTES = 48;
/** How often connections are looked after when there is no keep-alive. */
const TICK_MS_MAX = 1_000;
/** Error code of a dial that its own side gave up; no peer ever reads it. */
const ABANDONED_CODE = 0;

/** Opens an engine on Cloudflare's quiche. Rejects as `Engine` says. */
export async function openQuicheEngine(
  options: EngineOptions,
  guards: Guards = ALL_GUARDS,
): Promise<Engine> {
  checkAddress(options, 0);
  const native = loadNative();
  const settings = resolveSettings(options.settings);
  const configs = new Configs(
    native,
    {
      protocols: options.protocols,
      privateKeyPem: options.privateKeyPem,
      certificatePem: options.certificatePem,
      signatureAlgorithms: options.signatureAlgorithms ?? ['ed25519'],
      asksCertificate: true,
    },
    settings,
  );
  const socket = await UdpSocket.bind(options.host, options.port, options.isIpv6Only);
  return new QuicheEngine(native, options, settings, configs, socket, guards);
}

class QuicheEngine implements Engine, ConnectionOwner {
  readonly host: string;
  readonly port: number;
  readonly lateFlushes = new LateFlushes();
  readonly readBuffer = new Uint8Array(READ_BUFFER_BYTES);

  readonly #native: Native;
  readonly #options: EngineOptions;
  readonly #guards: Guards;
  readonly #settings: QuicSettings;
  readonly #configs: Configs;
  readonly #sockets: Sockets;
  readonly #acceptor: Acceptor;
  readonly #reset: StatelessReset;
  readonly #buffers = new PacketBuffers(PACKET_BYTES_MAX);
  readonly #connections = new Set<QuicheConnection>();
  readonly #routes = new Map<string, QuicheConnection>();
  readonly #dials = new Map<QuicheConnection, Dial>();
  /** Inbound connections whose peer has not completed the handshake. */
  readonly #halfOpen = new HalfOpen();
  /** The newest connection to each address that this side dialled. */
  readonly #dialled = new Map<string, QuicheConnection>();
  readonly #lingering = new Lingering();
  #isAccepting = true;
  #isClosed = false;
  #closed: Promise<void> | undefined;
  #dirty: QuicheConnection[] = [];
  #isRunScheduled = false;
  #ticker: NodeJS.Timeout | undefined;

  constructor(
    native: Native,
    options: EngineOptions,
    settings: QuicSettings,
    configs: Configs,
    socket: UdpSocket,
    guards: Guards,
  ) {
    this.#native = native;
    this.#guards = guards;
    this.#options = options;
    this.#settings = settings;
    this.#configs = configs;
    this.host = displayHost(socket.host);
    this.port = socket.port;
    this.#reset = new StatelessReset(options.privateKeyPem);
    const { protocols, authenticate, onConnection, tickets } = options;
    const main: Listener = { protocols, configs, authenticate, onConnection };
    this.#acceptor = new Acceptor(native, main, settings, tickets);
    this.#sockets = new Sockets(socket, (...heard) => this.#onDatagram(...heard));
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    const startedAt = performance.now();
    checkAddress(options, 1);
    assertWanted(options);
    const host = await this.#sockets.primary.resolveHost(options.host);
    assertWanted(options);
    if (this.#isClosed) throw new QuicError('closed', 'this endpoint is closed');
    if (this.#connections.size >= CONNECTIONS_MAX) {
      throw new QuicError('limit', `this endpoint has ${CONNECTIONS_MAX} connections already`);
    }
    const leftMs = options.timeoutMs - (performance.now() - startedAt);
    return await this.#dial({ host, port: options.port }, options, leftMs).promise;
  }

  serve(application: Application): ServedApplication {
    const settings = resolveSettings({ ...this.#settings, ...application.settings });
    const listener = new ApplicationListener(this.#native, application, settings);
    this.#acceptor.addListener(listener);
    return {
      setCertificate: (key, certificate) => listener.setCertificate(key, certificate),
      stop: () => this.#acceptor.removeListener(listener),
    };
  }

  stopAccepting(): void {
    this.#isAccepting = false;
  }

  close(code: number, reason: string): Promise<void> {
    assertCode(code);
    this.#closed ??= this.#close(code, reason);
    return this.#closed;
  }

  async #close(code: number, reason: string): Promise<void> {
    this.#isAccepting = false;
    this.#isClosed = true;
    for (const dial of this.#dials.values()) {
      dial.fail(new QuicError('closed', 'this endpoint was closed'));
    }
    this.#dials.clear();
    await Promise.all([...this.#connections].map((connection) => connection.close(code, reason)));
    this.#stopTicker();
    await this.#sockets.close();
  }

  packetBuffer(bytes: number): Uint8Array {
    return this.#buffers.get(bytes);
  }

  sendPacket(length: number, from: NativeHost, to: NativeHost): void {
    const socket = this.#sockets.find(from);
    if (!socket.send(this.#buffers.whole, length, to.host, to.port)) this.#buffers.replace();
  }

  schedule(connection: QuicheConnection): void {
    this.#dirty.push(connection);
    if (this.#isRunScheduled) return;
    this.#isRunScheduled = true;
    setImmediate(() => this.#run());
  }

  addRoute(connection: QuicheConnection, route: string): void {
    this.#routes.set(route, connection);
    connection.routes.add(route);
  }

  removeRoute(connection: QuicheConnection, route: string): void {
    connection.routes.delete(route);
    if (this.#routes.get(route) === connection) this.#routes.delete(route);
  }

  resetToken(connectionId: Uint8Array): bigint {
    return this.#reset.tokenNumber(connectionId);
  }

  async bindLocal(local: LocalAddress): Promise<NativeHost> {
    return (await this.#sockets.bind(local.host, local.port)).local;
  }

  releaseLocal(local: NativeHost): void {
    this.#sockets.release(local);
  }

  onOpen(connection: QuicheConnection): void {
    const dial = this.#dials.get(connection);
    if (dial === undefined) this.#halfOpen.listenerOf(connection)?.onConnection(connection);
    else dial.onOpen(connection);
  }

  onEstablished(connection: QuicheConnection): void {
    this.#halfOpen.delete(connection);
    const dial = this.#dials.get(connection);
    this.#dials.delete(connection);
    dial?.onEstablished(connection);
  }

  onOver(connection: QuicheConnection, info: ConnectionCloseInfo, lastPacket?: Uint8Array): void {
    this.#connections.delete(connection);
    for (const route of connection.routes) {
      if (this.#routes.get(route) === connection) this.#routes.delete(route);
    }
    if (lastPacket !== undefined) {
      this.#lingering.add([...connection.routes], lastPacket, performance.now());
    }
    const remote = `${connection.remoteHost} ${connection.remotePort}`;
    if (this.#dialled.get(remote) === connection) this.#dialled.delete(remote);
    if (this.#connections.size === 0) this.#stopTicker();
    if (connection.isHalfOpen) this.#reportUnopened(connection, info);
  }

  #reportUnopened(connection: QuicheConnection, info: ConnectionCloseInfo): void {
    const dial = this.#dials.get(connection);
    const reason = connection.failure ?? info.reason;
    if (dial !== undefined) {
      this.#dials.delete(connection);
      const code = info.kind === 'transport' ? 'handshake-failed' : 'closed';
      const text = `the connection to ${dial.where} failed: ${reason}`;
      dial.fail(new QuicError(info.kind === 'idle' ? 'timeout' : code, text));
    } else if (this.#halfOpen.delete(connection)) {
      const { remoteHost, remotePort } = connection;
      this.#options.onRefusal?.({ remoteHost, remotePort, reason });
    }
  }

  #onDatagram(socket: UdpSocket, datagram: Buffer, remote: RemoteInfo): void {
    const packet = classifyPacket(datagram);
    if (packet.kind === 'ignored') return;
    const answer = (bytes: Uint8Array): void => {
      socket.send(bytes, bytes.length, remote.address, remote.port);
    };
    if (packet.kind === 'other-version') {
      if (this.#isAccepting) answer(packet.answer);
      return;
    }
    const connection = this.#routes.get(packet.connectionId);
    if (connection !== undefined) {
      connection.receive(datagram, remote.address, remote.port, socket.local);
      return;
    }
    const last = this.#lingering.answer(packet.connectionId, performance.now());
    if (last !== undefined) answer(last);
    else if (packet.kind === 'initial') this.#onInitial(socket, datagram, remote, answer);
    else if (packet.isShort) this.#onUnknown(socket, datagram, remote, packet.connectionId, answer);
  }

  /** A packet for no connection: it may end one (RFC 9000 10.3.1), or be answered so that it ends. */
  #onUnknown(
    socket: UdpSocket,
    datagram: Buffer,
    remote: RemoteInfo,
    connectionId: string,
    answer: (bytes: Uint8Array) => void,
  ): void {
    const nowMs = performance.now();
    if (!this.#reset.isAllowed(nowMs)) return;
    const { address, port } = remote;
    const dialled = this.#dialled.get(`${displayHost(address)} ${port}`);
    if (dialled !== undefined) {
      dialled.receiveUnknown(datagram, address, port, socket.local);
      return;
    }
    const reset = this.#reset.answer(datagram, Buffer.from(connectionId, 'latin1'));
    if (reset !== undefined) answer(reset);
  }

  #onInitial(
    socket: UdpSocket,
    datagram: Buffer,
    remote: RemoteInfo,
    answer: (bytes: Uint8Array) => void,
  ): void {
    if (!this.#isAccepting || this.#halfOpen.isFull || this.#connections.size >= CONNECTIONS_MAX) {
      return;
    }
    const decision = this.#acceptor.decide(datagram, remote, this.#halfOpen.size);
    if (decision.kind === 'answer') answer(decision.packet);
    if (decision.kind !== 'accept') return;
    const isProven = decision.acceptance.originalId !== undefined;
    if (isProven && this.#halfOpen.isFullFor(remote.address)) return;
    const connection = this.#accept(decision.acceptance, socket, remote);
    for (const each of decision.acceptance.datagrams) {
      connection?.receive(each, remote.address, remote.port, socket.local);
    }
  }

  #accept(
    acceptance: Acceptance,
    socket: UdpSocket,
    remote: RemoteInfo,
  ): QuicheConnection | undefined {
    const { listener, connectionId, originalId, firstId, isEarly, ticketKey } = acceptance;
    const { settings } = listener.configs;
    const from = { host: remote.address, port: remote.port };
    const packetBytes = packetRange(socket.host, from.host, settings).ceilingBytes;
    let native: NativeConnection;
    try {
      const config = listener.configs.get({ packetBytes, isEarly, ticketKey });
      // quiche 0.18 has room for 128 bytes of transport parameters: not for those of a Retry and this.
      const token = originalId === undefined ? this.#reset.tokenNumber(connectionId) : null;
      config.setStatelessResetToken(token);
      // Without a key of ours BoringSSL makes tickets with one of its own: nobody shall use them.
      if (ticketKey === undefined) config.setTicketKey(randomBytes(TICKET_KEY_BYTES));
      const { Connection } = this.#native;
      native = Connection.accept(connectionId, originalId, socket.local, from, config);
    } catch {
      // An address that the engine cannot read, for example with a zone.
      return undefined;
    }
    const connection = new QuicheConnection(this, native, {
      isServer: true,
      local: socket.local,
      remote: from,
      settings,
      authenticate: listener.authenticate,
      log: ConnectionLog.begin(native, { isServer: true, firstId: originalId ?? firstId }),
      guards: this.#guards,
    });
    this.#halfOpen.add(connection, listener, originalId === undefined ? undefined : from.host);
    this.#add(connection, connectionId);
    this.addRoute(connection, Buffer.from(firstId).toString('latin1'));
    return connection;
  }

  #dial(remote: NativeHost, options: ConnectOptions, leftMs: number): Dial {
    const authenticate: Authenticate = (certificate, furtherCount) => {
      const verdict = options.authenticate(certificate, furtherCount);
      dial.refusal = verdict.isAccepted ? undefined : verdict.reason;
      return verdict;
    };
    const { local } = this.#sockets.primary;
    const packetBytes = packetRange(local.host, remote.host, this.#settings).ceilingBytes;
    const config = this.#configs.get({ packetBytes, isEarly: true });
    const id = randomBytes(CONNECTION_ID_BYTES);
    const native = this.#connectNative(id, local, remote, config);
    const connection = new QuicheConnection(this, native, {
      isServer: false,
      local,
      remote,
      settings: this.#settings,
      authenticate,
      onSession: options.onSession,
      log: ConnectionLog.begin(native, { isServer: false, firstId: id }),
      guards: this.#guards,
    });
    const dial = new Dial(options, leftMs, () => {
      this.#dials.delete(connection);
      void connection.close(ABANDONED_CODE, '');
    });
    this.#dials.set(connection, dial);
    this.#dialled.set(`${displayHost(remote.host)} ${remote.port}`, connection);
    this.#add(connection, id);
    const isResuming = options.session !== undefined && resume(native, options.session);
    if (isResuming && options.isEarly === true) connection.beginEarly();
    connection.markDirty();
    return dial;
  }

  #connectNative(
    id: Uint8Array,
    local: NativeHost,
    remote: NativeHost,
    config: NativeConfig,
  ): NativeConnection {
    try {
      return this.#native.Connection.connect(undefined, id, local, remote, config);
    } catch (cause) {
      // For example an IPv6 address with a zone.
      const text = `the engine cannot dial ${remote.host}, port ${remote.port}`;
      throw new QuicError('bad-option', text, { cause });
    }
  }

  #add(connection: QuicheConnection, connectionId: Uint8Array): void {
    this.#connections.add(connection);
    this.addRoute(connection, Buffer.from(connectionId).toString('latin1'));
    if (this.#ticker === undefined) {
      const { keepAliveMs } = this.#settings;
      const everyMs = keepAliveMs === 0 ? TICK_MS_MAX : Math.min(keepAliveMs / 2, TICK_MS_MAX);
      this.#ticker = setInterval(() => this.#tick(), everyMs);
    }
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of this.#connections) connection.tick(now);
  }

  #stopTicker(): void {
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }

  #run(): void {
    this.#isRunScheduled = false;
    const connections = this.#dirty;
    this.#dirty = [];
    for (const connection of connections) connection.pump();
    // Flush when the promises that the reads fulfilled have run dry: what their continuations write
    // shares a packet with the acknowledgement. Ticks run after microtasks, and this one is queued
    // from among them.
    queueMicrotask(() => {
      process.nextTick(() => {
        for (const connection of connections) connection.flush();
      });
    });
  }
}

function assertWanted({ host, port, signal }: ConnectOptions): void {
  if (signal?.aborted !== true) return;
  const cause: unknown = signal.reason;
  const text = `connecting to ${host}:${port} was cancelled before it began`;
  throw new QuicError('cancelled', text, { cause });
}

/** A session that cannot be read costs nothing but the time to try. */
function resume(native: NativeConnection, session: Uint8Array): boolean {
  try {
    native.setSession(session);
    return true;
  } catch {
    return false;
  }
}
