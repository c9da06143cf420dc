import { strict as assert } from 'node:assert';
import type { ConnectionCloseInfo, ConnectionHandler } from '../connection.js';
import { FINISHED_STREAMS_REMEMBERED, STOP_POLL_MS, WORN_STREAMS } from '../limits.js';
import type { QuicSettings } from '../settings.js';
import type { StreamHandler } from '../stream.js';
import { flushByPriority } from './flush-order.js';
import type { NativeConnection } from './native.js';
import { Reaper } from './reaper.js';
import { QuicheStream } from './quiche-stream.js';
import type { StreamOwner } from './stream-owner.js';

/** What the streams ask of their connection. */
export interface StreamTableOwner {
  readonly native: NativeConnection;
  readonly isServer: boolean;
  readonly settings: QuicSettings;
  /** True while what the peer sends may be a replay. */
  readonly isEarlyData: boolean;
  /** Scratch space for reading. */
  readonly readBuffer: Uint8Array;
  markDirty(): void;
  markWritten(): void;
  markReadable(): void;
  /** Bytes of the peer went to a handler. */
  onDelivered(bytes: number): void;
  /** Runs something that may throw; the connection ends if it does. */
  guard(run: () => void): void;
}

/**
 * Place in the pairs below: RFC 9000 2.1 numbers bidirectional and unidirectional streams apart.
 */
export const BIDIRECTIONAL = 0;
export const UNIDIRECTIONAL = 1;
export type StreamType = typeof BIDIRECTIONAL | typeof UNIDIRECTIONAL;

/**
 * Up to so many streams it is cheaper to ask each whether it is readable than to have them listed.
 */
const ASKED_STREAMS_MAX = 24;
/** Looks in a row that found too few places for streams after which a connection is starved. */
const STARVED_LOOKS = 2;

/** The streams of one connection. */
export class StreamTable implements StreamOwner {
  queuedBytes = 0;
  absorbedBytes = 0;
  /** Streams opened so far, by both sides. */
  openedCount = 0;
  handler: ConnectionHandler | undefined;

  readonly #owner: StreamTableOwner;
  readonly #streams = new Map<number, QuicheStream>();
  readonly #blocked = new Set<QuicheStream>();
  readonly #paused = new Set<QuicheStream>();
  /** No longer paused, and holding what came meanwhile. */
  readonly #resumed = new Set<QuicheStream>();
  readonly #reaper: Reaper;
  /** Of streams that were given up before the peer heard of them. */
  readonly #unusedIds: [bidirectional: number[], unidirectional: number[]] = [[], []];
  /** Bytes read of all streams since the connection began. */
  #readBytes = 0;
  /** Streams opened here that the engine has not heard of yet. */
  readonly #unwritten = new Set<QuicheStream>();
  readonly #nextLocal: [bidirectional: number, unidirectional: number];
  readonly #nextPeer: [bidirectional: number, unidirectional: number];
  /** Types of streams that could not be opened: the handler waits to be told. */
  readonly #wanted: [bidirectional: boolean, unidirectional: boolean] = [false, false];
  /** Streams of the peer on which this side has not ended yet. */
  #openSendSides = 0;
  #polledStopsAt = 0;
  #stopTimer: NodeJS.Timeout | undefined;
  readonly #finishedIds = new Float64Array(FINISHED_STREAMS_REMEMBERED).fill(-1);
  #finishedCount = 0;
  #placesGranted = 0;
  #starvedLooks = 0;

  constructor(owner: StreamTableOwner) {
    this.#owner = owner;
    this.#reaper = new Reaper((run) => owner.guard(run));
    // RFC 9000 2.1: the two low bits say who opened a stream and of which type it is.
    this.#nextLocal = owner.isServer ? [1, 3] : [0, 2];
    this.#nextPeer = owner.isServer ? [0, 2] : [1, 3];
  }

  get native(): NativeConnection {
    return this.#owner.native;
  }

  /** True after very many streams, or when the peer's limit no longer recovers though they are over. */
  get isWorn(): boolean {
    return this.openedCount >= WORN_STREAMS || this.#starvedLooks >= STARVED_LOOKS;
  }

  /** The handshake is over: the limits of the peer are known. */
  start(): void {
    this.#placesGranted = this.native.peerStreamsLeftBidi();
  }

  /** A new stream of this side, or undefined at the limit of the peer. */
  open(type: StreamType, handler: StreamHandler): QuicheStream | undefined {
    let waitingCount = 0;
    for (const stream of this.#unwritten) {
      if (stream.isUnidirectional === (type === UNIDIRECTIONAL)) waitingCount += 1;
    }
    if (this.#placesLeft(type) <= waitingCount) {
      this.#wanted[type] = true;
      return undefined;
    }
    const unused = this.#unusedIds[type].pop();
    const stream = this.#add(unused ?? this.#nextLocal[type], true);
    if (unused === undefined) this.#nextLocal[type] += 4;
    stream.handler = handler;
    this.#unwritten.add(stream);
    return stream;
  }

  /** Packets have come: hands on data, and goes on with what waited for the peer. */
  onPackets(): void {
    for (const stream of this.#resumed) this.#readHeld(stream);
    const readBytes = this.#readBytes;
    if (this.native.isReadable()) this.#read();
    if (this.#paused.size > 0) this.#absorb();
    flushByPriority(this.#blocked);
    this.#offer();
    // A packet without data may well hold a STOP_SENDING, and quiche soon forgets its code.
    this.#pollStops(this.#readBytes === readBytes);
  }

  /** True while something waits for room in the engine. */
  get isWaiting(): boolean {
    return this.#blocked.size > 0;
  }

  /**
   * True when all that was written is known to have come: the streams have ended both ways and the
   * engine has forgotten them.
   */
  isAllFreed(): boolean {
    for (const stream of this.#streams.values()) if (stream.hasWritten) return false;
    for (let index = 0; index < FINISHED_STREAMS_REMEMBERED; index += 1) {
      const id = this.#finishedIds[index] ?? -1;
      if (id < 0) continue;
      try {
        this.native.streamCapacity(id);
        return false;
      } catch {
        // Freed, so the peer has it; or stopped, so it does not want it.
        this.#finishedIds[index] = -1;
      }
    }
    return true;
  }

  /**
   * quiche 0.18 loses the place of a stream that we stop while the peer has bytes buffered for it.
   * Of the places granted at least half are free or taken by a stream that lives (they come back in
   * halves).
   */
  countPlaces(): void {
    let livingCount = 0;
    for (const stream of this.#streams.values()) {
      if (stream.isLocal && !stream.isUnidirectional) livingCount += 1;
    }
    const isStarving = (this.#placesLeft(BIDIRECTIONAL) + livingCount) * 4 < this.#placesGranted;
    this.#starvedLooks = isStarving ? this.#starvedLooks + 1 : 0;
  }

  /** The connection is over. */
  abandon(info: ConnectionCloseInfo): void {
    clearTimeout(this.#stopTimer);
    this.#reaper.stop();
    this.#paused.clear();
    this.#resumed.clear();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    this.#blocked.clear();
    this.#unwritten.clear();
    for (const stream of streams) stream.abandon(info);
  }

  markDirty(): void {
    this.#owner.markDirty();
  }

  markWritten(): void {
    this.#owner.markWritten();
  }

  markReadable(): void {
    this.#owner.markReadable();
  }

  onDelivered(bytes: number): void {
    this.#readBytes += bytes;
    this.#owner.onDelivered(bytes);
  }

  markBlocked(stream: QuicheStream): void {
    this.#blocked.add(stream);
  }

  unmarkBlocked(stream: QuicheStream): void {
    this.#blocked.delete(stream);
  }

  onPause(stream: QuicheStream): void {
    this.#paused.add(stream);
    this.#resumed.delete(stream);
  }

  onResume(stream: QuicheStream): void {
    this.#paused.delete(stream);
    if (stream.isHolding) this.#resumed.add(stream);
    this.markReadable();
  }

  onStopping(stream: QuicheStream): void {
    this.#reaper.add(stream);
  }

  onFirstWrite(stream: QuicheStream): void {
    this.#unwritten.delete(stream);
  }

  onUnused(stream: QuicheStream): void {
    this.#unwritten.delete(stream);
    this.#streams.delete(stream.id);
    this.#unusedIds[stream.isUnidirectional ? UNIDIRECTIONAL : BIDIRECTIONAL].push(stream.id);
  }

  onSendDone(stream: QuicheStream): void {
    this.#unwritten.delete(stream);
    if (!stream.isLocal) this.#openSendSides -= 1;
  }

  onStreamDone(stream: QuicheStream): void {
    this.#paused.delete(stream);
    this.#resumed.delete(stream);
    if (!this.#streams.delete(stream.id) || !stream.isSentWhole) return;
    this.#finishedIds[this.#finishedCount % FINISHED_STREAMS_REMEMBERED] = stream.id;
    this.#finishedCount += 1;
  }

  #placesLeft(type: StreamType): number {
    return type === BIDIRECTIONAL
      ? this.native.peerStreamsLeftBidi()
      : this.native.peerStreamsLeftUni();
  }

  #add(id: number, isLocal: boolean): QuicheStream {
    const stream = new QuicheStream(this, id, isLocal, !isLocal && this.#owner.isEarlyData);
    this.openedCount += 1;
    this.#streams.set(id, stream);
    return stream;
  }

  #accept(type: StreamType): QuicheStream {
    const stream = this.#add(this.#nextPeer[type], false);
    this.#nextPeer[type] += 4;
    if (type === BIDIRECTIONAL) this.#openSendSides += 1;
    assert(this.handler !== undefined, 'setHandler is called before control returns to the loop');
    stream.handler = this.handler.onStream(stream);
    return stream;
  }

  #read(): void {
    const { native, readBuffer } = this.#owner;
    if (this.#streams.size <= ASKED_STREAMS_MAX) {
      for (const stream of this.#streams.values()) {
        if (!stream.isReceiveDone && !stream.isPaused && native.streamReadable(stream.id)) {
          stream.read(readBuffer);
        }
      }
      // Then the next that the peer would open.
      for (const type of [BIDIRECTIONAL, UNIDIRECTIONAL] as const) {
        while (native.streamReadable(this.#nextPeer[type])) this.#accept(type).read(readBuffer);
      }
      if (!native.isReadable()) return;
    }
    for (const id of native.readable()) this.#streamFor(id)?.read(readBuffer);
  }

  #readHeld(stream: QuicheStream): void {
    this.#resumed.delete(stream);
    stream.read(this.#owner.readBuffer);
  }

  /**
   * quiche 0.18 gives the peer more room on the connection only when less than half of its window is
   * left, and what paused streams have not read counts as left: a few of them can hold up all others
   * for ever. When that could be, what came for them is taken out of it, as much as quiche may lack of
   * the window that was promised.
   */
  #absorb(): void {
    const { connectionWindowBytes, streamWindowBytes } = this.#owner.settings;
    const takenBytes = Math.min(this.#readBytes, connectionWindowBytes);
    const leftBytes = connectionWindowBytes - takenBytes;
    if (this.#paused.size * streamWindowBytes < leftBytes) return;
    let room = takenBytes - this.absorbedBytes;
    for (const stream of this.#paused) {
      if (room <= 0) return;
      if (this.native.streamReadable(stream.id)) {
        room = stream.absorb(this.#owner.readBuffer, room);
      }
    }
  }

  #streamFor(id: number): QuicheStream | undefined {
    const type = (id & 2) === 0 ? BIDIRECTIONAL : UNIDIRECTIONAL;
    const isLocal = ((id & 1) === 1) === this.#owner.isServer;
    // RFC 9000 2.1: a stream opens all streams of its type with lower ids.
    if (!isLocal) while (this.#nextPeer[type] <= id) this.#accept(type);
    const stream = this.#streams.get(id);
    if (stream === undefined) this.#drop(id);
    return stream;
  }

  /** Data of a stream that is over for us: reading it lets quiche free it. */
  #drop(id: number): void {
    try {
      while (this.native.streamRecv(id, this.#owner.readBuffer) !== null);
    } catch {
      // Reset or freed: gone either way.
    }
  }

  #offer(): void {
    let isOffered = false;
    for (const type of [BIDIRECTIONAL, UNIDIRECTIONAL] as const) {
      if (!this.#wanted[type] || this.#placesLeft(type) <= 0) continue;
      this.#wanted[type] = false;
      isOffered = true;
    }
    if (isOffered) this.handler?.onStreamsAvailable();
  }

  #pollStops(isAtOnce: boolean): void {
    if (this.#openSendSides <= 0) return;
    if (!isAtOnce && this.#stopTimer !== undefined) return;
    const waitMs = this.#polledStopsAt + STOP_POLL_MS - performance.now();
    if (waitMs > 0 && !isAtOnce) {
      this.#stopTimer = setTimeout(() => {
        this.#stopTimer = undefined;
        this.#owner.guard(() => this.#pollStops(true));
      }, waitMs + 1);
      return;
    }
    this.#polledStopsAt = performance.now();
    for (const stream of this.#streams.values()) {
      const isWatched = !stream.isLocal && stream.isBegun && !stream.isSendDone;
      if (isWatched && stream.queuedBytes === 0) stream.pollStopped();
    }
  }
}
