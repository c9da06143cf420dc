import type { Stream, StreamHandler } from '../quic/index.js';
import { FRAME, STREAM_TYPE, isHttp2Type } from './frame.js';
import { FrameReader } from './frame-reader.js';
import type { ForeignStream } from './exchange.js';
import { HTTP3_CODES, Http3Error } from './http3-error.js';
import { INTEGER_FRAME_BYTES_MAX, SETTINGS_FRAME_BYTES_MAX } from './limits.js';
import { concat } from './bytes.js';
import { readVarint } from './varint.js';

/** What the unidirectional streams of a peer say. May throw `Http3Error` for the connection. */
export interface PeerStreamOwner {
  readonly isServer: boolean;
  /** A frame of the control stream. */
  onControlFrame(type: number, payload: Uint8Array): void;
  onEncoderBytes(bytes: Uint8Array): void;
  onDecoderBytes(bytes: Uint8Array): void;
  readonly onForeignStream: ((stream: ForeignStream) => StreamHandler) | undefined;
  guard(run: () => void): void;
}

/** Streams of which a peer has one, and which must not end (RFC 9114 6.2.1, RFC 9204 4.2). */
const CRITICAL: ReadonlySet<number> = new Set([
  STREAM_TYPE.control,
  STREAM_TYPE.qpackEncoder,
  STREAM_TYPE.qpackDecoder,
]);

/** The unidirectional streams that a peer opened (RFC 9114 6.2). */
export class PeerStreams {
  readonly #owner: PeerStreamOwner;
  readonly #seen = new Set<number>();
  readonly #control = new FrameReader((type) => this.#controlRule(type));
  #hasSettings = false;

  constructor(owner: PeerStreamOwner) {
    this.#owner = owner;
  }

  accept(stream: Stream): StreamHandler {
    return new PeerStream(this, stream);
  }

  guard(run: () => void): void {
    this.#owner.guard(run);
  }

  /**
   * The type of a stream is known: who reads on, or undefined when nobody does. `start` is what
   * came after the type so far.
   */
  open(type: number, stream: Stream): 'critical' | 'session' | undefined {
    if (CRITICAL.has(type)) {
      if (this.#seen.has(type)) {
        throw new Http3Error('stream-creation-error', `a second stream of type ${type}`);
      }
      this.#seen.add(type);
      return 'critical';
    }
    if (type === STREAM_TYPE.push) {
      throw this.#owner.isServer
        ? new Http3Error('stream-creation-error', 'a push stream from a client')
        : new Http3Error('id-error', 'a push that nobody allowed');
    }
    if (type === STREAM_TYPE.webTransport && this.#owner.onForeignStream !== undefined) {
      return 'session';
    }
    // RFC 9114 6.2: unknown types are no error.
    stream.stop(HTTP3_CODES['stream-creation-error']);
    return undefined;
  }

  foreign(stream: Stream, sessionId: number): StreamHandler | undefined {
    return this.#owner.onForeignStream?.({ stream, sessionId });
  }

  receive(type: number, bytes: Uint8Array): void {
    if (type === STREAM_TYPE.qpackEncoder) this.#owner.onEncoderBytes(bytes);
    else if (type === STREAM_TYPE.qpackDecoder) this.#owner.onDecoderBytes(bytes);
    else this.#receiveControl(bytes);
  }

  #receiveControl(bytes: Uint8Array): void {
    this.#control.push(bytes);
    for (let event = this.#control.next(); event !== undefined; event = this.#control.next()) {
      if (event.kind === 'frame') this.#owner.onControlFrame(event.type, event.payload);
    }
    this.#control.keep();
  }

  /** RFC 9114 7.2 and 6.2.1. */
  #controlRule(type: number): number | 'skip' {
    if (!this.#hasSettings) {
      if (type !== FRAME.settings) {
        throw new Http3Error('missing-settings', 'the control stream does not begin with SETTINGS');
      }
      this.#hasSettings = true;
      return SETTINGS_FRAME_BYTES_MAX;
    }
    switch (type) {
      case FRAME.goAway:
        return INTEGER_FRAME_BYTES_MAX;
      case FRAME.maxPushId:
        if (!this.#owner.isServer) throw unexpected(type);
        return INTEGER_FRAME_BYTES_MAX;
      case FRAME.cancelPush:
        // No push was ever promised or allowed (RFC 9114 7.2.3).
        throw new Http3Error('id-error', 'CANCEL_PUSH for a push that never was');
      case FRAME.settings:
      case FRAME.data:
      case FRAME.headers:
      case FRAME.pushPromise:
        throw unexpected(type);
      default:
        if (isHttp2Type(type)) throw unexpected(type);
        return 'skip';
    }
  }
}

/** One of them: first its type, and for a session its id, then what it is for. */
class PeerStream implements StreamHandler {
  readonly #streams: PeerStreams;
  readonly #stream: Stream;
  #head: Uint8Array | undefined = new Uint8Array();
  #type: number | undefined;
  #purpose: 'critical' | 'session' | undefined;
  #foreign: StreamHandler | undefined;

  constructor(streams: PeerStreams, stream: Stream) {
    this.#streams = streams;
    this.#stream = stream;
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (this.#foreign !== undefined) {
      this.#foreign.onData(bytes, isFinal);
      return;
    }
    this.#streams.guard(() => {
      const rest = this.#head === undefined ? bytes : this.#readHead(bytes, isFinal);
      if (rest === undefined || this.#type === undefined) return;
      if (this.#purpose === 'critical') this.#streams.receive(this.#type, rest);
      if (isFinal) this.#onEnded();
    });
  }

  onReset(code: number): void {
    if (this.#foreign !== undefined) this.#foreign.onReset(code);
    else this.#streams.guard(() => this.#onEnded());
  }

  onStopped(): void {
    // We send nothing on it.
  }

  onDrained(): void {
    // We send nothing on it.
  }

  onConnectionClosed(info: Parameters<StreamHandler['onConnectionClosed']>[0]): void {
    this.#foreign?.onConnectionClosed(info);
  }

  /** What comes after the head, or undefined when it is not whole or somebody else has it. */
  #readHead(bytes: Uint8Array, isFinal: boolean): Uint8Array | undefined {
    const head = concat(this.#head ?? new Uint8Array(), bytes);
    this.#head = head;
    const type = readVarint(head, 0);
    if (type === undefined) return undefined;
    if (this.#type === undefined) {
      this.#type = type.value;
      this.#purpose = this.#streams.open(type.value, this.#stream);
    }
    if (this.#purpose !== 'session') {
      this.#head = undefined;
      return head.subarray(type.end);
    }
    const id = readVarint(head, type.end);
    if (id === undefined) return undefined;
    this.#head = undefined;
    this.#foreign = this.#streams.foreign(this.#stream, id.value);
    const rest = head.subarray(id.end);
    if (rest.length > 0 || isFinal) this.#foreign?.onData(rest, isFinal);
    return undefined;
  }

  #onEnded(): void {
    if (this.#purpose !== 'critical') return;
    throw new Http3Error('closed-critical-stream', `the stream of type ${this.#type} is over`);
  }
}

function unexpected(type: number): Http3Error {
  return new Http3Error('frame-unexpected', `a frame of type ${type} on the control stream`);
}
