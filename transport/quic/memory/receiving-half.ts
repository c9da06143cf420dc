import type { StreamData } from './frame.js';
import { spoil } from './spoil.js';

/** What a receiving half asks of its connection. */
export interface Window {
  /** So many bytes were read or dropped: the peer may send as many again. */
  onRead(bytes: number): void;
  /** Tells the peer how far it may send on this stream. */
  allow(id: number, bytesMax: number): void;
}

/**
 * The half of a stream that receives.
 *
 *   open --final bytes handed over, reset, stopped, closed--> done
 */
export class ReceivingHalf {
  isDone: boolean;
  isPaused = false;
  /** Nothing is handed over any more, but the peer does not know. */
  isDiscarding = false;

  readonly #id: number;
  readonly #window: Window;
  readonly #windowBytes: number;
  #pieces: StreamData[] = [];
  #readBytes = 0;
  #bytesMax: number;
  #isFinalKnown = false;

  constructor(id: number, window: Window, windowBytes: number, isDone: boolean) {
    this.#id = id;
    this.#window = window;
    this.#windowBytes = windowBytes;
    this.#bytesMax = windowBytes;
    this.isDone = isDone;
  }

  add(piece: StreamData): void {
    if (this.isDone) {
      this.#window.onRead(piece.bytes.length);
      return;
    }
    if (piece.isFinal) this.#isFinalKnown = true;
    this.#pieces.push(piece);
  }

  /** Hands over what has come, unless it is paused. */
  deliver(handOver: (bytes: Uint8Array, isFinal: boolean) => void): void {
    while (!this.isDone && (!this.isPaused || this.isDiscarding)) {
      const piece = this.#pieces.shift();
      if (piece === undefined) return;
      const { bytes, isFinal } = piece;
      if (isFinal) this.isDone = true;
      this.#onRead(bytes.length);
      if (this.isDiscarding || (bytes.length === 0 && !isFinal)) continue;
      handOver(bytes, isFinal);
      spoil(bytes);
    }
  }

  /** Nothing more is handed over; what has come counts as read. */
  abandon(): void {
    for (const { bytes } of this.#pieces) this.#window.onRead(bytes.length);
    this.#pieces = [];
    this.isDone = true;
  }

  /** Half a window is free: the peer is told, in as few frames as that. */
  #onRead(bytes: number): void {
    this.#readBytes += bytes;
    this.#window.onRead(bytes);
    const used = this.#windowBytes - (this.#bytesMax - this.#readBytes);
    if (this.#isFinalKnown || used * 2 < this.#windowBytes) return;
    this.#bytesMax = this.#readBytes + this.#windowBytes;
    this.#window.allow(this.#id, this.#bytesMax);
  }
}
