import type { NativeConnection } from './native.js';
import type { QuicheStream } from './quiche-stream.js';

/** What a stream asks of its connection. */
export interface StreamOwner {
  readonly native: NativeConnection;
  /** Bytes that wait in the queues of all its streams. */
  queuedBytes: number;
  /** Bytes that were taken out of the engine for streams that are paused. */
  absorbedBytes: number;
  /** Something was asked of the engine: packets must go out soon. */
  markDirty(): void;
  /** The same for bytes: they must be on their way before the next packet is heard. */
  markWritten(): void;
  /** Read the streams again, though no packet came. */
  markReadable(): void;
  /** The stream has a queue: try again when packets came. */
  markBlocked(stream: QuicheStream): void;
  unmarkBlocked(stream: QuicheStream): void;
  /** The first bytes of a stream that we opened are on their way to the engine. */
  onFirstWrite(stream: QuicheStream): void;
  /** This side of a stream that the peer opened is over. */
  onSendDone(stream: QuicheStream): void;
  /** Bytes of the peer went to a handler. */
  onDelivered(bytes: number): void;
  /** A stream of this side is given up before anything was written: its id can be used again. */
  onUnused(stream: QuicheStream): void;
  onPause(stream: QuicheStream): void;
  onResume(stream: QuicheStream): void;
  /** The peer has been told to stop: see to it that the engine frees the stream. */
  onStopping(stream: QuicheStream): void;
  /** Both sides are over: forget the stream. */
  onStreamDone(stream: QuicheStream): void;
}
