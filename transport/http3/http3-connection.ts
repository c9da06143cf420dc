import type { Connection, ConnectionCloseInfo, Stream, StreamHandler } from '../quic/index.js';
import { decodeDatagram, encodeDatagram } from './datagram.js';
import {
  Exchange,
  type ExchangeHandler,
  type ExchangeOwner,
  type ForeignStream,
} from './exchange.js';
import { FRAME, STREAM_TYPE, encodeFrame } from './frame.js';
import { HTTP3_CODES, Http3Error } from './http3-error.js';
import {
  QPACK_ANSWER_BYTES_MAX,
  QPACK_BLOCKED_STREAMS_MAX,
  QPACK_TABLE_BYTES_MAX,
} from './limits.js';
import { PeerStreams, type PeerStreamOwner } from './peer-streams.js';
import { QpackDecoder } from './qpack/decoder.js';
import { QpackEncoder } from './qpack/encoder.js';
import type { Field } from './qpack/static-table.js';
import {
  OWN_SETTINGS,
  SETTING,
  decodeSettings,
  encodeSettings,
  type Settings,
} from './settings.js';
import { concat } from './bytes.js';
import { encodeVarint, readVarint } from './varint.js';

/** Who uses a connection of HTTP/3. */
export interface Http3Options {
  /** Settings beyond those of HTTP/3 itself. */
  readonly settings?: Settings;
  /** Servers: a request begins; returns who handles it. */
  readonly onRequest?: (exchange: Exchange) => ExchangeHandler;
  /** The peer opened a stream of a WebTransport session; returns who handles it. */
  readonly onForeignStream?: (stream: ForeignStream) => StreamHandler;
  /** A datagram of the request on `streamId`; bytes are only valid during the call. */
  readonly onDatagram?: (streamId: number, payload: Uint8Array) => void;
  /** The SETTINGS of the peer came. */
  readonly onSettings?: (settings: Settings) => void;
  /**
   * Whether the streams of the peer should wait: they stay with its limit until `resumeStreams` was
   * called and this is false.
   */
  readonly isBusy?: () => boolean;
  /** Streams can be opened again. */
  readonly onStreamsAvailable?: () => void;
  /** A server told that it takes no more requests (GOAWAY). */
  readonly onGoAway?: () => void;
}

/** Errors of a single request (RFC 9114 8): the connection goes on. */
const STREAM_ERRORS: ReadonlySet<string> = new Set([
  'message-error',
  'request-incomplete',
  'request-cancelled',
  'request-rejected',
  'connect-error',
]);

const nothing = (): void => undefined;

/**
 * HTTP/3 (RFC 9114) on a connection of QUIC, for both sides. Must be made where the handler of the
 * connection is to be set. What the peer does against the protocol closes the connection with the
 * code of the RFC.
 */
export class Http3Connection implements ExchangeOwner, PeerStreamOwner {
  readonly quic: Connection;
  readonly onForeignStream: ((stream: ForeignStream) => StreamHandler) | undefined;

  readonly #options: Http3Options;
  readonly #encoder = new QpackEncoder();
  readonly #decoder = new QpackDecoder({
    tableBytesMax: QPACK_TABLE_BYTES_MAX,
    blockedStreamsMax: QPACK_BLOCKED_STREAMS_MAX,
  });
  readonly #exchanges = new Map<number, Exchange>();
  readonly #peerStreams: PeerStreams;
  #control: Stream | undefined;
  #encoderStream: Stream | undefined;
  #decoderStream: Stream | undefined;
  #peerSettings: Settings | undefined;
  /** Servers: requests from this stream id on were not taken; clients: are not to be made. */
  #goAwayId = Infinity;
  #nextRequestId = 0;
  #isClosing = false;
  /** The peer broke the protocol: nothing that still comes is looked at. */
  #hasFailed = false;
  /** Streams of the peer that were not looked at yet. */
  readonly #waiting: Stream[] = [];
  #isResuming = false;

  constructor(quic: Connection, options: Http3Options) {
    this.quic = quic;
    this.#options = options;
    this.onForeignStream = options.onForeignStream;
    this.#peerStreams = new PeerStreams(this);
    quic.setHandler({
      onStream: (stream) => this.#onStream(stream),
      onStreamsAvailable: () => options.onStreamsAvailable?.(),
      onDatagram: (bytes) => this.#onDatagram(bytes),
    });
    this.guard(() => this.#openStreams());
  }

  get isServer(): boolean {
    return this.quic.isServer;
  }

  /** Undefined until they came. */
  get peerSettings(): Settings | undefined {
    return this.#peerSettings;
  }

  /** True when the peer takes datagrams of HTTP/3 (RFC 9297 2.1.1). */
  get hasDatagrams(): boolean {
    return this.#peerSettings?.get(SETTING.h3Datagram) === 1;
  }

  get closed(): Promise<ConnectionCloseInfo> {
    return this.quic.closed;
  }

  /** Clients: a new request, or undefined when the peer takes none now. */
  request(
    fields: readonly Field[],
    handler: ExchangeHandler,
    isFinal = false,
  ): Exchange | undefined {
    if (this.#goAwayId !== Infinity || this.#isClosing) return undefined;
    const holder: { exchange?: Exchange } = {};
    const stream = this.quic.openBidirectional(new LateHandler(() => holder.exchange));
    if (stream === undefined) return undefined;
    const exchange = new Exchange(this, stream);
    holder.exchange = exchange;
    exchange.handler = handler;
    this.#exchanges.set(stream.id, exchange);
    exchange.sendFields(fields, isFinal);
    return exchange;
  }

  /** A stream of the session that the request on `sessionId` opened, or undefined at the limit. */
  openForeign(
    isUnidirectional: boolean,
    sessionId: number,
    handler: StreamHandler,
  ): Stream | undefined {
    const stream = isUnidirectional
      ? this.quic.openUnidirectional(handler)
      : this.quic.openBidirectional(handler);
    const type = isUnidirectional ? STREAM_TYPE.webTransport : FRAME.webTransportStream;
    stream?.write(concat(encodeVarint(type), encodeVarint(sessionId)));
    return stream;
  }

  /** Largest payload of a datagram of the request on `streamId`. */
  datagramBytesMax(streamId: number): number {
    if (!this.hasDatagrams) return 0;
    return Math.max(this.quic.datagramBytesMax - encodeVarint(streamId / 4).length, 0);
  }

  /** False when it was dropped here. */
  sendDatagram(streamId: number, payload: Uint8Array): boolean {
    return this.hasDatagrams && this.quic.sendDatagram(encodeDatagram({ streamId, payload }));
  }

  /** Servers: takes no more requests (GOAWAY, RFC 9114 5.2); those that run go on. */
  goAway(): void {
    if (this.#goAwayId !== Infinity) return;
    this.#goAwayId = this.isServer ? this.#nextRequestId : 0;
    this.#control?.write(encodeFrame(FRAME.goAway, encodeVarint(this.#goAwayId)));
  }

  /** Looks at the streams that wait, one each turn, until it is busy again. */
  resumeStreams(): void {
    if (this.#isResuming || this.#waiting.length === 0) return;
    this.#isResuming = true;
    setImmediate(() => {
      this.#isResuming = false;
      if (this.#options.isBusy?.() === true || !this.quic.isOpen) return;
      this.#waiting.shift()?.resume();
      this.resumeStreams();
    });
  }

  close(code: keyof typeof HTTP3_CODES = 'no-error', reason = ''): Promise<ConnectionCloseInfo> {
    this.#isClosing = true;
    return this.quic.close(HTTP3_CODES[code], reason);
  }

  encodeFields(streamId: number, fields: readonly Field[]): Uint8Array {
    const section = this.#encoder.encode(streamId, fields);
    this.#writeQpack();
    return section;
  }

  decodeFields(streamId: number, section: Uint8Array): readonly Field[] | undefined {
    const fields = this.#decoder.decode(streamId, section);
    this.#writeQpack();
    return fields;
  }

  cancelFields(streamId: number): void {
    this.guard(() => {
      this.#decoder.cancel(streamId);
      this.#writeQpack();
    });
  }

  onFirstFrame({ stream }: Exchange): void {
    if (stream.isLocal) return;
    if (!this.isServer) {
      throw new Http3Error('stream-creation-error', 'a server opened a bidirectional stream');
    }
    if (stream.id >= this.#goAwayId) {
      throw new Http3Error('request-rejected', 'this server takes no more requests');
    }
  }

  onExchangeOver(exchange: Exchange): void {
    this.#exchanges.delete(exchange.stream.id);
  }

  /** Runs something of an exchange, or of the connection. */
  guard(...args: [exchange: Exchange, run: () => void] | [run: () => void]): void {
    const run = args.length === 2 ? args[1] : args[0];
    if (this.#hasFailed) return;
    try {
      run();
    } catch (error) {
      const failure =
        error instanceof Http3Error ? error : new Http3Error('internal-error', 'a handler failed');
      const isOfStream = STREAM_ERRORS.has(failure.code) || failure.code === 'internal-error';
      if (args.length === 2 && isOfStream) args[0].fail(failure);
      else this.#fail(failure);
    }
  }

  onControlFrame(type: number, payload: Uint8Array): void {
    if (type === FRAME.settings) this.#onSettings(decodeSettings(payload));
    if (type === FRAME.goAway) this.#onGoAway(integerOf(payload));
    if (type === FRAME.maxPushId) integerOf(payload);
  }

  onEncoderBytes(bytes: Uint8Array): void {
    for (const { streamId, fields } of this.#decoder.receiveInstructions(bytes)) {
      this.#exchanges.get(streamId)?.onUnblocked(fields);
    }
    this.#writeQpack();
  }

  onDecoderBytes(bytes: Uint8Array): void {
    this.#encoder.receiveAnswers(bytes);
  }

  #fail(failure: Http3Error): void {
    this.#hasFailed = true;
    void this.close(failure.code, failure.message);
  }

  #openStreams(): void {
    const open = (type: number, first: Uint8Array): Stream => {
      const stream = this.quic.openUnidirectional({
        onData: nothing,
        onReset: nothing,
        // RFC 9114 6.2.1: a peer must not stop them either.
        onStopped: () =>
          this.guard(() => {
            throw new Http3Error('closed-critical-stream', `the peer stopped the stream ${type}`);
          }),
        onDrained: nothing,
        onConnectionClosed: nothing,
      });
      if (stream === undefined) {
        throw new Http3Error('stream-creation-error', 'the peer allows fewer than three streams');
      }
      stream.write(concat(encodeVarint(type), first));
      return stream;
    };
    const settings = new Map([...OWN_SETTINGS, ...(this.#options.settings ?? [])]);
    this.#control = open(STREAM_TYPE.control, encodeSettings(settings));
    this.#encoderStream = open(STREAM_TYPE.qpackEncoder, new Uint8Array());
    this.#decoderStream = open(STREAM_TYPE.qpackDecoder, new Uint8Array());
  }

  #onStream(stream: Stream): StreamHandler {
    if (this.#waiting.length > 0 || this.#options.isBusy?.() === true) {
      stream.pause();
      this.#waiting.push(stream);
    }
    if (stream.isUnidirectional) return this.#peerStreams.accept(stream);
    const exchange = new Exchange(this, stream);
    this.#exchanges.set(stream.id, exchange);
    this.#nextRequestId = Math.max(this.#nextRequestId, stream.id + 4);
    exchange.handler = this.#options.onRequest?.(exchange);
    return exchange;
  }

  #onDatagram(bytes: Uint8Array): void {
    this.guard(() => {
      const { streamId, payload } = decodeDatagram(bytes);
      this.#options.onDatagram?.(streamId, payload);
    });
  }

  #onSettings(settings: Settings): void {
    this.#peerSettings = settings;
    this.#encoder.setPeerLimits(
      settings.get(SETTING.qpackTableBytesMax) ?? 0,
      settings.get(SETTING.qpackBlockedStreamsMax) ?? 0,
    );
    this.#writeQpack();
    this.#options.onSettings?.(settings);
  }

  /** RFC 9114 5.2. */
  #onGoAway(id: number): void {
    // A client says with it which pushes it takes; there are none.
    if (this.isServer) return;
    if (id % 4 !== 0 || id > this.#goAwayId) {
      throw new Http3Error(
        'id-error',
        `GOAWAY with ${id}, which is no request or more than before`,
      );
    }
    this.#goAwayId = id;
    for (const exchange of this.#exchanges.values()) {
      if (exchange.stream.isLocal && exchange.stream.id >= id) {
        exchange.fail(new Http3Error('request-rejected', 'the server takes no more requests'));
      }
    }
    this.#options.onGoAway?.();
  }

  #writeQpack(): void {
    const instructions = this.#encoder.takeInstructions();
    if (instructions.length > 0) this.#encoderStream?.write(instructions);
    const answers = this.#decoder.takeAnswers();
    if (answers.length > 0) this.#decoderStream?.write(answers);
    if ((this.#decoderStream?.queuedBytes ?? 0) > QPACK_ANSWER_BYTES_MAX) {
      throw new Http3Error('excessive-load', 'the peer does not read the decoder stream');
    }
  }
}

/** Hands on to an exchange that is made only once its stream is there. */
class LateHandler implements StreamHandler {
  readonly #target: () => StreamHandler | undefined;

  constructor(target: () => StreamHandler | undefined) {
    this.#target = target;
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    this.#target()?.onData(bytes, isFinal);
  }

  onReset(code: number): void {
    this.#target()?.onReset(code);
  }

  onStopped(code: number): void {
    this.#target()?.onStopped(code);
  }

  onDrained(): void {
    this.#target()?.onDrained();
  }

  onConnectionClosed(info: ConnectionCloseInfo): void {
    this.#target()?.onConnectionClosed(info);
  }
}

function integerOf(payload: Uint8Array): number {
  const integer = readVarint(payload, 0);
  if (integer === undefined || integer.end !== payload.length) {
    throw new Http3Error('frame-error', 'a frame does not hold one integer');
  }
  return integer.value;
}
