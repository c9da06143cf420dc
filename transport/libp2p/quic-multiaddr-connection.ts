import type {
  AbortOptions,
  CounterGroup,
  Logger,
  MessageStreamDirection,
  StreamMuxerFactory,
  StreamOptions,
} from '@libp2p/interface';
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Connection, ConnectionCloseInfo } from '../quic/index.js';
import { abortable } from '../abortable.js';
import { CONNECTION_CODE } from './codes.js';
import { endingOf } from './ending.js';
import { CLOSE_LINGER_MS, CLOSE_LINGER_ROUND_TRIPS } from './limits.js';
import { MUXER_PROTOCOL, QuicMuxer } from './muxer.js';

export interface QuicMultiaddrConnectionInit {
  readonly remoteAddr: Multiaddr;
  readonly direction: MessageStreamDirection;
  readonly log: Logger;
  readonly metrics?: CounterGroup;
  readonly metricPrefix?: string;
  readonly streamOptions?: StreamOptions;
  /** Streams of the peer that may come before libp2p listens for them. */
  readonly earlyStreamsMax: number;
}

/**
 * A QUIC connection on its way through libp2p's upgrader. It must be made in the call in which the
 * engine says that the connection is open: from then on streams may come, and the muxer keeps them
 * until libp2p asks for it.
 */
export class QuicMultiaddrConnection extends AbstractMultiaddrConnection {
  readonly muxerFactory: StreamMuxerFactory;
  readonly #connection: Connection;
  readonly #muxer: QuicMuxer;

  constructor(connection: Connection, init: QuicMultiaddrConnectionInit) {
    super(init);
    this.#connection = connection;
    this.#muxer = new QuicMuxer(this, connection, {
      maxEarlyStreams: init.earlyStreamsMax,
      onWorn: () => this.#replace(),
      ...(init.streamOptions === undefined ? {} : { streamOptions: init.streamOptions }),
    });
    const muxer = this.#muxer;
    this.muxerFactory = { protocol: MUXER_PROTOCOL, createStreamMuxer: () => muxer };
    connection.setHandler({
      onStream: (stream) => muxer.onStream(stream),
      onStreamsAvailable: () => muxer.onStreamsAvailable(),
    });
    void connection.closed.then((info) => this.#onClosed(info));
  }

  /** Never called: libp2p writes to the streams of the muxer. */
  override sendData(): SendResult {
    throw new Error('a QUIC connection carries no bytes outside of its streams');
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    const roundTripsMs = CLOSE_LINGER_ROUND_TRIPS * this.#connection.stats().rttMs;
    const waiting = this.#muxer.streamsOver(CLOSE_LINGER_MS + roundTripsMs);
    await abortable(waiting, options?.signal);
    await abortable(this.#connection.close(CONNECTION_CODE.closed, ''), options?.signal);
  }

  override sendReset(): void {
    void this.#connection.close(CONNECTION_CODE.aborted, '');
  }

  /** Nothing to hold back: bytes come in streams, which are paused one by one. */
  override sendPause(): void {}

  override sendResume(): void {}

  /** The dialling side closes a connection that has served long enough; the next use dials anew. */
  #replace(): void {
    if (this.direction !== 'outbound') return;
    this.log('closed to be replaced: it has served long enough');
    this.close().catch((error: unknown) => {
      this.log.error('could not close - %e', error);
    });
  }

  #onClosed(info: ConnectionCloseInfo): void {
    if (this.status !== 'open' && this.status !== 'closing') return;
    const ending = endingOf(info);
    if (ending === 'reset') this.onRemoteReset();
    else this.onTransportClosed(ending === 'orderly' ? undefined : ending);
  }
}
