import { strict as assert } from 'node:assert';
import type { ConnectionCloseInfo } from '../connection.js';
import { HELD_COST_BYTES_MIN, STREAM_QUEUE_BYTES_MAX } from '../limits.js';
import { QuicError } from '../quic-error.js';
import type { Stream, StreamHandler } from '../stream.js';
import { assertCode } from './codes.js';
import { codeInside, isStreamGone } from './native-errors.js';
import type { StreamOwner } from './stream-owner.js';
import { SHUTDOWN_READ, SHUTDOWN_WRITE } from './native.js';

interface QueuedWrite {
  readonly bytes: Uint8Array;
  readonly isFinal: boolean;
  offset: number;
}

/** What came of a stream while it was paused, taken out of the engine. */
interface HeldBytes {
  readonly bytes: Uint8Array;
  /** What it counts for: a stream that is over takes memory however short it was. */
  readonly cost: number;
  readonly isFinal: boolean;
}

/** Told to the peer when a handler threw: there is no better code. */
const HANDLER_THREW_CODE = 0;
const NOTHING = new Uint8Array();
/** Room for what is read to be dropped. */
const SCRATCH_BYTES = 1_024;
/** RFC 9218 4.1. */
const URGENCY_MAX = 7;
const URGENCY_DEFAULT = 3;
/** Urgency 3 of RFC 9218 is quiche's default, which streams have that nobody set one for. */
const URGENCY_BASE = 127 - URGENCY_DEFAULT;
/** Answers of `#send` that are no number of bytes. */
const NOTHING_TAKEN = -1;
const STREAM_OVER = -2;

/**
 * A stream of quiche: writes go straight to the engine, and wait here only when it takes no more.
 */
export class QuicheStream implements Stream {
  readonly id: number;
  readonly isUnidirectional: boolean;
  readonly isLocal: boolean;
  readonly isEarly: boolean;
  queuedBytes = 0;
  isReceiveDone: boolean;
  isSendDone: boolean;
  isPaused = false;
  urgency = URGENCY_DEFAULT;
  isIncremental = true;
  handler: StreamHandler | undefined;

  readonly #owner: StreamOwner;
  #queue: QueuedWrite[] = [];
  #isEnding = false;
  #isDiscarding = false;
  #writtenBytes = -1;
  #held: HeldBytes[] = [];
  /** This side ended with all that was written, so that the peer will have it. */
  isSentWhole = false;
  /** The engine has taken the end, and sends it and what is before it again until all is acknowledged. */
  #hasTakenEnd = false;
  /**
   * The engine knows this stream. It does not yet when the peer opened it, a packet was lost or late,
   * and a later stream of the same type has come (RFC 9000 2.1).
   */
  isBegun: boolean;

  constructor(owner: StreamOwner, id: number, isLocal: boolean, isEarly: boolean) {
    this.#owner = owner;
    this.id = id;
    this.isLocal = isLocal;
    this.isBegun = isLocal;
    this.isEarly = isEarly;
    this.isUnidirectional = (id & 2) !== 0;
    this.isReceiveDone = this.isUnidirectional && isLocal;
    this.isSendDone = this.isUnidirectional && !isLocal;
  }

  write(bytes: Uint8Array, isFinal = false): boolean {
    if (this.isSendDone) return true;
    assert(!this.#isEnding, 'nothing may be written to a stream after its final bytes');
    if (this.queuedBytes + bytes.length > STREAM_QUEUE_BYTES_MAX) {
      throw new QuicError(
        'limit',
        `stream ${this.id} holds ${this.queuedBytes} bytes that the peer does not read; no more are taken`,
      );
    }
    this.#isEnding = isFinal;
    if (this.#writtenBytes < 0) {
      this.#writtenBytes = 0;
      if (this.isLocal) this.#owner.onFirstWrite(this);
    }
    this.#writtenBytes += bytes.length;
    const taken = this.#queue.length === 0 ? this.#send(bytes, isFinal) : NOTHING_TAKEN;
    this.#owner.markWritten();
    if (taken === STREAM_OVER) return true;
    if (taken === bytes.length) {
      if (isFinal) this.#endSend(true);
      return true;
    }
    this.#queue.push({ bytes, isFinal, offset: Math.max(taken, 0) });
    this.#addQueued(bytes.length - Math.max(taken, 0));
    this.#owner.markBlocked(this);
    return false;
  }

  reset(code: number): void {
    assertCode(code);
    if (this.isSendDone) return;
    if (this.isLocal && this.#writtenBytes < 0) {
      // The peer has not heard of it, and never will.
      this.isSendDone = true;
      this.isReceiveDone = true;
      this.#owner.onUnused(this);
      return;
    }
    this.#shutdown(SHUTDOWN_WRITE, code);
    this.#endSend();
    this.#owner.markDirty();
  }

  cut(): void {
    if (this.isSendDone) return;
    this.#send(NOTHING, true);
    this.#endSend();
    this.#owner.markDirty();
  }

  stop(code: number): void {
    assertCode(code);
    if (this.isReceiveDone || this.#isDiscarding) return;
    this.resume();
    this.#dropHeld();
    this.#owner.markReadable();
    if (!this.isLocal) {
      // quiche 0.18 never frees a stream of the peer that was stopped after our side ended, and its
      // place among the peer's streams would be lost: what still comes is read and dropped instead.
      this.#isDiscarding = true;
      return;
    }
    this.#readAway();
    this.#shutdown(SHUTDOWN_READ, code);
    this.isReceiveDone = true;
    this.#owner.onStopping(this);
    this.#settle();
  }

  /**
   * Of a stream that was stopped here and has ended: makes quiche look whether it is complete, as it
   * does when something of the stream is acknowledged. To be asked again until it returns true, when
   * nothing is left to do.
   */
  reap(): boolean {
    if (!this.isSendDone) return false;
    try {
      this.#owner.native.streamCapacity(this.id);
      // The end once more, a frame without bytes: what was lost on the way is still sent again.
      if (this.#hasTakenEnd) this.#owner.native.streamSend(this.id, NOTHING, true);
      else this.#owner.native.streamShutdown(this.id, SHUTDOWN_WRITE, 0);
    } catch {
      return true;
    }
    this.#owner.markDirty();
    return !this.#hasTakenEnd;
  }

  setPriority(urgency: number, isIncremental: boolean): void {
    assert(
      Number.isSafeInteger(urgency) && urgency >= 0 && urgency <= URGENCY_MAX,
      `the urgency of a stream must be an integer from 0 to ${URGENCY_MAX}`,
    );
    if (this.isSendDone) return;
    this.urgency = urgency;
    this.isIncremental = isIncremental;
    try {
      // quiche has 128 urgencies before its default of 127, and lower ones go first.
      this.#owner.native.streamPriority(this.id, URGENCY_BASE + urgency, isIncremental);
    } catch (error) {
      this.#onSendError(error);
    }
  }

  pause(): void {
    if (this.isPaused || this.isReceiveDone || this.#isDiscarding) return;
    this.isPaused = true;
    this.#owner.onPause(this);
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#owner.onResume(this);
  }

  get hasWritten(): boolean {
    return this.#writtenBytes > 0 || (this.#writtenBytes === 0 && this.isSendDone);
  }

  /** True when there is something to hand over that the engine no longer has. */
  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** Hands over what has come. `buffer` is scratch space. */
  read(buffer: Uint8Array): void {
    while (!this.isPaused && !this.isReceiveDone) {
      const held = this.#held.shift();
      if (held === undefined) {
        const received = this.#receive(buffer);
        if (received === undefined) return;
        this.#hand(buffer.subarray(0, received[0]), received[1]);
      } else {
        this.#owner.absorbedBytes -= held.cost;
        this.#hand(held.bytes, held.isFinal);
      }
    }
  }

  /**
   * While it is paused: takes what has come out of the engine, so that it fills no window that others
   * need. Takes at most about `room` bytes and returns what is left of it.
   */
  absorb(buffer: Uint8Array, room: number): number {
    let left = room;
    while (left > 0 && this.#held.at(-1)?.isFinal !== true) {
      const received = this.#receive(buffer);
      if (received === undefined) break;
      const [length, isFinal] = received;
      const cost = Math.max(length, HELD_COST_BYTES_MIN);
      this.#held.push({ bytes: Uint8Array.from(buffer.subarray(0, length)), cost, isFinal });
      this.#owner.absorbedBytes += cost;
      left -= cost;
    }
    return left;
  }

  #receive(buffer: Uint8Array): [length: number, isFinal: boolean] | undefined {
    if (!this.isBegun) this.isBegun = this.#owner.native.streamReadable(this.id);
    // Of a stream that was reset and stopped quiche forgets the second with the first.
    if (!this.isLocal && this.isBegun && !this.isSendDone) this.pollStopped();
    if (this.isReceiveDone) return undefined;
    try {
      const received = this.#owner.native.streamRecv(this.id, buffer);
      if (received === null) return undefined;
      this.isBegun = true;
      this.#owner.onDelivered(received[0]);
      return received;
    } catch (error) {
      this.#onReceiveError(error);
      return undefined;
    }
  }

  #hand(bytes: Uint8Array, isFinal: boolean): void {
    if (isFinal) this.isReceiveDone = true;
    if (!this.#isDiscarding && (bytes.length > 0 || isFinal)) {
      this.#call(() => this.handler?.onData(bytes, isFinal));
    }
    if (isFinal) this.#settle();
  }

  /**
   * Hands queued writes to the engine, at most about `bytesMax`, and never more than it has room for:
   * otherwise it would tell the peer each time that it is held up. Returns false when there was no
   * progress.
   */
  flushQueue(bytesMax: number): boolean {
    let left = bytesMax;
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined) break;
      const room = this.#capacity();
      if (room < 0) return true;
      const length = Math.min(next.bytes.length - next.offset, room, left);
      const isEnd = next.offset + length === next.bytes.length;
      if (!this.isBegun || (length === 0 && !isEnd)) return left < bytesMax;
      const piece = next.bytes.subarray(next.offset, next.offset + length);
      const taken = this.#send(piece, isEnd && next.isFinal);
      if (taken === STREAM_OVER) return true;
      if (taken < 0) return left < bytesMax;
      next.offset += taken;
      left -= taken;
      this.#addQueued(-taken);
      this.#owner.markWritten();
      if (taken < piece.length || !isEnd) return true;
      this.#queue.shift();
      if (next.isFinal) this.#endSend(true);
    }
    this.#owner.unmarkBlocked(this);
    this.#call(() => this.handler?.onDrained());
    return true;
  }

  /** Bytes that the engine takes now, or a negative number when the stream is over. */
  #capacity(): number {
    if (!this.isBegun) return 0;
    try {
      return this.#owner.native.streamCapacity(this.id);
    } catch (error) {
      this.#onSendError(error);
      return STREAM_OVER;
    }
  }

  /** Asks the engine whether the peer stopped this stream: it says so only when asked. */
  pollStopped(codeUnknown = 0): void {
    try {
      this.#owner.native.streamCapacity(this.id);
    } catch (error) {
      this.#onSendError(error, codeUnknown);
    }
  }

  /** The connection is over. */
  abandon(info: ConnectionCloseInfo): void {
    this.#owner.queuedBytes -= this.queuedBytes;
    this.queuedBytes = 0;
    this.#queue = [];
    this.isReceiveDone = true;
    this.isSendDone = true;
    this.#call(() => this.handler?.onConnectionClosed(info));
  }

  #dropHeld(): void {
    for (const { cost } of this.#held) this.#owner.absorbedBytes -= cost;
    this.#held = [];
  }

  /** What has come but was not read would be lost to the window of the connection. */
  #readAway(): void {
    const scratch = new Uint8Array(SCRATCH_BYTES);
    try {
      while (this.#owner.native.streamRecv(this.id, scratch) !== null);
    } catch {
      // Reset, ended or freed: nothing is left.
    }
  }

  #send(bytes: Uint8Array, isFinal: boolean): number {
    if (!this.isBegun) return NOTHING_TAKEN;
    try {
      const taken = this.#owner.native.streamSend(this.id, bytes, isFinal) ?? NOTHING_TAKEN;
      if (isFinal && taken === bytes.length) this.#hasTakenEnd = true;
      return taken;
    } catch (error) {
      this.#onSendError(error);
      return STREAM_OVER;
    }
  }

  #onSendError(error: unknown, codeUnknown = 0): void {
    const code = codeInside(error, 'StreamStopped');
    // Anything else is not about this stream alone: let the connection fail.
    if (code === undefined && !isStreamGone(error)) throw error;
    this.#endSend();
    this.#owner.markDirty();
    this.#call(() => this.handler?.onStopped(code ?? codeUnknown));
  }

  #onReceiveError(error: unknown): void {
    const code = codeInside(error, 'StreamReset');
    if (code === undefined && !isStreamGone(error)) throw error;
    this.isBegun = true;
    this.isReceiveDone = true;
    this.#dropHeld();
    if (!this.#isDiscarding) this.#call(() => this.handler?.onReset(code ?? 0));
    // The peer may have stopped it as well, as `stop` does with one code for both: once quiche has
    // answered that, it no longer knows.
    if (!this.isSendDone) this.pollStopped(code ?? 0);
    this.#settle();
  }

  #shutdown(direction: number, code: number): void {
    try {
      this.#owner.native.streamShutdown(this.id, direction, code);
    } catch {
      // The engine has freed the stream already: there is nothing to shut down.
    }
  }

  #endSend(isWhole = false): void {
    if (this.isSendDone) return;
    this.isSendDone = true;
    this.isSentWhole = isWhole;
    this.#owner.queuedBytes -= this.queuedBytes;
    this.queuedBytes = 0;
    this.#queue = [];
    this.#owner.unmarkBlocked(this);
    this.#owner.onSendDone(this);
    this.#settle();
  }

  #settle(): void {
    if (this.isSendDone && this.isReceiveDone) this.#owner.onStreamDone(this);
  }

  #addQueued(bytes: number): void {
    this.queuedBytes += bytes;
    this.#owner.queuedBytes += bytes;
  }

  #call(notify: () => void): void {
    try {
      notify();
    } catch {
      // A handler that throws loses its stream, not the loop.
      this.reset(HANDLER_THREW_CODE);
      this.stop(HANDLER_THREW_CODE);
    }
  }
}
