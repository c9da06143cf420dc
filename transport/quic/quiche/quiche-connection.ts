import { strict as assert } from 'node:assert';
import type {
  Connection,
  ConnectionCloseInfo,
  ConnectionHandler,
  ConnectionStats,
  LocalAddress,
} from '../connection.js';
import type { Authenticate } from '../engine.js';
import {
  CLOSE_FLUSH_MS_MAX,
  CLOSE_REASON_BYTES_MAX,
  DATAGRAMS_QUEUED_MAX,
  DATAGRAM_OVERHEAD_BYTES,
  HANDSHAKE_MS_MAX,
  PACKETS_PER_FLUSH_CLOSING_MAX,
  PACKETS_PER_FLUSH_MAX,
  PACKETS_PER_FLUSH_REBOUND_MAX,
  PACKET_BYTES_MIN,
  PATHS_MAX,
  PATH_EVENTS_PER_TURN_MAX,
  WORN_STREAMS,
} from '../limits.js';
import { QuicError } from '../quic-error.js';
import type { QuicSettings } from '../settings.js';
import type { Stream, StreamHandler } from '../stream.js';
import { describeClose } from './close-info.js';
import { ConnectionIds, type ConnectionIdsOwner } from './connection-ids.js';
import { ConnectionTimer, type TimerOwner } from './connection-timer.js';
import type { ConnectionLog } from './connection-log.js';
import { packetRange } from './interface-mtu.js';
import { Migration } from './migration.js';
import { PathAddresses, isSame } from './path-addresses.js';
import type { NativeConnection, NativeHost, NativePathEvent } from './native.js';
import { SendControl } from './send-control.js';
import {
  BIDIRECTIONAL,
  StreamTable,
  UNIDIRECTIONAL,
  type StreamTableOwner,
  type StreamType,
} from './stream-table.js';
import { displayHost } from './udp-socket.js';

/** INTERNAL_ERROR of RFC 9000 20.1. */
const INTERNAL_ERROR = 1;

/** What a connection asks of its engine. */
export interface ConnectionOwner {
  /** Scratch space for reading streams. */
  readonly readBuffer: Uint8Array;
  /** Scratch space for one packet of at most `bytes`; another one while the system holds on to it. */
  packetBuffer(bytes: number): Uint8Array;
  sendPacket(length: number, from: NativeHost, to: NativeHost): void;
  /** Call `pump` and then `flush` soon. */
  schedule(connection: QuicheConnection): void;
  addRoute(connection: QuicheConnection, route: string): void;
  removeRoute(connection: QuicheConnection, route: string): void;
  resetToken(connectionId: Uint8Array): bigint;
  /** A further local address; give it back with `releaseLocal`. */
  bindLocal(local: LocalAddress): Promise<NativeHost>;
  releaseLocal(local: NativeHost): void;
  /** The connection can be used: the peer is accepted, or (early) was so the last time. */
  onOpen(connection: QuicheConnection): void;
  /** The handshake is over and the peer accepted. */
  onEstablished(connection: QuicheConnection): void;
  /** Over; `lastPacket` is what to answer a peer with that has not understood it. */
  onOver(connection: QuicheConnection, info: ConnectionCloseInfo, lastPacket?: Uint8Array): void;
}

interface ReceiveInfo {
  readonly from: NativeHost;
  readonly to: NativeHost;
}

export interface QuicheConnectionOptions {
  readonly isServer: boolean;
  readonly local: NativeHost;
  readonly remote: NativeHost;
  readonly settings: QuicSettings;
  /** Undefined when the peer shows no certificate. */
  readonly authenticate: Authenticate | undefined;
  readonly onSession?: ((session: Uint8Array) => void) | undefined;
  readonly log: ConnectionLog | undefined;
}

/**
 * One connection of quiche. Packets come in through `receive`; `pump` hands on what they mean;
 * `flush` sends what there is to send. The engine calls them in this order, for many connections in
 * one turn.
 *
 *                      early
 *                   /         \
 *   handshaking ---/--accepted--\--> open --close()--> flushing --delivered or late--> over
 *        |                            |                   |                             ^
 *        +------ refused, failed, silent, closed by the peer ----------------------------+
 */
export class QuicheConnection
  implements Connection, StreamTableOwner, TimerOwner, ConnectionIdsOwner
{
  readonly isServer: boolean;
  readonly native: NativeConnection;
  readonly closed: Promise<ConnectionCloseInfo>;
  readonly established: Promise<void>;
  /** Connection ids (latin1) under which the engine finds this connection. */
  readonly routes = new Set<string>();
  remoteHost: string;
  remotePort: number;
  protocol = '';
  isResumed = false;
  isScheduled = false;

  readonly #owner: ConnectionOwner;
  readonly #options: QuicheConnectionOptions;
  readonly #streams: StreamTable;
  readonly #timer: ConnectionTimer;
  readonly #sendControl: SendControl;
  readonly #ids: ConnectionIds;
  readonly #migration: Migration;
  readonly #startedAt = performance.now();
  #state: 'handshaking' | 'early' | 'open' | 'flushing' | 'over' = 'handshaking';
  #isEstablished = false;
  #isNativeClosed = false;
  #certificate: Uint8Array = new Uint8Array();
  #resolveClosed!: (info: ConnectionCloseInfo) => void;
  #resolveEstablished!: () => void;
  /** Of the last packet, on the wire and as the engine calls it. */
  #receiveInfo: ReceiveInfo;
  #engineInfo: ReceiveInfo;
  #local: NativeHost;
  readonly #addresses: PathAddresses;
  /** Paths that quiche has had; it forgets none of them. */
  #pathsCount = 1;
  /**
   * The peer was heard at another address under a connection id of the old one: a NAT. Until the
   * engine is back on the first path, little is sent: what is lost on the other stays lost.
   */
  #isRebound = false;
  #hasReceived = false;
  /** Packets came since the last tick. */
  #hasNews = false;
  #hasWritten = false;
  #receivedAt = this.#startedAt;
  #idleTimeoutMs: number;
  #flushingTimer: NodeJS.Timeout | undefined;
  #paceTimer: NodeJS.Timeout | undefined;
  #closeRequest = { code: 0, reason: '' };
  #lastPacket: Uint8Array | undefined;
  #failure: string | undefined;
  #isSessionWanted: boolean;

  constructor(owner: ConnectionOwner, native: NativeConnection, options: QuicheConnectionOptions) {
    const { local, remote, settings } = options;
    this.#owner = owner;
    this.#options = options;
    this.native = native;
    this.isServer = options.isServer;
    this.remoteHost = displayHost(remote.host);
    this.remotePort = remote.port;
    this.#local = local;
    this.#addresses = new PathAddresses(remote);
    this.#receiveInfo = { from: remote, to: local };
    this.#engineInfo = this.#receiveInfo;
    this.#idleTimeoutMs = settings.idleTimeoutMs;
    this.#isSessionWanted = options.onSession !== undefined;
    this.#streams = new StreamTable(this);
    this.#timer = new ConnectionTimer(this);
    this.#ids = new ConnectionIds(this, native);
    this.#migration = new Migration(native);
    const range = packetRange(local.host, remote.host, settings);
    this.#sendControl = new SendControl(native, settings, range);
    this.established = new Promise((resolve) => {
      this.#resolveEstablished = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open' || this.#state === 'early';
  }

  get isEarly(): boolean {
    return this.#state === 'early' && !this.isServer;
  }

  /** True while what comes may be a replay: streams that begin now are early. */
  get isEarlyData(): boolean {
    return this.#state === 'early';
  }

  /** True until the peer has completed the handshake. */
  get isHalfOpen(): boolean {
    return !this.#isEstablished;
  }

  get peerCertificate(): Uint8Array {
    return this.#certificate;
  }

  get streamsCount(): number {
    return this.#streams.openedCount;
  }

  get queuedBytes(): number {
    return this.#streams.queuedBytes;
  }

  get isWorn(): boolean {
    return (
      this.#streams.openedCount >= WORN_STREAMS ||
      this.#streams.isStarved ||
      this.#pathsCount >= PATHS_MAX
    );
  }

  get readBuffer(): Uint8Array {
    return this.#owner.readBuffer;
  }

  /** What the native object or the handler of the connection threw, if they did. */
  get failure(): string | undefined {
    return this.#failure;
  }

  setHandler(handler: ConnectionHandler): void {
    assert(this.#streams.handler === undefined, 'a connection has one handler');
    this.#streams.handler = handler;
  }

  openBidirectional(handler: StreamHandler): Stream | undefined {
    return this.#open(BIDIRECTIONAL, handler);
  }

  openUnidirectional(handler: StreamHandler): Stream | undefined {
    return this.#open(UNIDIRECTIONAL, handler);
  }

  get datagramBytesMax(): number {
    if (!this.isOpen) return 0;
    // quiche counts with the largest packet that may ever be sent, not with the one that fits now.
    const fitting = this.#sendControl.packetBytes - DATAGRAM_OVERHEAD_BYTES;
    return Math.max(Math.min(this.native.dgramMaxWritableLen() ?? 0, fitting), 0);
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (bytes.length > this.datagramBytesMax || !this.isOpen) return false;
    let isTaken = false;
    this.guard(() => {
      // `null` stands for quiche's `Done`: the queue is full.
      isTaken = this.native.dgramSend(bytes) !== null;
    });
    this.markDirty();
    return isTaken;
  }

  stats(): ConnectionStats {
    const path = this.native.pathStats().find(({ active }) => active);
    return {
      rttMs: path?.rtt ?? 0,
      congestionWindowBytes: path?.cwnd ?? 0,
      packetBytes: this.#sendControl.packetBytes,
      sentPackets: path?.sent ?? 0,
      receivedPackets: path?.recv ?? 0,
      lostPackets: path?.lost ?? 0,
      sentBytes: path?.sentBytes ?? 0,
      receivedBytes: path?.recvBytes ?? 0,
    };
  }

  async migrate(address: LocalAddress): Promise<void> {
    if (this.isServer) {
      const text = 'the connection stays on its path: only the side that dialled can move it';
      throw new QuicError('migration-failed', text);
    }
    this.#assertUsable();
    const local = await this.#owner.bindLocal(address);
    const { remote } = this.#options;
    try {
      this.#assertUsable();
      const validated = this.#migration.probe(local, remote);
      this.markDirty();
      await validated;
      this.#assertUsable();
      this.native.migrate(local, remote);
    } catch (error) {
      this.#owner.releaseLocal(local);
      throw error;
    }
    this.#owner.releaseLocal(this.#local);
    this.#local = local;
    this.#onNewPath();
    this.#sendControl.onPathChanged(packetRange(local.host, remote.host, this.#options.settings));
    this.markWritten();
  }

  close(code: number, reason: string): Promise<ConnectionCloseInfo> {
    if (this.#state === 'handshaking') {
      this.#shut(true, code, reason);
    } else if (this.isOpen) {
      this.#state = 'flushing';
      this.#closeRequest = { code, reason };
      this.#flushingTimer = setTimeout(() => this.#shut(true, code, reason), CLOSE_FLUSH_MS_MAX);
      this.guard(() => this.#closeWhenDelivered());
      this.markDirty();
    }
    return this.closed;
  }

  /**
   * Dialling side: sends the first packet, and if that resumes an earlier connection whose peer is
   * the one that is wanted, opens at once for early data.
   */
  beginEarly(): void {
    this.guard(() => {
      this.#sendPackets();
      if (this.native.isInEarlyData()) this.#onEarlyData();
    });
  }

  /**
   * A datagram for this connection. quiche decrypts in place: the datagram is spoilt afterwards.
   */
  receive(datagram: Uint8Array, host: string, port: number, local: NativeHost): void {
    // quiche 0.18 never frees a stream that is stopped by the peer while bytes for it are not sent
    // yet.
    if (this.#hasWritten) this.guard(() => this.#sendPackets());
    if (this.#state === 'over') return;
    const info = this.#receiveInfoFor(host, port, local);
    this.#options.log?.onDatagram('received', datagram.length);
    try {
      this.native.recv(datagram, info);
    } catch {
      // quiche has noted the error and sends it to the peer in the next flush.
    }
    this.#hasReceived = true;
    this.#hasNews = true;
    this.#receivedAt = performance.now();
    this.markDirty();
  }

  /** As the engine takes it; made anew only when a packet comes from elsewhere. */
  #receiveInfoFor(host: string, port: number, local: NativeHost): ReceiveInfo {
    const { from, to } = this.#receiveInfo;
    if (from.port === port && from.host === host && to === local) return this.#engineInfo;
    this.#receiveInfo = { from: { host, port }, to: local };
    this.#engineInfo = { from: this.#addresses.nameOf({ host, port }), to: local };
    return this.#engineInfo;
  }

  /** Hands on what the received packets mean. */
  pump(): void {
    this.guard(() => {
      if (!this.#isEstablished) this.#advanceHandshake();
      const isNews = this.#hasReceived;
      this.#hasReceived = false;
      if (!isNews || this.#state === 'over' || this.#state === 'handshaking') return;
      this.#onPathEvents();
      if (this.#isSessionWanted) this.#offerSession();
      this.#readDatagrams();
      this.#streams.onPackets();
      if (this.#state === 'flushing') this.#closeWhenDelivered();
    });
  }

  /** Sends what there is to send, and sets the timer for what is to be done without a packet. */
  flush(): void {
    this.isScheduled = false;
    this.guard(() => {
      if (this.#state === 'over') return;
      const isAll = this.#sendPackets();
      if (this.native.isClosed() || this.native.isDraining()) {
        this.#finish();
        return;
      }
      if (!isAll || this.#hasReceived) this.markDirty();
      this.#timer.arm();
    });
  }

  /**
   * Called by the engine a few times a second: keep-alive, late handshakes, things to clear away.
   */
  tick(now: number): void {
    if (this.#state === 'over') return;
    this.guard(() => {
      if (!this.#isEstablished) {
        if (this.isServer && now - this.#startedAt > HANDSHAKE_MS_MAX) this.#shut(false, 0, '');
        return;
      }
      const { keepAliveMs } = this.#options.settings;
      if (keepAliveMs > 0 && now - this.#receivedAt >= keepAliveMs) this.ask();
      if (!this.#hasNews) return;
      this.#hasNews = false;
      if (this.#ids.replaceRetired()) this.markDirty();
      this.#streams.countPlaces();
      this.#options.log?.onMetrics(this.stats());
    });
  }

  markDirty(): void {
    if (this.isScheduled || this.#state === 'over') return;
    this.isScheduled = true;
    this.#owner.schedule(this);
  }

  markWritten(): void {
    this.#hasWritten = true;
    this.markDirty();
  }

  markReadable(): void {
    this.#hasReceived = true;
    this.markDirty();
  }

  addRoute(route: string): void {
    this.#owner.addRoute(this, route);
  }

  removeRoute(route: string): void {
    this.#owner.removeRoute(this, route);
  }

  resetToken(connectionId: Uint8Array): bigint {
    return this.#owner.resetToken(connectionId);
  }

  dueMs(): number | null {
    return this.native.timeout();
  }

  onDue(): void {
    this.guard(() => {
      this.native.onTimeout();
      this.markReadable();
    });
  }

  isSilent(): boolean {
    const isWanted = this.#state === 'open' && this.#options.settings.keepAliveMs > 0;
    return isWanted && performance.now() - this.#receivedAt >= this.#idleTimeoutMs;
  }

  ask(): void {
    this.guard(() => {
      this.native.sendAckEliciting();
      this.markDirty();
    });
  }

  /**
   * The native object, or a handler of this connection, may throw: then this connection ends, no
   * other.
   */
  guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#failure ??= error instanceof Error ? error.message : String(error);
      // The text stays here: it may say things that are not for the peer.
      this.#shut(false, INTERNAL_ERROR, '');
    }
  }

  #open(type: StreamType, handler: StreamHandler): Stream | undefined {
    return this.isOpen ? this.#streams.open(type, handler) : undefined;
  }

  #assertUsable(): void {
    if (this.#state !== 'open') throw new QuicError('closed', 'the connection is not open');
  }

  #advanceHandshake(): void {
    if (this.native.isEstablished()) this.#onEstablished();
    else if (this.#state === 'handshaking' && this.isServer && this.native.isInEarlyData()) {
      this.#onEarlyData();
    }
  }

  /** The certificate is that of the earlier connection: who has the ticket's key is who had it then. */
  #onEarlyData(): void {
    const certificate = this.native.peerCertChain()?.[0];
    const verdict = this.#options.authenticate?.(certificate);
    // If not, the end of the handshake says why.
    if (verdict === undefined || !verdict.isAccepted || certificate === undefined) return;
    if (this.isServer) this.#certificate = certificate;
    this.#state = 'early';
    this.#streams.start();
    this.#owner.onOpen(this);
  }

  #onEstablished(): void {
    const certificate = this.native.peerCertChain()?.[0];
    const { authenticate } = this.#options;
    const verdict = authenticate?.(certificate);
    if (
      verdict?.isAccepted === false ||
      (authenticate !== undefined && certificate === undefined)
    ) {
      // The end of our handshake goes out first: without it the peer could not read why it is
      // refused.
      this.#sendPackets();
      if (verdict?.isAccepted === false) this.#shut(true, verdict.code, verdict.reason);
      else this.#shut(true, 0, 'no certificate');
      return;
    }
    this.#isEstablished = true;
    this.#certificate = certificate ?? this.#certificate;
    this.protocol = Buffer.from(this.native.applicationProto()).toString('latin1');
    this.isResumed = this.native.isResumed();
    // RFC 9000 10.1: the smaller of both counts; 0 of the peer means that it has none.
    const { peerMaxIdleTimeout } = this.native.stats();
    if (peerMaxIdleTimeout > 0) {
      this.#idleTimeoutMs = Math.min(this.#idleTimeoutMs, peerMaxIdleTimeout);
    }
    if (this.#options.settings.migration && this.#ids.supply()) this.markDirty();
    this.#options.log?.onEstablished();
    const wasHandshaking = this.#state === 'handshaking';
    if (this.#state !== 'flushing') this.#state = 'open';
    this.#resolveEstablished();
    if (wasHandshaking) {
      this.#streams.start();
      this.#owner.onOpen(this);
    }
    this.#owner.onEstablished(this);
  }

  #onPathEvents(): void {
    for (let left = PATH_EVENTS_PER_TURN_MAX; left > 0; left -= 1) {
      const event = this.native.pathEventNext() ?? null;
      if (event === null) return;
      if (event.type === 'New') this.#onNewPath();
      this.#options.log?.onPath(event);
      this.#migration.onPathEvent(event);
      if (event.type === 'ReusedSourceConnectionId') this.#isRebound = true;
      if (event.type === 'PeerMigrated') this.#onPeerMigrated(event);
    }
    this.markReadable();
  }

  #onNewPath(): void {
    this.#pathsCount += 1;
    if (this.#ids.supply()) this.markDirty();
  }

  #onPeerMigrated(event: NativePathEvent & { readonly type: 'PeerMigrated' }): void {
    // quiche calls its local address `old`, and the peer's `new`.
    const { old: local, new: named } = event;
    const remote = this.#addresses.wireOf(named);
    if (isSame(named, this.#options.remote)) {
      this.#isRebound = false;
      this.#addresses.settle();
    } else if (this.#isRebound) {
      this.#addresses.exchange(remote);
      this.#engineInfo = { ...this.#engineInfo, from: this.#addresses.nameOf(remote) };
    }
    if (remote.port === this.remotePort && displayHost(remote.host) === this.remoteHost) return;
    this.remoteHost = displayHost(remote.host);
    this.remotePort = remote.port;
    this.#sendControl.onPathChanged(packetRange(local.host, remote.host, this.#options.settings));
    this.#streams.handler?.onPathChanged?.();
  }

  #offerSession(): void {
    if (!this.#isEstablished) return;
    const session = this.native.session();
    if (session === null) return;
    this.#isSessionWanted = false;
    this.#options.onSession?.(session);
  }

  #readDatagrams(): void {
    for (let left = DATAGRAMS_QUEUED_MAX; left > 0; left -= 1) {
      const bytes = this.native.dgramRecvVec();
      if (bytes === null) return;
      // What may be a replay is not handed on: nothing says so of a datagram.
      if (this.#isEstablished) this.#streams.handler?.onDatagram?.(bytes);
    }
  }

  #closeWhenDelivered(): void {
    const { code, reason } = this.#closeRequest;
    if (this.#streams.isDelivered()) this.#shut(true, code, reason);
  }

  /** Ends the connection on the wire and here. */
  #shut(isApplication: boolean, code: number, reason: string): void {
    if (this.#state === 'over') return;
    const bytes = Buffer.from(reason).subarray(0, CLOSE_REASON_BYTES_MAX);
    try {
      this.native.close(isApplication, code, bytes);
      this.#isNativeClosed = true;
      this.#sendPackets();
    } catch {
      // The peer learns it by silence.
    }
    this.#finish();
  }

  /** Returns false when there is more to send in the next turn. */
  #sendPackets(): boolean {
    this.#hasWritten = false;
    const control = this.#sendControl;
    control.begin(performance.now(), this.#isEstablished && !this.#isNativeClosed);
    let left = this.#isNativeClosed ? PACKETS_PER_FLUSH_CLOSING_MAX : PACKETS_PER_FLUSH_MAX;
    if (this.#isRebound) left = Math.min(left, PACKETS_PER_FLUSH_REBOUND_MAX);
    for (; left > 0; left -= 1) {
      const roomBytes = this.#isRebound ? PACKET_BYTES_MIN : control.nextPacketBytes();
      if (roomBytes === 0) {
        this.#sendLater(control.waitMs());
        return true;
      }
      const buffer = this.#owner.packetBuffer(roomBytes);
      const packet = this.native.send(buffer);
      if (packet === null) return true;
      const [length, { from, to }] = packet;
      control.onPacket(length);
      if (this.#isNativeClosed) this.#lastPacket = new Uint8Array(buffer.subarray(0, length));
      this.#options.log?.onDatagram('sent', length);
      this.#owner.sendPacket(length, from, this.#addresses.wireOf(to));
    }
    return this.#isRebound;
  }

  #sendLater(waitMs: number): void {
    this.#paceTimer ??= setTimeout(() => {
      this.#paceTimer = undefined;
      this.markDirty();
    }, Math.ceil(waitMs));
  }

  #finish(): void {
    if (this.#state === 'over') return;
    const info = describeClose(this.native, this.#idleTimeoutMs);
    this.#state = 'over';
    this.#timer.stop();
    clearTimeout(this.#flushingTimer);
    clearTimeout(this.#paceTimer);
    this.#migration.abandon();
    this.#streams.abandon(info);
    this.#options.log?.onOver(info);
    this.#owner.releaseLocal(this.#local);
    this.#owner.onOver(this, info, info.local ? this.#lastPacket : undefined);
    this.#resolveClosed(info);
  }
}
