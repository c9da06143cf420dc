import {
  MuxerClosedError,
  type AbortOptions,
  type CreateStreamOptions,
  type MultiaddrConnection,
  type StreamOptions,
} from '@libp2p/interface';
import { AbstractStreamMuxer } from '@libp2p/utils';
import type { Connection, Stream, StreamHandler } from '../quic/index.js';
import { Libp2pTransportError } from './libp2p-transport-error.js';
import { STREAMS_WAITING_MAX, STREAM_WAIT_MS_MAX } from './limits.js';
import { QuicMessageStream, StreamRelay } from './message-stream.js';

/** As it appears in `connection.multiplexer`. */
export const MUXER_PROTOCOL = '/quic-v1';

/** Somebody who waits for a stream. */
interface Waiting {
  readonly options: CreateStreamOptions;
  resolve(stream: QuicMessageStream): void;
  reject(error: Error): void;
}

/** The streams of one QUIC connection: QUIC multiplexes by itself, this only tells libp2p. */
export class QuicMuxer extends AbstractStreamMuxer<QuicMessageStream> {
  readonly #connection: Connection;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();

  readonly #onWorn: () => void;

  /**
   * `onWorn` is called when the last stream is over of a connection that should be replaced by a
   * fresh one.
   */
  constructor(
    owner: MultiaddrConnection,
    connection: Connection,
    init: {
      readonly streamOptions?: StreamOptions;
      readonly maxEarlyStreams: number;
      readonly onWorn: () => void;
    },
  ) {
    super(owner, { protocol: MUXER_PROTOCOL, name: 'quic', ...init });
    this.#connection = connection;
    this.#onWorn = init.onWorn;
  }

  /** A stream of this side; waits while the peer allows no more, for as long as the signal allows. */
  override onCreateStream(
    options: CreateStreamOptions,
  ): QuicMessageStream | Promise<QuicMessageStream> {
    options.signal?.throwIfAborted();
    if (this.#waiting.size === 0) {
      const stream = this.#open(options);
      if (stream !== undefined) return stream;
    }
    if (!this.#connection.isOpen) throw new MuxerClosedError();
    if (this.#waiting.size >= STREAMS_WAITING_MAX) {
      throw new Libp2pTransportError(
        'limit',
        `${STREAMS_WAITING_MAX} calls wait for streams of this connection already; close streams that are not needed`,
      );
    }
    return this.#wait(options);
  }

  /** Never called: all bytes of the connection belong to streams. */
  override onData(): void {
    throw new Error('a QUIC connection carries no bytes outside of its streams');
  }

  /** From the engine: the peer opened a stream. */
  onStream(stream: Stream): StreamHandler {
    const relay = new StreamRelay();
    relay.target = this.#wrap(stream, 'inbound', {});
    this.onRemoteStream(relay.target);
    return relay;
  }

  /** From the engine: the peer allows more streams. */
  onStreamsAvailable(): void {
    for (const waiting of this.#waiting) {
      const stream = this.#open(waiting.options);
      if (stream === undefined) return;
      waiting.resolve(stream);
    }
  }

  override close(options?: AbortOptions): Promise<void> {
    this.#rejectWaiting();
    return super.close(options);
  }

  override abort(error: Error): void {
    this.#rejectWaiting();
    super.abort(error);
  }

  override onTransportClosed(error?: Error): void {
    this.#rejectWaiting();
    super.onTransportClosed(error);
  }

  /** Resolves when all streams are over, on the side of the peer too, or `waitMs` later. */
  async streamsOver(waitMs: number): Promise<void> {
    if (this.streams.length === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitMs);
    });
    const over = this.streams.map(
      (stream) =>
        new Promise<unknown>((resolve) => {
          stream.addEventListener('close', resolve, { once: true });
        }),
    );
    await Promise.race([Promise.all(over), late]);
    clearTimeout(timer);
  }

  #open(options: CreateStreamOptions): QuicMessageStream | undefined {
    const relay = new StreamRelay();
    const stream = this.#connection.openBidirectional(relay);
    if (stream === undefined) return undefined;
    relay.target = this.#wrap(stream, 'outbound', options);
    return relay.target;
  }

  #wait(options: CreateStreamOptions): Promise<QuicMessageStream> {
    const signal = options.signal ?? AbortSignal.timeout(STREAM_WAIT_MS_MAX);
    return new Promise<QuicMessageStream>((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(waiting);
        signal.removeEventListener('abort', onAbort);
      };
      const waiting: Waiting = {
        options,
        resolve: (stream) => {
          settle();
          resolve(stream);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const onAbort = (): void => waiting.reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiting);
    });
  }

  #rejectWaiting(): void {
    for (const waiting of this.#waiting) waiting.reject(new MuxerClosedError());
  }

  #wrap(
    stream: Stream,
    direction: 'inbound' | 'outbound',
    options: CreateStreamOptions,
  ): QuicMessageStream {
    const { maxReadBufferLength, maxWriteBufferLength, inactivityTimeout } = {
      ...this.streamOptions,
      ...options,
    };
    const wrapped = new QuicMessageStream(stream, {
      id: `${stream.id}`,
      direction,
      log: this.log.newScope(`stream:${direction}:${stream.id}`),
      ...(maxReadBufferLength === undefined ? {} : { maxReadBufferLength }),
      ...(maxWriteBufferLength === undefined ? {} : { maxWriteBufferLength }),
      ...(inactivityTimeout === undefined ? {} : { inactivityTimeout }),
    });
    wrapped.addEventListener('close', () => {
      // `AbstractStreamMuxer` hears of it after us, and then takes the stream from its list.
      queueMicrotask(() => {
        if (this.#connection.isWorn && this.streams.length === 0) this.#onWorn();
      });
    });
    return wrapped;
  }
}
