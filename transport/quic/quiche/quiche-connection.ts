import { strict as assert } from 'node:assert';
import type {
  Connection,
  ConnectionCloseInfo,
  ConnectionHandler,
  ConnectionStats,
} from '../connection.js';
import { QuicError } from '../quic-error.js';
import type { Authenticate } from '../engine.js';
import {
  CLOSE_FLUSH_MS_MAX,
  CLOSE_REASON_BYTES_MAX,
  DATAGRAMS_QUEUED_MAX,
  HANDSHAKE_MS_MAX,
  PACKETS_PER_FLUSH_CLOSING_MAX,
  PACKETS_PER_FLUSH_MAX,
  WORN_STREAMS,
} from '../limits.js';
import type { QuicSettings } from '../settings.js';
import type { Stream, StreamHandler } from '../stream.js';
import { describeClose } from './close-info.js';
import { ConnectionTimer, type TimerOwner } from './connection-timer.js';
import type { NativeConnection, NativeHost } from './native.js';
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
  readonly local: NativeHost;
  readonly settings: QuicSettings;
  /** Scratch space for reading streams. */
  readonly readBuffer: Uint8Array;
  /** Scratch space for one packet; replaced while the system holds on to it. */
  readonly packetBuffer: Uint8Array;
  sendPacket(length: number, to: NativeHost): void;
  /** Call `pump` and then `flush` soon. */
  schedule(connection: QuicheConnection): void;
  /** Handshake over, peer accepted. */
  onOpen(connection: QuicheConnection): void;
  /** Over; `lastPacket` is what to answer a peer with that has not understood it. */
  onOver(connection: QuicheConnection, info: ConnectionCloseInfo, lastPacket?: Uint8Array): void;
}

/**
 * One connection of quiche. Packets come in through `receive`; `pump` hands on what they mean;
 * `flush` sends what there is to send. The engine calls them in this order, for many connections in
 * one turn.
 *
 *   handshaking --accepted--> open --close()--> flushing --delivered or late--> over
 *        |                     |                   |                             ^
 *        +------ refused, failed, silent, closed by the peer --------------------+
 */
export class QuicheConnection implements Connection, StreamTableOwner, TimerOwner {
  readonly isServer: boolean;
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly native: NativeConnection;
  readonly closed: Promise<ConnectionCloseInfo>;
  /** Connection ids (latin1) under which the engine finds this connection. */
  readonly routes: string[] = [];
  isScheduled = false;
  readonly isEarly = false;
  readonly established: Promise<void>;
  protocol = '';
  isResumed = false;

  readonly #owner: ConnectionOwner;
  readonly #authenticate: Authenticate;
  readonly #streams: StreamTable;
  readonly #timer: ConnectionTimer;
  readonly #startedAt = performance.now();
  #state: 'handshaking' | 'open' | 'flushing' | 'over' = 'handshaking';
  #isNativeClosed = false;
  #certificate: Uint8Array = new Uint8Array();
  #resolveClosed!: (info: ConnectionCloseInfo) => void;
  #resolveEstablished!: () => void;
  #receiveInfo: { readonly from: NativeHost; readonly to: NativeHost };
  #hasReceived = false;
  #hasWritten = false;
  #receivedAt = this.#startedAt;
  #idleTimeoutMs: number;
  #flushingTimer: NodeJS.Timeout | undefined;
  #closeRequest = { code: 0, reason: '' };
  #lastPacket: Uint8Array | undefined;
  #failure: string | undefined;

  constructor(
    owner: ConnectionOwner,
    native: NativeConnection,
    options: {
      readonly isServer: boolean;
      readonly remote: NativeHost;
      readonly authenticate: Authenticate;
    },
  ) {
    this.#owner = owner;
    this.native = native;
    this.isServer = options.isServer;
    this.#authenticate = options.authenticate;
    this.remoteHost = displayHost(options.remote.host);
    this.remotePort = options.remote.port;
    this.#receiveInfo = { from: options.remote, to: owner.local };
    this.#idleTimeoutMs = owner.settings.idleTimeoutMs;
    this.#streams = new StreamTable(this);
    this.#timer = new ConnectionTimer(this);
    this.established = new Promise((resolve) => {
      this.#resolveEstablished = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
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
    return this.#streams.openedCount >= WORN_STREAMS || this.#streams.isStarved;
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
    return this.isOpen ? Math.max(this.native.dgramMaxWritableLen() ?? 0, 0) : 0;
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (bytes.length > this.datagramBytesMax) return false;
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
      packetBytes: this.native.maxSendUdpPayloadSize(),
      sentPackets: path?.sent ?? 0,
      receivedPackets: path?.recv ?? 0,
      lostPackets: path?.lost ?? 0,
      sentBytes: path?.sentBytes ?? 0,
      receivedBytes: path?.recvBytes ?? 0,
    };
  }

  migrate(): Promise<void> {
    return Promise.reject(new QuicError('migration-failed', 'not supported'));
  }

  close(code: number, reason: string): Promise<ConnectionCloseInfo> {
    if (this.#state === 'handshaking') {
      this.#shut(true, code, reason);
    } else if (this.#state === 'open') {
      this.#state = 'flushing';
      this.#closeRequest = { code, reason };
      this.#flushingTimer = setTimeout(() => this.#shut(true, code, reason), CLOSE_FLUSH_MS_MAX);
      this.guard(() => this.#closeWhenDelivered());
      this.markDirty();
    }
    return this.closed;
  }

  /**
   * A datagram for this connection. quiche decrypts in place: the datagram is spoilt afterwards.
   */
  receive(datagram: Uint8Array, host: string, port: number): void {
    // quiche 0.18 never frees a stream that is stopped by the peer while bytes for it are not sent
    // yet.
    if (this.#hasWritten) this.guard(() => this.#sendPackets());
    if (this.#state === 'over') return;
    const { from, to } = this.#receiveInfo;
    if (from.port !== port || from.host !== host) this.#receiveInfo = { from: { host, port }, to };
    try {
      this.native.recv(datagram, this.#receiveInfo);
    } catch {
      // quiche has noted the error and sends it to the peer in the next flush.
    }
    this.#hasReceived = true;
    this.#receivedAt = performance.now();
    this.markDirty();
  }

  /** Hands on what the received packets mean. */
  pump(): void {
    this.guard(() => {
      if (this.#state === 'handshaking' && this.native.isEstablished()) this.#onEstablished();
      const isNews = this.#hasReceived;
      this.#hasReceived = false;
      if (!isNews || this.#state === 'over' || this.#state === 'handshaking') return;
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
    this.guard(() => {
      if (this.#state === 'handshaking') {
        if (this.isServer && now - this.#startedAt > HANDSHAKE_MS_MAX) this.#shut(false, 0, '');
        return;
      }
      // Neither is of use yet, and both are kept until they are fetched.
      while ((this.native.pathEventNext() ?? null) !== null);
      while (this.native.retiredScidNext() !== null);
      this.#streams.countPlaces();
      const { keepAliveMs } = this.#owner.settings;
      if (keepAliveMs > 0 && now - this.#receivedAt >= keepAliveMs) this.ask();
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
    const isWanted = this.#state === 'open' && this.#owner.settings.keepAliveMs > 0;
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
    return this.#state === 'open' ? this.#streams.open(type, handler) : undefined;
  }

  #onEstablished(): void {
    const [certificate, ...further] = this.native.peerCertChain() ?? [];
    const verdict = this.#authenticate(certificate, further.length);
    if (!verdict.isAccepted || certificate === undefined) {
      // The end of our handshake goes out first: without it the peer could not read why it is
      // refused.
      this.#sendPackets();
      if (verdict.isAccepted) this.#shut(true, 0, 'no certificate');
      else this.#shut(true, verdict.code, verdict.reason);
      return;
    }
    this.#certificate = certificate;
    this.#state = 'open';
    // RFC 9000 10.1: the smaller of both counts; 0 of the peer means that it has none.
    const { peerMaxIdleTimeout } = this.native.stats();
    if (peerMaxIdleTimeout > 0) {
      this.#idleTimeoutMs = Math.min(this.#idleTimeoutMs, peerMaxIdleTimeout);
    }
    this.protocol = Buffer.from(this.native.applicationProto()).toString('latin1');
    this.isResumed = this.native.isResumed();
    this.#streams.start();
    this.#resolveEstablished();
    this.#owner.onOpen(this);
  }

  #readDatagrams(): void {
    for (let left = DATAGRAMS_QUEUED_MAX; left > 0; left -= 1) {
      const bytes = this.native.dgramRecvVec();
      if (bytes === null) return;
      this.#streams.handler?.onDatagram?.(bytes);
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

  #sendPackets(): boolean {
    this.#hasWritten = false;
    let left = this.#isNativeClosed ? PACKETS_PER_FLUSH_CLOSING_MAX : PACKETS_PER_FLUSH_MAX;
    for (; left > 0; left -= 1) {
      const { packetBuffer } = this.#owner;
      const packet = this.native.send(packetBuffer);
      if (packet === null) return true;
      const [length, { to }] = packet;
      if (this.#isNativeClosed) this.#lastPacket = new Uint8Array(packetBuffer.subarray(0, length));
      this.#owner.sendPacket(length, to);
    }
    return false;
  }

  #finish(): void {
    if (this.#state === 'over') return;
    const info = describeClose(this.native, this.#idleTimeoutMs);
    this.#state = 'over';
    this.#timer.stop();
    clearTimeout(this.#flushingTimer);
    this.#streams.abandon(info);
    this.#owner.onOver(this, info, info.local ? this.#lastPacket : undefined);
    this.#resolveClosed(info);
  }
}
