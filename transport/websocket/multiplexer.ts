import type { Link, LinkStream, LinkStreamHandler } from '../webtransport/link.js';
import type { CloseInfo } from '../webtransport/session.js';
import { SessionError } from '../webtransport/session-error.js';
import { WebSession } from '../webtransport/web-session.js';
import {
  CREDIT_BYTES_MAX,
  DATAGRAM_BYTES_MAX,
  SOCKET_BYTES_BUSY,
  SOCKET_BYTES_DATAGRAMS_MAX,
  SOCKET_BYTES_MAX,
  STREAMS_MAX,
  STREAM_ID_MAX,
  STREAM_WINDOW_BYTES,
} from './limits.js';
import { MultiplexedStream, type StreamOwner } from './multiplexed-stream.js';
import { decodeMessage, encodeMessage, type Message } from './wire.js';

/** What carries the messages: a WebSocket of either side. */
export interface Socket {
  send(message: Uint8Array<ArrayBuffer>): void;
  /** Bytes that it has not sent yet. */
  readonly bufferedBytes: number;
  /** Sends what it has, then ends. */
  close(): void;
  /** Ends at once. */
  terminate(): void;
}

/** Bidirectional and unidirectional streams are counted apart. */
type Pair = [bidirectional: number, unidirectional: number];

/**
 * A session over a WebSocket: streams with credit, datagrams, a close. No I/O and no clock:
 * messages come in through `receive`, and go out through the socket.
 *
 *   start -> waiting for hello -> open --close, lost, protocol error--> over
 */
export class Multiplexer implements Link, StreamOwner {
  readonly session = new WebSession();
  readonly #socket: Socket;
  readonly #isServer: boolean;
  readonly #streams = new Map<number, MultiplexedStream>();
  readonly #nextLocal: Pair;
  readonly #nextPeer: Pair;
  /** Streams that we may still open, and that the peer may. */
  readonly #places: Pair = [0, 0];
  readonly #peerPlaces: Pair = [STREAMS_MAX, STREAMS_MAX];
  /** Places of streams that are over, to be given once there is room for more. */
  readonly #placesOwed: Pair = [0, 0];
  #peerWindowBytes = 0;
  #hasHello = false;
  #isOver = false;

  constructor(socket: Socket, isServer: boolean) {
    this.#socket = socket;
    this.#isServer = isServer;
    this.#nextLocal = isServer ? [1, 3] : [0, 2];
    this.#nextPeer = isServer ? [0, 2] : [1, 3];
  }

  get hasHello(): boolean {
    return this.#hasHello;
  }

  get isSocketBusy(): boolean {
    return this.#socket.bufferedBytes > SOCKET_BYTES_BUSY;
  }

  get datagramBytesMax(): number {
    return DATAGRAM_BYTES_MAX;
  }

  /** The socket is open. */
  start(): void {
    this.send({ kind: 'hello', streams: STREAMS_MAX, windowBytes: STREAM_WINDOW_BYTES });
  }

  /** A message came. Bytes stay with the session. */
  receive(bytes: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#onMessage(decodeMessage(bytes));
    } catch (error) {
      const isOurs = error instanceof SessionError;
      this.lose(isOurs ? error.message : 'a handler failed');
    }
  }

  /** The socket has room again. */
  onWritable(): void {
    if (this.#isOver) return;
    for (const stream of this.#streams.values()) {
      if (this.isSocketBusy) return;
      stream.flush();
    }
  }

  /** The socket is gone, or has to go. */
  lose(why: string): void {
    if (this.#isOver) return;
    const error = this.#hasHello
      ? new SessionError('session-closed', `the session was lost: ${why}`)
      : new SessionError('refused', `the session was not opened: ${why}`);
    this.#end(error);
    this.session.onClosed(error);
    this.#socket.terminate();
  }

  open(isUnidirectional: boolean, handler: LinkStreamHandler): LinkStream | undefined {
    const type = isUnidirectional ? 1 : 0;
    const id = this.#nextLocal[type];
    if (this.#isOver || this.#places[type] <= 0 || id > STREAM_ID_MAX) return undefined;
    this.#places[type] -= 1;
    this.#nextLocal[type] += 4;
    const stream = new MultiplexedStream(this, id, true, this.#peerWindowBytes);
    stream.handler = handler;
    this.#streams.set(id, stream);
    // The peer learns of it before anything is written.
    this.send({ kind: 'data', id, isFinal: false, bytes: new Uint8Array() });
    return stream;
  }

  sendDatagram(bytes: Uint8Array): void {
    if (bytes.length > DATAGRAM_BYTES_MAX) return;
    if (this.#socket.bufferedBytes > SOCKET_BYTES_DATAGRAMS_MAX) return;
    this.send({ kind: 'datagram', bytes });
  }

  onStreamTaken(): void {
    if (this.session.isBusy) return;
    for (const type of [0, 1] as const) {
      const count = this.#placesOwed[type];
      if (count === 0) continue;
      this.#placesOwed[type] = 0;
      this.#peerPlaces[type] += count;
      this.send({ kind: 'places', isUnidirectional: type === 1, count });
    }
  }

  /** Asks the peer to end the session soon. */
  drain(): void {
    this.send({ kind: 'drain' });
  }

  close(info: CloseInfo): void {
    if (this.#isOver) return;
    this.send({ kind: 'close', info });
    this.#end(new SessionError('session-closed', 'the session was closed here'));
    this.#socket.close();
  }

  send(message: Message): void {
    if (this.#isOver) return;
    this.#socket.send(encodeMessage(message));
    if (this.#socket.bufferedBytes > SOCKET_BYTES_MAX) this.lose('the peer does not read');
  }

  onStreamOver(stream: MultiplexedStream): void {
    this.#streams.delete(stream.id);
    if (stream.isLocal) return;
    this.#placesOwed[stream.isUnidirectional ? 1 : 0] += 1;
    this.onStreamTaken();
  }

  #onMessage(message: Message): void {
    if (message.kind === 'hello') {
      this.#onHello(message.streams, message.windowBytes);
      return;
    }
    if (!this.#hasHello) throw new SessionError('protocol', 'the first message is no hello');
    switch (message.kind) {
      case 'data':
        this.#streamOf(message.id, true)?.onData(message.bytes, message.isFinal);
        break;
      case 'reset':
        this.#streamOf(message.id)?.onReset(message.code);
        break;
      case 'stop':
        this.#streamOf(message.id)?.onStopped(message.code);
        break;
      case 'credit':
        this.#streamOf(message.id)?.onCredit(message.bytes);
        break;
      case 'places':
        this.#onPlaces(message.isUnidirectional ? 1 : 0, message.count);
        break;
      case 'datagram':
        this.session.onDatagram(message.bytes);
        break;
      case 'drain':
        this.session.onDraining();
        break;
      case 'close':
        this.#end(new SessionError('session-closed', 'the peer closed the session'));
        this.session.onClosed(message.info);
        this.#socket.close();
    }
  }

  #onHello(streams: number, windowBytes: number): void {
    if (this.#hasHello || windowBytes > CREDIT_BYTES_MAX) {
      throw new SessionError('protocol', 'a second hello, or too much credit');
    }
    this.#hasHello = true;
    this.#peerWindowBytes = windowBytes;
    this.#places.fill(streams);
    this.session.begin(this);
  }

  #onPlaces(type: 0 | 1, count: number): void {
    this.#places[type] += count;
    if (this.#places[type] > STREAM_ID_MAX) throw new SessionError('protocol', 'too many places');
    this.session.onStreamsAvailable();
  }

  /** Undefined for a stream that is over here: what still comes for it is of no interest. */
  #streamOf(id: number, mayOpen = false): MultiplexedStream | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    const type = (id & 2) === 0 ? 0 : 1;
    const isLocal = ((id & 1) === 1) === this.#isServer;
    if (id < (isLocal ? this.#nextLocal : this.#nextPeer)[type]) return undefined;
    if (!mayOpen || isLocal || id !== this.#nextPeer[type] || this.#peerPlaces[type] <= 0) {
      throw new SessionError('protocol', `there is no stream ${id}, and it cannot be opened`);
    }
    return this.#accept(id, type);
  }

  #accept(id: number, type: 0 | 1): MultiplexedStream {
    this.#nextPeer[type] += 4;
    this.#peerPlaces[type] -= 1;
    const stream = new MultiplexedStream(this, id, false, this.#peerWindowBytes);
    this.#streams.set(id, stream);
    stream.handler = this.session.onStream(stream, type === 1);
    return stream;
  }

  #end(error: SessionError): void {
    this.#isOver = true;
    for (const stream of this.#streams.values()) stream.lose(error);
    this.#streams.clear();
  }
}
