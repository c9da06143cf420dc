import { strict as assert } from 'node:assert';
import type { ConnectionCloseInfo, ConnectionHandler } from '../connection.js';
import type { QuicSettings } from '../settings.js';
import type { StreamHandler } from '../stream.js';
import type { Frame, PeerLimits } from './frame.js';
import { inTurns } from './in-turns.js';
import { MemoryStream, type StreamOwner } from './memory-stream.js';

/** What the streams ask of their connection. */
export interface StreamTableOwner {
  readonly isServer: boolean;
  readonly settings: QuicSettings;
  /** Streams that the peer opens now are early. */
  readonly isPeerEarly: boolean;
  send(frame: Frame): void;
  /** Call `flush` in the next turn. */
  requestFlush(): void;
}

/** RFC 9000 2.1: bidirectional and unidirectional streams are numbered and limited apart. */
interface StreamType {
  nextLocal: number;
  nextPeer: number;
  /** How many streams each side may have opened, in all. */
  localMax: number;
  peerMax: number;
  /** A stream could not be opened: the handler waits to be told. */
  isWanted: boolean;
}

/** Ids of one type lie so far apart. */
const ID_STEP = 4;

/** The streams of one connection, and its flow control (RFC 9000 4). */
export class StreamTable implements StreamOwner {
  handler: ConnectionHandler | undefined;
  queuedBytes = 0;
  /** Streams opened so far, by both sides. */
  openedCount = 0;

  readonly #owner: StreamTableOwner;
  readonly #streams = new Map<number, MemoryStream>();
  readonly #bidirectional: StreamType;
  readonly #unidirectional: StreamType;
  /** Streams with something to send, to take, and to hand over. */
  readonly #written = new Set<MemoryStream>();
  readonly #blocked = new Set<MemoryStream>();
  readonly #readable = new Set<MemoryStream>();
  #peerWindowBytes = 0;
  /** Of the peer's window of the connection: its end, and what was taken. */
  #sendBytesMax = 0;
  #takenBytes = 0;
  /** What a stream took and gave back is for those that wait. */
  #isCreditReturned = false;
  /** Of ours likewise: its end, what has come, and what was read of that. */
  #receiveBytesMax: number;
  #receivedBytes = 0;
  #readBytes = 0;

  constructor(owner: StreamTableOwner) {
    this.#owner = owner;
    const { streamsMax, connectionWindowBytes } = owner.settings;
    const type = (localId: number, peerId: number): StreamType => ({
      nextLocal: localId,
      nextPeer: peerId,
      localMax: 0,
      peerMax: streamsMax,
      isWanted: false,
    });
    this.#bidirectional = owner.isServer ? type(1, 0) : type(0, 1);
    this.#unidirectional = owner.isServer ? type(3, 2) : type(2, 3);
    this.#receiveBytesMax = connectionWindowBytes;
  }

  /** The limits of the peer are known, or remembered. */
  start(limits: PeerLimits): void {
    this.#peerWindowBytes = limits.streamWindowBytes;
    this.#sendBytesMax = Math.max(this.#sendBytesMax, limits.connectionWindowBytes);
    for (const type of [this.#bidirectional, this.#unidirectional]) {
      this.#offer(type, limits.streamsMax);
    }
    for (const stream of this.#streams.values()) stream.grow(limits.streamWindowBytes);
    this.#refill();
  }

  /** A new stream of this side, or undefined at the limit of the peer. */
  open(isUnidirectional: boolean, handler: StreamHandler): MemoryStream | undefined {
    const type = isUnidirectional ? this.#unidirectional : this.#bidirectional;
    if (Math.floor(type.nextLocal / ID_STEP) >= type.localMax) {
      type.isWanted = true;
      return undefined;
    }
    const stream = this.#add(type.nextLocal, true);
    type.nextLocal += ID_STEP;
    stream.handler = handler;
    return stream;
  }

  /** What the peer says of a stream, or of the windows. */
  onFrame(frame: Frame): void {
    switch (frame.kind) {
      case 'stream': {
        const stream = this.#streamFor(frame.id);
        this.#receivedBytes += frame.bytes.length;
        if (stream === undefined) this.onRead(frame.bytes.length);
        else stream.onData(frame);
        this.#grant();
        break;
      }
      case 'reset':
        this.#streamFor(frame.id)?.onReset(frame.code);
        break;
      case 'stop':
        this.#streamFor(frame.id)?.onStopped(frame.code);
        break;
      case 'stream-credit':
        this.#streams.get(frame.id)?.grow(frame.bytesMax);
        this.#refill();
        break;
      case 'credit':
        this.#sendBytesMax = Math.max(this.#sendBytesMax, frame.bytesMax);
        this.#refill();
        break;
      case 'streams-credit':
        this.#offer(
          frame.isUnidirectional ? this.#unidirectional : this.#bidirectional,
          frame.streamsMax,
        );
        break;
      default:
        assert.fail(`${frame.kind} is not about streams`);
    }
  }

  /** Hands over what was resumed, and sends what was written, by priority. */
  flush(): void {
    const readable = [...this.#readable];
    this.#readable.clear();
    for (const stream of readable) stream.deliver();
    if (this.#isCreditReturned) this.#refill();
    this.#isCreditReturned = false;
    const written = [...this.#written];
    this.#written.clear();
    inTurns(written, (stream) => stream.sendPiece());
  }

  /** True when everything that was written has been sent. */
  isSent(): boolean {
    return this.#written.size === 0 && this.#blocked.size === 0;
  }

  /** The connection is over. */
  abandon(info: ConnectionCloseInfo): void {
    const streams = [...this.#streams.values()];
    for (const set of [this.#streams, this.#written, this.#blocked, this.#readable]) set.clear();
    for (const stream of streams) stream.abandon(info);
  }

  takeCredit(bytesMax: number): number {
    const count = Math.min(bytesMax, Math.max(this.#sendBytesMax - this.#takenBytes, 0));
    this.#takenBytes += count;
    return count;
  }

  returnCredit(bytes: number): void {
    this.#takenBytes -= bytes;
    if (bytes === 0 || this.#blocked.size === 0) return;
    this.#isCreditReturned = true;
    this.#owner.requestFlush();
  }

  addQueued(bytes: number): void {
    this.queuedBytes += bytes;
  }

  onRead(bytes: number): void {
    this.#readBytes += bytes;
    this.#grant();
  }

  allow(id: number, bytesMax: number): void {
    this.send({ kind: 'stream-credit', id, bytesMax });
  }

  send(frame: Frame): void {
    this.#owner.send(frame);
  }

  markWritten(stream: MemoryStream): void {
    this.#written.add(stream);
    this.#owner.requestFlush();
  }

  markBlocked(stream: MemoryStream): void {
    this.#blocked.add(stream);
  }

  unmarkBlocked(stream: MemoryStream): void {
    this.#blocked.delete(stream);
  }

  markReadable(stream: MemoryStream): void {
    this.#readable.add(stream);
    this.#owner.requestFlush();
  }

  onStreamDone(stream: MemoryStream): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#written.delete(stream);
    this.#blocked.delete(stream);
    if (stream.isLocal) return;
    const { isUnidirectional } = stream;
    const type = isUnidirectional ? this.#unidirectional : this.#bidirectional;
    type.peerMax += 1;
    this.send({ kind: 'streams-credit', isUnidirectional, streamsMax: type.peerMax });
  }

  #add(id: number, isLocal: boolean): MemoryStream {
    const stream = new MemoryStream(this, {
      id,
      isLocal,
      isEarly: !isLocal && this.#owner.isPeerEarly,
      sendBytesMax: this.#peerWindowBytes,
      windowBytes: this.#owner.settings.streamWindowBytes,
    });
    this.openedCount += 1;
    this.#streams.set(id, stream);
    return stream;
  }

  /** The stream of an id; undefined when it is over. */
  #streamFor(id: number): MemoryStream | undefined {
    const isLocal = ((id & 1) === 1) === this.#owner.isServer;
    const type = (id & 2) === 0 ? this.#bidirectional : this.#unidirectional;
    if (!isLocal) this.#acceptUpTo(type, id);
    return this.#streams.get(id);
  }

  /** RFC 9000 2.1: a stream opens all streams of its type with lower ids. */
  #acceptUpTo(type: StreamType, id: number): void {
    while (type.nextPeer <= id) {
      const stream = this.#add(type.nextPeer, false);
      type.nextPeer += ID_STEP;
      assert(this.handler !== undefined, 'setHandler is called before control returns to the loop');
      stream.handler = this.handler.onStream(stream);
    }
  }

  /**
   * Tells the peer of room in the window of the connection when it knows of less than half of it.
   * Bytes that paused streams hold are no room: else a peer could use up what it knows of, and
   * nothing that is read would ever make up half a window (RFC 9000 4.2).
   */
  #grant(): void {
    const { connectionWindowBytes } = this.#owner.settings;
    const roomBytes = connectionWindowBytes - (this.#receivedBytes - this.#readBytes);
    const knownBytes = this.#receiveBytesMax - this.#receivedBytes;
    if (knownBytes >= roomBytes || knownBytes * 2 > roomBytes) return;
    this.#receiveBytesMax = this.#receivedBytes + roomBytes;
    this.send({ kind: 'credit', bytesMax: this.#receiveBytesMax });
  }

  /** The windows have grown: takes from the queues, by priority. */
  #refill(): void {
    inTurns([...this.#blocked], (stream) => {
      const isMore = stream.refill();
      if (stream.hasTaken) this.markWritten(stream);
      return isMore;
    });
    for (const stream of this.#blocked) {
      if (stream.hasQueue) continue;
      this.#blocked.delete(stream);
      stream.onDrained();
    }
  }

  #offer(type: StreamType, streamsMax: number): void {
    if (streamsMax <= type.localMax) return;
    type.localMax = streamsMax;
    if (!type.isWanted) return;
    type.isWanted = false;
    this.handler?.onStreamsAvailable();
  }
}
