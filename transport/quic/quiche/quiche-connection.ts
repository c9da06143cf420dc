import { strict as assert } from 'node:assert';
import type {
  Connection,
  ConnectionCloseInfo,
  ConnectionHandler,
  ConnectionStats,
  LocalAddress,
} from '../connection.js';
import { HANDSHAKE_MS_MAX } from '../limits.js';
import { QuicError } from '../quic-error.js';
import type { QuicSettings } from '../settings.js';
import type { Stream, StreamHandler } from '../stream.js';
import { describeClose } from './close-info.js';
import { Closing, reasonBytes } from './closing.js';
import { assertCode } from './codes.js';
import { ConnectionTimer, type TimerOwner } from './connection-timer.js';
import type { ConnectionOwner, QuicheConnectionOptions } from './connection-owner.js';
import { Datagrams } from './datagrams.js';
import { ConnectionGuard } from './guard.js';
import { Handshake, type Progress } from './handshake.js';
import { packetRange } from './interface-mtu.js';
import { Liveness } from './liveness.js';
import type { NativeConnection, NativeHost } from './native.js';
import { PacketSender } from './packet-sender.js';
import { PacketReceiver } from './packet-receiver.js';
import { Paths, type PathsOwner } from './paths.js';
import { SendControl } from './send-control.js';
import {
  BIDIRECTIONAL,
  StreamTable,
  UNIDIRECTIONAL,
  type StreamTableOwner,
} from './stream-table.js';

/** RFC 9000 20.1. */
const INTERNAL_ERROR = 0x01;

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
export class QuicheConnection implements Connection, StreamTableOwner, TimerOwner, PathsOwner {
  readonly isServer: boolean;
  readonly native: NativeConnection;
  readonly closed: Promise<ConnectionCloseInfo>;
  readonly established: Promise<void>;
  /** Connection ids (latin1) under which the engine finds this connection. */
  readonly routes = new Set<string>();
  isScheduled = false;

  readonly #owner: ConnectionOwner;
  readonly #options: QuicheConnectionOptions;
  readonly #streams: StreamTable;
  readonly #timer: ConnectionTimer;
  readonly #guard: ConnectionGuard;
  readonly #sendControl: SendControl;
  readonly #handshake: Handshake;
  readonly #paths: Paths;
  readonly #datagrams: Datagrams;
  readonly #sender: PacketSender;
  readonly #receiver: PacketReceiver;
  readonly #liveness: Liveness;
  readonly #startedAt = performance.now();
  #state: 'handshaking' | 'early' | 'open' | 'flushing' | 'over' = 'handshaking';
  #resolveClosed!: (info: ConnectionCloseInfo) => void;
  #resolveEstablished!: () => void;
  #hasReceived = false;
  /** Packets came since the last tick. */
  #hasNews = false;
  #hasWritten = false;
  #closing: Closing | undefined;
  #failure: string | undefined;

  constructor(owner: ConnectionOwner, native: NativeConnection, options: QuicheConnectionOptions) {
    const { local, remote, settings } = options;
    this.#owner = owner;
    this.#options = options;
    this.native = native;
    this.isServer = options.isServer;
    this.#liveness = new Liveness(options.isServer, settings.idleTimeoutMs, this.#startedAt);
    this.#guard = new ConnectionGuard(native, options.isServer, options.guards, this.#startedAt);
    this.#streams = new StreamTable(this);
    this.#timer = new ConnectionTimer(this);
    const range = packetRange(local.host, remote.host, settings);
    this.#sendControl = new SendControl(native, settings, range);
    this.#datagrams = new Datagrams(native);
    this.#handshake = new Handshake(native, options);
    this.#paths = new Paths(this, owner, native, local, remote, options.log);
    const parts = { paths: this.#paths, control: this.#sendControl, guard: this.#guard };
    this.#sender = new PacketSender(this, owner, native, { ...parts, log: options.log });
    this.#receiver = new PacketReceiver(native, this.#paths, this.#guard, options.log);
    this.established = new Promise((resolve) => (this.#resolveEstablished = resolve));
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  get remoteHost(): string {
    return this.#paths.remoteHost;
  }

  get remotePort(): number {
    return this.#paths.remotePort;
  }

  get protocol(): string {
    return this.#handshake.protocol;
  }

  get isResumed(): boolean {
    return this.#handshake.isResumed;
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
    return !this.#handshake.isDone;
  }

  get peerCertificate(): Uint8Array {
    return this.#handshake.certificate;
  }

  get streamsCount(): number {
    return this.#streams.openedCount;
  }

  get queuedBytes(): number {
    return this.#streams.queuedBytes;
  }

  get isWorn(): boolean {
    return this.#streams.isWorn || this.#paths.isWorn;
  }

  get settings(): QuicSettings {
    return this.#options.settings;
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
    return this.isOpen ? this.#streams.open(BIDIRECTIONAL, handler) : undefined;
  }

  openUnidirectional(handler: StreamHandler): Stream | undefined {
    return this.isOpen ? this.#streams.open(UNIDIRECTIONAL, handler) : undefined;
  }

  get datagramBytesMax(): number {
    return this.isOpen ? this.#datagrams.bytesMax(this.#sendControl.packetBytes) : 0;
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (bytes.length > this.datagramBytesMax || !this.isOpen) return false;
    let isTaken = false;
    this.guard(() => {
      isTaken = this.#datagrams.send(bytes);
    });
    this.markDirty();
    return isTaken;
  }

  stats(): ConnectionStats {
    return this.#sendControl.stats();
  }

  migrate(local: LocalAddress): Promise<void> {
    return this.#paths.migrate(local, this.#guard);
  }

  close(code: number, reason: string): Promise<ConnectionCloseInfo> {
    assertCode(code);
    if (this.#state === 'handshaking') {
      this.#shut(true, code, reason);
    } else if (this.isOpen) {
      this.#state = 'flushing';
      this.#closing = new Closing(this.native, this.#streams, code, reason, {
        poll: () => this.markDirty(),
        late: () => this.#shut(true, code, reason),
      });
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
      this.#onHandshake(this.#handshake.beginEarly());
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
    this.#hasNews = true;
    this.#liveness.heardAtMs = performance.now();
    this.receiveUnknown(datagram, host, port, local);
  }

  /** A datagram from the peer's address that names no connection: perhaps a stateless reset. */
  receiveUnknown(datagram: Uint8Array, host: string, port: number, local: NativeHost): void {
    this.#sender.onPacketReceived(datagram.length);
    const violation = this.#receiver.receive(datagram, host, port, local);
    if (violation !== undefined) this.#shut(false, violation.code, violation.reason);
    this.markReadable();
  }

  /** Hands on what the received packets mean. */
  pump(): void {
    this.guard(() => {
      if (!this.#handshake.isDone) this.#onHandshake(this.#handshake.advance());
      const isNews = this.#hasReceived;
      this.#hasReceived = false;
      if (!isNews || this.#state === 'over' || this.#state === 'handshaking') return;
      if (!this.#paths.readEvents()) this.markReadable();
      this.#handshake.offerSession();
      // What may be a replay is not handed on: nothing says so of a datagram.
      const handler = this.#handshake.isDone ? this.#streams.handler : undefined;
      this.#guard.onDelivered(this.#datagrams.read(handler));
      this.#streams.onPackets();
      this.#guard.settle(this.#liveness.heardAtMs);
    });
  }

  /**
   * Sends what there is to send, and sets the timer for what is to be done without a packet. A lone
   * acknowledgement is put off until it `isLate`.
   */
  flush(isLate = false): void {
    this.isScheduled = false;
    const isQuiet = this.#state === 'open' && this.#handshake.isDone && !this.#hasReceived;
    if (!isLate && isQuiet && this.#sender.mayWait) return this.#owner.lateFlushes.add(this);
    this.guard(() => {
      if (this.#state === 'over') return;
      const isAll = this.#sendPackets();
      if (this.native.isClosed() || this.native.isDraining()) {
        this.#finish();
        return;
      }
      if (!isAll || this.#hasReceived) this.markDirty();
      else if (this.#closing !== undefined) this.#closeWhenDelivered(this.#closing);
      this.#timer.arm();
    });
  }

  /**
   * Called by the engine a few times a second: keep-alive, late handshakes, things to clear away.
   */
  tick(now: number): void {
    if (this.#state === 'over') return;
    this.guard(() => {
      if (!this.#handshake.isDone) {
        if (this.isServer && now - this.#startedAt > HANDSHAKE_MS_MAX) this.#shut(false, 0, '');
        return;
      }
      if (this.#liveness.isDue(now)) this.ask();
      if (!this.#hasNews) return;
      this.#hasNews = false;
      this.#paths.tick();
      this.#streams.countPlaces();
      this.#options.log?.onMetrics(this.stats());
    });
  }

  markDirty(isWork = true): void {
    if (isWork) this.#sender.hasWork = true;
    if (this.isScheduled || this.#state === 'over') return;
    this.isScheduled = true;
    this.#owner.schedule(this);
  }

  markWritten(): void {
    this.#hasWritten = true;
    this.markDirty();
  }

  onDelivered(bytes: number): void {
    this.#guard.onDelivered(bytes);
  }

  markReadable(): void {
    this.#hasReceived = true;
    this.markDirty(false);
  }

  addRoute(route: string): void {
    this.#owner.addRoute(this, route);
  }

  removeRoute(route: string): void {
    this.#owner.removeRoute(this, route);
  }

  assertUsable(): void {
    if (this.#state !== 'open') throw new QuicError('closed', 'the connection is not open');
  }

  onPathChanged(local: NativeHost, remote: NativeHost): void {
    const range = packetRange(local.host, remote.host, this.#options.settings);
    this.#sendControl.onPathChanged(range);
    this.markWritten();
    if (this.isServer) this.#streams.handler?.onPathChanged?.();
  }

  dueMs(): number | null {
    return this.native.timeout();
  }

  onDue(): void {
    this.guard(() => {
      this.native.onTimeout();
      this.markReadable();
      this.markDirty();
    });
  }

  isSilent(): boolean {
    return this.#state === 'open' && this.#liveness.isSilent(performance.now());
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

  #onHandshake(progress: Progress): void {
    if (progress.kind === 'early') this.#onUsable('early');
    else if (progress.kind === 'done') this.#onEstablished();
    else if (progress.kind === 'refused') {
      // The end of our handshake goes out first: without it the peer could not read why it is
      // refused.
      this.#sendPackets();
      this.#shut(true, progress.code, progress.reason);
    }
  }

  #onUsable(state: 'early' | 'open'): void {
    this.#state = state;
    this.#streams.start();
    this.#owner.onOpen(this);
  }

  #onEstablished(): void {
    this.#guard.onEstablished();
    const { keepAliveMs, migration } = this.#options.settings;
    this.#liveness.onEstablished(this.native.stats().peerMaxIdleTimeout, keepAliveMs);
    if (migration) this.#paths.begin();
    this.#options.log?.onEstablished();
    this.#resolveEstablished();
    if (this.#state === 'handshaking') this.#onUsable('open');
    else if (this.#state === 'early') this.#state = 'open';
    this.#owner.onEstablished(this);
  }

  #closeWhenDelivered(closing: Closing): void {
    if (!this.#handshake.isDone || this.#sender.isWaiting) return;
    if (closing.isDelivered(performance.now())) this.#shut(true, closing.code, closing.reason);
    else this.#sendPackets();
  }

  /** Ends the connection on the wire and here. */
  #shut(isApplication: boolean, code: number, reason: string): void {
    if (this.#state === 'over') return;
    try {
      this.native.close(isApplication, code, reasonBytes(reason));
      this.#sender.beginClosing();
      this.#sendPackets();
    } catch {
      // The peer learns it by silence.
    }
    this.#finish();
  }

  /** Returns false when there is more to send in the next turn. */
  #sendPackets(): boolean {
    this.#hasWritten = false;
    return this.#sender.send(this.#handshake.isDone);
  }

  #finish(): void {
    if (this.#state === 'over') return;
    const info = describeClose(this.native, this.#liveness.idleTimeoutMs);
    this.#state = 'over';
    this.#timer.stop();
    this.#closing?.stop();
    this.#sender.stop();
    this.#guard.close();
    this.#paths.abandon();
    this.#streams.abandon(info);
    this.#options.log?.onOver(info);
    this.#owner.onOver(this, info, info.local ? this.#sender.lastPacket : undefined);
    this.#resolveClosed(info);
  }
}
