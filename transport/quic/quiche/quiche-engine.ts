import { randomBytes } from 'node:crypto';
import type { RemoteInfo } from 'node:dgram';
import type { Connection, ConnectionCloseInfo } from '../connection.js';
import type {
  Authenticate,
  ConnectOptions,
  Engine,
  EngineOptions,
  ServedApplication,
} from '../engine.js';
import { CONNECTIONS_MAX, HALF_OPEN_CONNECTIONS_MAX, PACKET_BYTES_LOOPBACK } from '../limits.js';
import { QuicError } from '../quic-error.js';
import { packetBytesFor, resolveSettings, type QuicSettings } from '../settings.js';
import { nativeConfig } from './config.js';
import { Lingering } from './lingering.js';
import { loadNative, type Native, type NativeConfig, type NativeHost } from './native.js';
import { CONNECTION_ID_BYTES, classifyPacket } from './packet.js';
import { QuicheConnection, type ConnectionOwner } from './quiche-connection.js';
import { UdpSocket, displayHost } from './udp-socket.js';

/** Room for one packet, and for one read of a stream. */
const PACKET_BUFFER_BYTES = PACKET_BYTES_LOOPBACK + 1;
const READ_BUFFER_BYTES = 64 * 1024;
/** How often connections are looked after when there is no keep-alive. */
const TICK_MS_MAX = 1_000;
/** Error code of a dial that its own side gave up; no peer ever reads it. */
const ABANDONED_CODE = 0;

/** Opens an engine on Cloudflare's quiche. Rejects as `Engine` says. */
export async function openQuicheEngine(options: EngineOptions): Promise<Engine> {
  const native = loadNative();
  const settings = resolveSettings(options.settings);
  // Fails now, not with the first connection, when the key is of no use.
  const config = nativeConfig(native, options, settings, packetBytesFor('127.0.0.1', settings));
  const socket = await UdpSocket.bind(options.host, options.port);
  return new QuicheEngine(native, options, settings, socket, config);
}

/** An outbound connection that is not open yet. */
interface Dial {
  readonly onOpen: (connection: Connection) => void;
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: QuicError) => void;
}

class QuicheEngine implements Engine, ConnectionOwner {
  readonly host: string;
  readonly port: number;
  readonly local: NativeHost;
  readonly settings: QuicSettings;
  readonly readBuffer = new Uint8Array(READ_BUFFER_BYTES);
  packetBuffer = Buffer.allocUnsafeSlow(PACKET_BUFFER_BYTES);

  readonly #native: Native;
  readonly #options: EngineOptions;
  readonly #socket: UdpSocket;
  readonly #configs = new Map<number, NativeConfig>();
  readonly #connections = new Set<QuicheConnection>();
  readonly #routes = new Map<string, QuicheConnection>();
  readonly #dials = new Map<QuicheConnection, Dial>();
  readonly #lingering = new Lingering();
  #halfOpenCount = 0;
  #isAccepting = true;
  #isClosed = false;
  #dirty: QuicheConnection[] = [];
  #isRunScheduled = false;
  #ticker: NodeJS.Timeout | undefined;

  constructor(
    native: Native,
    options: EngineOptions,
    settings: QuicSettings,
    socket: UdpSocket,
    loopbackConfig: NativeConfig,
  ) {
    this.#native = native;
    this.#options = options;
    this.settings = settings;
    this.#socket = socket;
    this.host = displayHost(socket.host);
    this.port = socket.port;
    this.local = { host: socket.host, port: socket.port };
    this.#configs.set(packetBytesFor('127.0.0.1', settings), loopbackConfig);
    socket.onMessage((datagram, remote) => this.#onDatagram(datagram, remote));
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    const startedAt = performance.now();
    options.signal?.throwIfAborted();
    const host = await this.#socket.resolveHost(options.host);
    if (this.#isClosed) throw new QuicError('closed', 'this endpoint is closed');
    if (this.#connections.size >= CONNECTIONS_MAX) {
      throw new QuicError('limit', `this endpoint has ${CONNECTIONS_MAX} connections already`);
    }
    const leftMs = options.timeoutMs - (performance.now() - startedAt);
    const { connection, verdict } = this.#dial({ host, port: options.port }, options.authenticate);
    return await new Promise<Connection>((resolve, reject) => {
      const giveUp = (error: QuicError): void => {
        this.#dials.delete(connection);
        settle();
        reject(error);
        void connection.close(ABANDONED_CODE, '');
      };
      const where = `${options.host}:${options.port}`;
      const timer = setTimeout(
        () =>
          giveUp(new QuicError('timeout', `no answer from ${where} in ${options.timeoutMs} ms`)),
        Math.max(leftMs, 0),
      );
      const onAbort = (): void =>
        giveUp(new QuicError('cancelled', `connecting to ${where} was cancelled`));
      const settle = (): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', onAbort);
      };
      options.signal?.addEventListener('abort', onAbort, { once: true });
      this.#dials.set(connection, {
        onOpen: options.onOpen,
        resolve: (opened) => {
          settle();
          resolve(opened);
        },
        reject: (error) => {
          settle();
          const refusal = verdict();
          reject(
            refusal === undefined
              ? error
              : new QuicError('unauthenticated', refusal, { cause: error }),
          );
        },
      });
      connection.markDirty();
    });
  }

  serve(): ServedApplication {
    throw new QuicError('bad-option', 'not supported');
  }

  stopAccepting(): void {
    this.#isAccepting = false;
  }

  async close(code: number, reason: string): Promise<void> {
    this.#isAccepting = false;
    this.#isClosed = true;
    await Promise.all([...this.#connections].map((connection) => connection.close(code, reason)));
    this.#stopTicker();
    await this.#socket.close();
  }

  sendPacket(length: number, to: NativeHost): void {
    if (!this.#socket.send(this.packetBuffer, length, to.host, to.port)) {
      this.packetBuffer = Buffer.allocUnsafeSlow(PACKET_BUFFER_BYTES);
    }
  }

  schedule(connection: QuicheConnection): void {
    this.#dirty.push(connection);
    if (this.#isRunScheduled) return;
    this.#isRunScheduled = true;
    setImmediate(() => this.#run());
  }

  onOpen(connection: QuicheConnection): void {
    const dial = this.#dials.get(connection);
    if (dial !== undefined) {
      this.#dials.delete(connection);
      dial.onOpen(connection);
      dial.resolve(connection);
      return;
    }
    this.#halfOpenCount -= 1;
    this.#options.onConnection(connection);
  }

  onOver(connection: QuicheConnection, info: ConnectionCloseInfo, lastPacket?: Uint8Array): void {
    this.#connections.delete(connection);
    for (const route of connection.routes) {
      if (this.#routes.get(route) === connection) this.#routes.delete(route);
    }
    if (lastPacket !== undefined) {
      this.#lingering.add(connection.routes, lastPacket, performance.now());
    }
    if (this.#connections.size === 0) this.#stopTicker();
    this.#reportUnopened(connection, info);
  }

  #reportUnopened(connection: QuicheConnection, info: ConnectionCloseInfo): void {
    const dial = this.#dials.get(connection);
    const reason = connection.failure ?? info.reason;
    if (dial !== undefined) {
      this.#dials.delete(connection);
      const where = `${connection.remoteHost}:${connection.remotePort}`;
      const code = info.kind === 'transport' ? 'handshake-failed' : 'closed';
      dial.reject(
        new QuicError(
          info.kind === 'idle' ? 'timeout' : code,
          `the connection to ${where} failed: ${reason}`,
        ),
      );
    } else if (connection.isServer && connection.peerCertificate.length === 0) {
      this.#halfOpenCount -= 1;
      const { remoteHost, remotePort } = connection;
      this.#options.onRefusal?.({ remoteHost, remotePort, reason });
    }
  }

  #onDatagram(datagram: Buffer, remote: RemoteInfo): void {
    const packet = classifyPacket(datagram);
    if (packet.kind === 'ignored') return;
    if (packet.kind === 'other-version') {
      if (this.#isAccepting) {
        this.#socket.send(packet.answer, packet.answer.length, remote.address, remote.port);
      }
      return;
    }
    let connection = this.#routes.get(packet.connectionId);
    if (connection === undefined) {
      const answer = this.#lingering.answer(packet.connectionId, performance.now());
      if (answer !== undefined) {
        this.#socket.send(answer, answer.length, remote.address, remote.port);
        return;
      }
      if (packet.kind !== 'initial') return;
      connection = this.#accept(packet.connectionId, remote);
    }
    connection?.receive(datagram, remote.address, remote.port);
  }

  #accept(firstId: string, remote: RemoteInfo): QuicheConnection | undefined {
    if (
      !this.#isAccepting ||
      this.#halfOpenCount >= HALF_OPEN_CONNECTIONS_MAX ||
      this.#connections.size >= CONNECTIONS_MAX
    ) {
      return undefined;
    }
    const from = { host: remote.address, port: remote.port };
    const id = randomBytes(CONNECTION_ID_BYTES);
    try {
      const native = this.#native.Connection.accept(
        id,
        undefined,
        this.local,
        from,
        this.#configFor(from.host),
      );
      const { authenticate } = this.#options;
      const connection = new QuicheConnection(this, native, {
        isServer: true,
        remote: from,
        authenticate,
      });
      this.#halfOpenCount += 1;
      this.#add(connection, [id.toString('latin1'), firstId]);
      return connection;
    } catch {
      // An address that the engine cannot read, for example with a zone.
      return undefined;
    }
  }

  #dial(
    remote: NativeHost,
    authenticate: Authenticate,
  ): { readonly connection: QuicheConnection; readonly verdict: () => string | undefined } {
    let refusal: string | undefined;
    const judge: Authenticate = (certificate, furtherCount) => {
      const verdict = authenticate(certificate, furtherCount);
      if (!verdict.isAccepted) refusal = verdict.reason;
      return verdict;
    };
    const id = randomBytes(CONNECTION_ID_BYTES);
    const config = this.#configFor(remote.host);
    const native = this.#native.Connection.connect(undefined, id, this.local, remote, config);
    const connection = new QuicheConnection(this, native, {
      isServer: false,
      remote,
      authenticate: judge,
    });
    this.#add(connection, [id.toString('latin1')]);
    return { connection, verdict: () => refusal };
  }

  #add(connection: QuicheConnection, routes: readonly string[]): void {
    this.#connections.add(connection);
    for (const route of routes) {
      this.#routes.set(route, connection);
      connection.routes.push(route);
    }
    if (this.#ticker === undefined) {
      const { keepAliveMs } = this.settings;
      const everyMs = keepAliveMs === 0 ? TICK_MS_MAX : Math.min(keepAliveMs / 2, TICK_MS_MAX);
      this.#ticker = setInterval(() => this.#tick(), everyMs);
    }
  }

  #configFor(host: string): NativeConfig {
    const packetBytes = packetBytesFor(host, this.settings);
    let config = this.#configs.get(packetBytes);
    if (config === undefined) {
      config = nativeConfig(this.#native, this.#options, this.settings, packetBytes);
      this.#configs.set(packetBytes, config);
    }
    return config;
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
