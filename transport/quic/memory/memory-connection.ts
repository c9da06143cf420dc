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
  ERROR_CODE_MAX,
  WORN_STREAMS,
} from '../limits.js';
import { QuicError } from '../quic-error.js';
import type { QuicSettings } from '../settings.js';
import type { Stream, StreamHandler } from '../stream.js';
import type { Fabric, Flusher } from './fabric.js';
import { frameBytes, isStreamFrame, type Frame, type PeerLimits } from './frame.js';
import { IdleWatch, type Watched } from './idle-watch.js';
import { Lane, type LaneEnd } from './lane.js';
import { LATE_ANSWERS_MAX, PACKET_BYTES } from './limits.js';
import { Path } from './path.js';
import { spoil } from './spoil.js';
import { StreamTable, type StreamTableOwner } from './stream-table.js';
import { cutText } from './text.js';

/** INTERNAL_ERROR of RFC 9000 20.1. */
const INTERNAL_ERROR = 1;

export interface ConnectionOptions {
  readonly fabric: Fabric;
  readonly isServer: boolean;
  readonly settings: QuicSettings;
  readonly local: LocalAddress;
  readonly remote: LocalAddress;
  /** What is done with the frames of the handshake, and when the connection is over. */
  readonly handshake: Handshake;
}

/** The side of a handshake that a connection is on. */
export interface Handshake {
  /** A frame of the handshake has come. */
  onHandshakeFrame(connection: MemoryConnection, frame: Frame): void;
  onOver(connection: MemoryConnection, info: ConnectionCloseInfo): void;
}

/**
 * One end of a connection.
 *
 *   handshaking --open()--> open --close()--> flushing --delivered or late--> over
 *        |                   |                   |                             ^
 *        +----- refused, failed, silent, closed by the peer -------------------+
 *
 * Early data opens a connection before `finishHandshake`.
 */
export class MemoryConnection implements Connection, LaneEnd, Flusher, StreamTableOwner, Watched {
  readonly isServer: boolean;
  readonly settings: QuicSettings;
  readonly lane: Lane;
  readonly established: Promise<void>;
  readonly closed: Promise<ConnectionCloseInfo>;
  protocol = '';
  peerCertificate: Uint8Array = new Uint8Array();
  isResumed = false;
  /** Why the connection ended, when a handler of this side threw. */
  failure: string | undefined;

  readonly #fabric: Fabric;
  readonly #handshake: Handshake;
  readonly #streams: StreamTable;
  readonly #watch: IdleWatch;
  readonly #path: Path;
  #state: 'handshaking' | 'open' | 'flushing' | 'over' = 'handshaking';
  #isEstablished = false;
  #peerDatagramBytesMax = 0;
  #datagrams: Uint8Array[] = [];
  /** What was sent early, to be sent again when the peer does not take it. */
  #earlyFrames: Frame[] = [];
  #isFlushRequested = false;
  #flushingTimer: NodeJS.Timeout | undefined;
  #closeRequest = { code: 0, reason: '' };
  #lastWord: Frame | undefined;
  #lateAnswers = 0;
  #counts = { sent: 0, received: 0, lost: 0, sentBytes: 0, receivedBytes: 0 };
  #resolveEstablished!: () => void;
  #resolveClosed!: (info: ConnectionCloseInfo) => void;

  constructor(options: ConnectionOptions) {
    this.#fabric = options.fabric;
    this.#handshake = options.handshake;
    this.isServer = options.isServer;
    this.settings = options.settings;
    this.lane = new Lane(this, options.local, options.remote);
    this.#streams = new StreamTable(this);
    this.#path = new Path(this.#fabric, this.lane);
    this.#watch = new IdleWatch(this, this.settings.idleTimeoutMs);
    this.established = new Promise((resolve) => {
      this.#resolveEstablished = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get remoteHost(): string {
    return this.lane.to.host;
  }

  get remotePort(): number {
    return this.lane.to.port;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  get isHandshaking(): boolean {
    return this.#state === 'handshaking';
  }

  get isEstablished(): boolean {
    return this.#isEstablished;
  }

  get isEarly(): boolean {
    return !this.isServer && this.#state === 'open' && !this.#isEstablished;
  }

  get isPeerEarly(): boolean {
    return this.isServer && !this.#isEstablished;
  }

  get streamsCount(): number {
    return this.#streams.openedCount;
  }

  get isWorn(): boolean {
    return this.#streams.openedCount >= WORN_STREAMS;
  }

  get queuedBytes(): number {
    return this.#streams.queuedBytes;
  }

  get keepAliveMs(): number {
    return this.#state === 'open' && this.#isEstablished ? this.settings.keepAliveMs : 0;
  }

  get datagramBytesMax(): number {
    return this.isOpen ? this.#peerDatagramBytesMax : 0;
  }

  setHandler(handler: ConnectionHandler): void {
    assert(this.#streams.handler === undefined, 'a connection has one handler');
    this.#streams.handler = handler;
  }

  openBidirectional(handler: StreamHandler): Stream | undefined {
    return this.isOpen ? this.#streams.open(false, handler) : undefined;
  }

  openUnidirectional(handler: StreamHandler): Stream | undefined {
    return this.isOpen ? this.#streams.open(true, handler) : undefined;
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (!this.isOpen || bytes.length > this.datagramBytesMax) return false;
    if (this.#datagrams.length >= DATAGRAMS_QUEUED_MAX) return false;
    this.#datagrams.push(new Uint8Array(bytes));
    this.requestFlush();
    return true;
  }

  stats(): ConnectionStats {
    const { sent, received, lost, sentBytes, receivedBytes } = this.#counts;
    return {
      rttMs: 2 * this.#fabric.latencyMs,
      congestionWindowBytes: this.settings.connectionWindowBytes,
      packetBytes: this.settings.packetBytes === 'auto' ? PACKET_BYTES : this.settings.packetBytes,
      sentPackets: sent,
      receivedPackets: received,
      lostPackets: lost,
      sentBytes,
      receivedBytes,
    };
  }

  async migrate(local: LocalAddress): Promise<void> {
    if (this.isServer) {
      const text = 'only the side that dialled can move to another address (RFC 9000 9)';
      throw new QuicError('migration-failed', text);
    }
    // RFC 9000 9: not before the handshake is confirmed.
    await Promise.race([this.established, this.closed]);
    if (!this.isOpen) throw new QuicError('closed', 'the connection is closed');
    await this.#path.move(local, this.closed);
  }

  close(code: number, reason: string): Promise<ConnectionCloseInfo> {
    assert(
      Number.isSafeInteger(code) && code >= 0 && code <= ERROR_CODE_MAX,
      'a close code must be an integer from 0 to 2^53 - 1',
    );
    if (this.#state === 'handshaking') {
      this.shut('application', code, reason);
    } else if (this.#state === 'open') {
      this.#state = 'flushing';
      this.#closeRequest = { code, reason };
      this.#flushingTimer = setTimeout(
        () => this.shut('application', code, reason),
        CLOSE_FLUSH_MS_MAX,
      );
      this.requestFlush();
    }
    return this.closed;
  }

  /** The connection can be used; `limits` are those of the peer, or remembered ones. */
  open(limits: PeerLimits): void {
    assert(this.#state === 'handshaking', 'a connection is opened once');
    this.#state = 'open';
    this.learn(limits);
  }

  /** The limits of the peer are known. */
  learn(limits: PeerLimits): void {
    this.#peerDatagramBytesMax = limits.datagramBytesMax;
    this.#watch.limit(limits.idleTimeoutMs);
    this.#streams.start(limits);
  }

  /** The handshake is over; what was sent early is sent again unless the peer took it. */
  finishHandshake(isEarlyTaken: boolean): void {
    this.#isEstablished = true;
    this.#watch.restart();
    const frames = this.#earlyFrames;
    this.#earlyFrames = [];
    if (!isEarlyTaken) for (const frame of frames) this.#transmit(frame);
    this.#resolveEstablished();
  }

  /** Judges the peer; when it is refused, it is told and this returns false. */
  judge(authenticate: Authenticate, certificate: Uint8Array | undefined): boolean {
    const verdict = authenticate(certificate);
    if (!verdict.isAccepted) this.shut('application', verdict.code, verdict.reason);
    else if (certificate !== undefined) this.peerCertificate = certificate;
    return verdict.isAccepted;
  }

  send(frame: Frame): void {
    if (this.#state === 'over') return;
    const isEarly = !this.isServer && !this.#isEstablished;
    if (isEarly && isStreamFrame(frame)) this.#earlyFrames.push(frame);
    this.#transmit(frame);
  }

  requestFlush(): void {
    if (this.#isFlushRequested || this.#state === 'over') return;
    this.#isFlushRequested = true;
    this.#fabric.requestFlush(this);
  }

  flush(): void {
    this.#isFlushRequested = false;
    this.guard(() => {
      if (this.#state === 'over') return;
      const datagrams = this.#datagrams;
      this.#datagrams = [];
      for (const bytes of datagrams) this.#transmit({ kind: 'datagram', bytes });
      this.#streams.flush();
      this.#closeWhenDelivered();
    });
  }

  onFrame(frame: Frame, from: LocalAddress): void {
    this.#counts.received += 1;
    this.#counts.receivedBytes += frameBytes(frame);
    if (this.#state === 'over') {
      this.#answerLate(frame);
      return;
    }
    this.#watch.heard();
    this.guard(() => this.#dispatch(frame, from));
  }

  onDelivered(): void {
    if (this.#state === 'over') return;
    this.#watch.heard();
    this.guard(() => this.#closeWhenDelivered());
  }

  onLost(): void {
    this.#counts.lost += 1;
  }

  ask(): void {
    this.#transmit({ kind: 'ping' });
  }

  onIdle(): void {
    const reason = `nothing was heard from the peer for ${this.#watch.idleTimeoutMs} ms`;
    this.#finish({ kind: 'idle', code: 0, reason, local: false });
  }

  /** Ends the connection on the wire and here. */
  shut(kind: 'application' | 'transport', code: number, reason: string): void {
    if (this.#state === 'over') return;
    const text = cutText(reason, CLOSE_REASON_BYTES_MAX);
    this.#lastWord = { kind: 'close', closeKind: kind, code, reason: text };
    this.#transmit(this.#lastWord);
    this.#finish({ kind, code, reason: text, local: true });
  }

  /** A handler of this connection may throw: then this connection ends, no other. */
  guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.failure ??= error instanceof Error ? error.message : String(error);
      // The text stays here: it may say things that are not for the peer.
      this.shut('transport', INTERNAL_ERROR, '');
    }
  }

  #dispatch(frame: Frame, from: LocalAddress): void {
    switch (frame.kind) {
      case 'hello':
      case 'welcome':
      case 'finished':
      case 'ticket':
        this.#handshake.onHandshakeFrame(this, frame);
        break;
      case 'close': {
        const { closeKind: kind, code, reason } = frame;
        this.#finish({ kind, code, reason, local: false });
        break;
      }
      case 'datagram':
        if (this.#isEstablished) this.#streams.handler?.onDatagram?.(frame.bytes);
        spoil(frame.bytes);
        break;
      case 'probe':
        this.#path.answer(from);
        break;
      case 'probe-answer':
        this.#path.onAnswer();
        break;
      case 'moved':
        this.#path.onPeerMoved(from);
        this.#streams.handler?.onPathChanged?.();
        break;
      case 'ping':
        break;
      default:
        // Early data that was not taken comes again after the handshake.
        if (this.#state !== 'handshaking') this.#streams.onFrame(frame);
    }
  }

  #transmit(frame: Frame): void {
    this.#counts.sent += 1;
    this.#counts.sentBytes += frameBytes(frame);
    this.#fabric.send(this.lane, frame);
  }

  #closeWhenDelivered(): void {
    if (this.#state !== 'flushing' || !this.#streams.isSent() || !this.lane.isQuiet) return;
    // What went early may have to be sent again.
    if (!this.isServer && !this.#isEstablished) return;
    const { code, reason } = this.#closeRequest;
    this.shut('application', code, reason);
  }

  /** The peer missed the end: it is told again (RFC 9000 10.2.1). */
  #answerLate(frame: Frame): void {
    if (frame.kind === 'close' || this.#lastWord === undefined) return;
    if (this.#lateAnswers >= LATE_ANSWERS_MAX) return;
    this.#lateAnswers += 1;
    this.#transmit(this.#lastWord);
  }

  #finish(info: ConnectionCloseInfo): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#watch.stop();
    this.#path.stop();
    clearTimeout(this.#flushingTimer);
    this.#streams.abandon(info);
    this.#handshake.onOver(this, info);
    this.#resolveClosed(info);
  }
}
