import type { LinkStream, LinkStreamHandler } from '../webtransport/link.js';
import { SessionError } from '../webtransport/session-error.js';
import { CREDIT_BYTES_MAX, PIECE_BYTES_MAX, STREAM_WINDOW_BYTES } from './limits.js';
import type { Message } from './wire.js';

/** What a stream asks of its session. */
export interface StreamOwner {
  /** The socket holds so much already that streams should wait. */
  readonly isSocketBusy: boolean;
  send(message: Message): void;
  /** Both sides are over. */
  onStreamOver(stream: MultiplexedStream): void;
}

interface QueuedWrite {
  readonly bytes: Uint8Array;
  readonly isFinal: boolean;
  offset: number;
}

/**
 * One stream of a session over WebSocket. It sends as far as the credit of the peer and the socket
 * allow; it gives credit for what somebody has taken, so that the rest stays with the peer.
 */
export class MultiplexedStream implements LinkStream {
  readonly id: number;
  readonly isUnidirectional: boolean;
  readonly isLocal: boolean;
  handler: LinkStreamHandler | undefined;
  readonly #owner: StreamOwner;
  /** Bytes that the peer takes. */
  #creditBytes: number;
  #queue: QueuedWrite[] = [];
  /** Bytes that the peer may still send. */
  #windowBytes = STREAM_WINDOW_BYTES;
  /** Bytes taken for which no credit was given yet. */
  #takenBytes = 0;
  #held: Uint8Array[] = [];
  #isHeldFinal = false;
  #isPaused = false;
  #isDelivering = false;
  #isStopped = false;
  #isSendOver: boolean;
  #isReceiveOver: boolean;
  #isOver = false;

  constructor(owner: StreamOwner, id: number, isLocal: boolean, creditBytes: number) {
    this.#owner = owner;
    this.id = id;
    this.isLocal = isLocal;
    this.isUnidirectional = (id & 2) !== 0;
    this.#creditBytes = creditBytes;
    this.#isSendOver = this.isUnidirectional && !isLocal;
    this.#isReceiveOver = this.isUnidirectional && isLocal;
  }

  write(bytes: Uint8Array, isFinal: boolean): boolean {
    if (this.#isSendOver) return true;
    this.#queue.push({ bytes, isFinal, offset: 0 });
    this.flush();
    return this.#queue.length === 0;
  }

  reset(code: number): void {
    if (this.#isSendOver) return;
    this.#owner.send({ kind: 'reset', id: this.id, code });
    this.#endSend();
  }

  stop(code: number): void {
    if (this.#isReceiveOver || this.#isStopped) return;
    this.#isStopped = true;
    this.#held = [];
    if (this.#isHeldFinal) this.#endReceive();
    else this.#owner.send({ kind: 'stop', id: this.id, code });
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#deliver();
  }

  /** Sends what waits, as far as it goes. */
  flush(): void {
    while (!this.#owner.isSocketBusy) {
      const next = this.#queue[0];
      if (next === undefined) return;
      const left = next.bytes.length - next.offset;
      const length = Math.min(left, this.#creditBytes, PIECE_BYTES_MAX);
      if (length === 0 && left > 0) return;
      const isLast = length === left;
      const bytes = next.bytes.subarray(next.offset, next.offset + length);
      this.#owner.send({ kind: 'data', id: this.id, isFinal: isLast && next.isFinal, bytes });
      next.offset += length;
      this.#creditBytes -= length;
      if (!isLast) continue;
      this.#queue.shift();
      if (next.isFinal) this.#endSend();
      else if (this.#queue.length === 0) this.handler?.onDrained();
    }
  }

  /** Throws `SessionError` with code `protocol`. */
  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (this.#isReceiveOver || this.#isHeldFinal) {
      throw new SessionError('protocol', `data of stream ${this.id} after its end`);
    }
    this.#windowBytes -= bytes.length;
    if (this.#windowBytes < 0) {
      throw new SessionError('protocol', `stream ${this.id} sent more than it had credit for`);
    }
    this.#isHeldFinal = isFinal;
    if (this.#isStopped) {
      if (isFinal) this.#endReceive();
      return;
    }
    if (bytes.length > 0) this.#held.push(bytes);
    this.#deliver();
  }

  onReset(code: number): void {
    if (this.#isReceiveOver) return;
    this.#held = [];
    if (!this.#isStopped) this.handler?.onReset(code);
    this.#endReceive();
  }

  onStopped(code: number): void {
    if (this.#isSendOver) return;
    this.reset(code);
    this.handler?.onStopped(code);
  }

  /** Throws `SessionError` with code `protocol`. */
  onCredit(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes > CREDIT_BYTES_MAX) {
      throw new SessionError('protocol', `too much credit for stream ${this.id}`);
    }
    this.flush();
  }

  lose(error: SessionError): void {
    this.#isOver = true;
    this.#queue = [];
    this.#held = [];
    this.#isSendOver = true;
    this.#isReceiveOver = true;
    this.handler?.onLost(error);
  }

  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    while (!this.#isPaused && !this.#isReceiveOver && !this.#isStopped) {
      const bytes = this.#held.shift();
      const isLast = this.#held.length === 0 && this.#isHeldFinal;
      if (bytes === undefined && !isLast) break;
      this.handler?.onData(bytes ?? new Uint8Array(), isLast);
      if (isLast) this.#endReceive();
      else this.#give(bytes?.length ?? 0);
    }
    this.#isDelivering = false;
  }

  #give(bytes: number): void {
    this.#takenBytes += bytes;
    if (this.#takenBytes < STREAM_WINDOW_BYTES / 2 || this.#isStopped) return;
    this.#windowBytes += this.#takenBytes;
    this.#owner.send({ kind: 'credit', id: this.id, bytes: this.#takenBytes });
    this.#takenBytes = 0;
  }

  #endSend(): void {
    this.#isSendOver = true;
    this.#queue = [];
    this.#settle();
  }

  #endReceive(): void {
    this.#isReceiveOver = true;
    this.#settle();
  }

  #settle(): void {
    if (this.#isOver || !this.#isSendOver || !this.#isReceiveOver) return;
    this.#isOver = true;
    this.#owner.onStreamOver(this);
  }
}
