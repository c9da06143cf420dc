import type { AbortOptions, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import {
  AbstractStream,
  StreamClosedError,
  type AbstractStreamInit,
  type SendResult,
} from '@libp2p/utils';
import type { ConnectionCloseInfo, Stream, StreamHandler } from '../quic/index.js';
import { abortable } from '../abortable.js';
import { STREAM_RESET_CODE } from './codes.js';
import { endingOf } from './ending.js';
import { Libp2pTransportError } from './libp2p-transport-error.js';
import { MESSAGE_BYTES_MAX, STREAM_READ_BYTES_PAUSE, STREAM_WRITE_BYTES_MAX } from './limits.js';

/** `Uint8ArrayList`, whose package is a dependency of libp2p, not of ours. */
type ByteList = Parameters<AbstractStream['sendData']>[0];
type Bytes = StreamMessageEvent['data'];

/** Who wants no more bytes for now: whoever called `pause`, our buffer, or a slow `for await`. */
type Hold = 'application' | 'buffer' | 'iterator';

const NO_BYTES = new Uint8Array();

/**
 * A QUIC stream as libp2p 3 uses it. Back-pressure goes both ways: `send` returns false from the
 * byte on that the engine has to queue, and `drain` follows; what nobody takes from us is left in the
 * engine, whose flow-control window then stops the peer.
 */
export class QuicMessageStream extends AbstractStream {
  readonly #stream: Stream;
  readonly #holds = new Set<Hold>();

  constructor(stream: Stream, init: AbstractStreamInit) {
    super({
      maxMessageSize: MESSAGE_BYTES_MAX,
      ...init,
      maxWriteBufferLength: init.maxWriteBufferLength ?? STREAM_WRITE_BYTES_MAX,
    });
    this.#stream = stream;
  }

  override sendData(data: ByteList): SendResult {
    const canSendMore = this.#stream.write(data.subarray());
    return { sentBytes: data.byteLength, canSendMore };
  }

  override sendReset(): void {
    this.#stream.reset(STREAM_RESET_CODE);
    this.#stream.stop(STREAM_RESET_CODE);
  }

  override sendPause(): void {
    this.#hold('application', true);
  }

  override sendResume(): void {
    this.#hold('application', false);
  }

  override sendCloseWrite(): Promise<void> {
    this.#stream.write(NO_BYTES, true);
    return Promise.resolve();
  }

  /**
   * The peer is not told (STOP_SENDING): quiche 0.18 would end our side of the stream with it. What
   * still comes is read and dropped, so that the end of the peer is seen.
   */
  override sendCloseRead(_options?: AbortOptions): Promise<void> {
    for (const hold of this.#holds) this.#hold(hold, false);
    return Promise.resolve();
  }

  /**
   * Waits for `drain`, or rejects when the stream closes first. The one of `AbstractMessageStream`
   * keeps the promise of its first call, which later calls then find fulfilled.
   */
  override async onDrain(options?: AbortOptions): Promise<void> {
    if (!this.writableNeedsDrain) return;
    let onDrain!: () => void;
    let onClose!: (event: StreamCloseEvent) => void;
    const drained = new Promise<void>((resolve, reject) => {
      onDrain = resolve;
      onClose = (event) => reject(event.error ?? new StreamClosedError());
      this.addEventListener('drain', onDrain);
      this.addEventListener('close', onClose);
    });
    try {
      await abortable(drained, options?.signal);
    } finally {
      this.removeEventListener('drain', onDrain);
      this.removeEventListener('close', onClose);
    }
  }

  /**
   * Chunks as they come. The one of `AbstractStream` takes them without a bound; this one lets the
   * peer wait while its reader is busy.
   */
  override async *[Symbol.asyncIterator](): AsyncGenerator<Bytes> {
    const chunks: Bytes[] = [];
    let bytes = 0;
    let isOver = this.#isReadOver();
    let error: Error | undefined;
    let wake: (() => void) | undefined;
    const onMessage = (event: StreamMessageEvent): void => {
      chunks.push(event.data);
      bytes += event.data.byteLength;
      if (bytes >= STREAM_READ_BYTES_PAUSE) this.#hold('iterator', true);
      wake?.();
    };
    const onClose = (event: StreamCloseEvent): void => {
      error = event.error;
      isOver = error !== undefined || this.#isReadOver();
      wake?.();
    };
    const onEnd = (): void => {
      isOver = true;
      wake?.();
    };
    this.addEventListener('message', onMessage);
    this.addEventListener('close', onClose);
    this.addEventListener('end', onEnd);
    try {
      for (;;) {
        const next = chunks.shift();
        if (next !== undefined) {
          bytes -= next.byteLength;
          if (bytes < STREAM_READ_BYTES_PAUSE) this.#hold('iterator', false);
          yield next;
        } else if (isOver) {
          if (error !== undefined) throw error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.removeEventListener('message', onMessage);
      this.removeEventListener('close', onClose);
      this.removeEventListener('end', onEnd);
      this.#hold('iterator', false);
    }
  }

  /** What was not sent is of no use any more. */
  override onRemoteReset(): void {
    this.writeBuffer.consume(this.writeBuffer.byteLength);
    super.onRemoteReset();
  }

  protected override dispatchReadBuffer(): void {
    super.dispatchReadBuffer();
    this.#hold('buffer', this.readBuffer.byteLength >= this.#bufferBytesPause());
  }

  /** From the engine: bytes, which are valid during the call only. */
  onBytes(bytes: Uint8Array, isFinal: boolean): void {
    if (bytes.length > 0) this.onData(new Uint8Array(bytes));
    if (isFinal) this.onRemoteCloseWrite();
  }

  /** From the engine: the peer gave up sending. */
  onPeerReset(): void {
    if (!this.#isAlive()) return;
    if (this.readStatus === 'closing' || this.readStatus === 'closed') {
      // We did not want it any more either; our own side goes on.
      this.onRemoteCloseWrite();
      return;
    }
    this.onRemoteReset();
    this.#stream.reset(STREAM_RESET_CODE);
  }

  /** From the engine: the peer does not want what we send. */
  onPeerStopped(): void {
    this.onRemoteCloseRead();
    if (!this.#isAlive() || this.writeStatus === 'closed') return;
    // From here on `send` throws, which is how its callers learn it; those that wait are woken up.
    this.writeStatus = 'closed';
    if (this.writableNeedsDrain) this.safeDispatchEvent('drain');
    if (this.remoteWriteStatus === 'closed') this.onTransportClosed();
  }

  /**
   * From the engine: what was written has been taken. Writers are told when that is true of all that
   * they have written, not only of what the engine held: else a writer who adds more each time would
   * fill our buffer.
   */
  onDrained(): void {
    if (this.writeBuffer.byteLength > 0) {
      this.writableNeedsDrain = false;
      try {
        this.processSendQueue();
      } catch {
        // The stream has been aborted with this error.
        return;
      }
      if (this.writableNeedsDrain) return;
    }
    this.safeDispatchEvent('drain');
  }

  /** From the engine: the connection is over. */
  onConnectionOver(info: ConnectionCloseInfo): void {
    if (!this.#isAlive()) return;
    const ending = endingOf(info);
    if (ending === 'reset') {
      this.onRemoteReset();
    } else if (ending !== 'orderly') {
      this.onTransportClosed(ending);
    } else if (info.local || this.remoteWriteStatus === 'closed') {
      this.onTransportClosed();
    } else {
      // Whoever reads must not take this for the end of what the peer had to say.
      const what = 'the peer closed the connection before it ended the stream';
      this.onTransportClosed(new Libp2pTransportError('connection-lost', what));
    }
  }

  #isAlive(): boolean {
    return this.status === 'open' || this.status === 'closing';
  }

  #isReadOver(): boolean {
    return this.readableEnded || (this.readBuffer.byteLength === 0 && !this.#isReading());
  }

  #isReading(): boolean {
    return this.readStatus === 'readable' || this.readStatus === 'paused';
  }

  /** Leaves room for one more read of the engine below the length at which libp2p aborts. */
  #bufferBytesPause(): number {
    const room = this.maxReadBufferLength - MESSAGE_BYTES_MAX;
    return Math.max(Math.min(STREAM_READ_BYTES_PAUSE, room), 1);
  }

  #hold(hold: Hold, isHeld: boolean): void {
    if (isHeld === this.#holds.has(hold)) return;
    if (isHeld) this.#holds.add(hold);
    else this.#holds.delete(hold);
    if (this.#holds.size > 0) this.#stream.pause();
    else this.#stream.resume();
  }
}

/** Hands on what the engine tells to a stream that is made a moment later than its handler. */
export class StreamRelay implements StreamHandler {
  target: QuicMessageStream | undefined;

  onData(bytes: Uint8Array, isFinal: boolean): void {
    this.target?.onBytes(bytes, isFinal);
  }

  onReset(): void {
    this.target?.onPeerReset();
  }

  onStopped(): void {
    this.target?.onPeerStopped();
  }

  onDrained(): void {
    this.target?.onDrained();
  }

  onConnectionClosed(info: ConnectionCloseInfo): void {
    this.target?.onConnectionOver(info);
  }
}
