import type { ConnectionCloseInfo, Stream, StreamHandler } from '../quic/index.js';
import { copyOf } from '../http3/bytes.js';
import { STREAM_REJECTED_CODE } from './error-codes.js';
import { EARLY_DATAGRAMS_MAX, EARLY_STREAMS_MAX, EARLY_STREAM_BYTES_MAX } from './limits.js';

/**
 * Streams and datagrams that came before the session they name (draft-ietf-webtrans-http3 4.6):
 * kept, as far as there is room, until the session is there.
 */
export class EarlyStreams {
  readonly #streams = new Set<EarlyStream>();
  #datagrams: { readonly sessionId: number; readonly payload: Uint8Array }[] = [];

  add(stream: Stream, sessionId: number): StreamHandler {
    const early = new EarlyStream(stream, sessionId, () => this.#streams.delete(early));
    if (this.#streams.size >= EARLY_STREAMS_MAX) early.refuse(STREAM_REJECTED_CODE);
    else this.#streams.add(early);
    return early;
  }

  addDatagram(sessionId: number, payload: Uint8Array): void {
    if (this.#datagrams.length >= EARLY_DATAGRAMS_MAX) return;
    this.#datagrams.push({ sessionId, payload: copyOf(payload) });
  }

  /** The session is there: its streams go on with who accepts them. */
  begin(sessionId: number, accept: (stream: Stream) => StreamHandler): void {
    for (const early of this.#of(sessionId)) early.begin(accept);
  }

  /** Takes out the datagrams of a session. */
  datagrams(sessionId: number): Uint8Array[] {
    const taken = this.#datagrams.filter((datagram) => datagram.sessionId === sessionId);
    this.#datagrams = this.#datagrams.filter((datagram) => datagram.sessionId !== sessionId);
    return taken.map(({ payload }) => payload);
  }

  /** There will be no such session. */
  refuse(sessionId: number, code: number): void {
    this.datagrams(sessionId);
    for (const early of this.#of(sessionId)) early.refuse(code);
  }

  #of(sessionId: number): EarlyStream[] {
    return [...this.#streams].filter((early) => early.sessionId === sessionId);
  }
}

/** One of them: paused, with the bytes that came along with its head. */
class EarlyStream implements StreamHandler {
  readonly sessionId: number;
  readonly #stream: Stream;
  readonly #onGone: () => void;
  #bytes: Uint8Array = new Uint8Array();
  #isFinal = false;
  #resetCode: number | undefined;
  #stoppedCode: number | undefined;
  #target: StreamHandler | undefined;

  constructor(stream: Stream, sessionId: number, onGone: () => void) {
    this.#stream = stream;
    this.sessionId = sessionId;
    this.#onGone = onGone;
    stream.pause();
  }

  begin(accept: (stream: Stream) => StreamHandler): void {
    this.#onGone();
    const target = accept(this.#stream);
    this.#target = target;
    this.#stream.resume();
    if (this.#bytes.length > 0 || this.#isFinal) target.onData(this.#bytes, this.#isFinal);
    this.#bytes = new Uint8Array();
    if (this.#resetCode !== undefined) target.onReset(this.#resetCode);
    if (this.#stoppedCode !== undefined) target.onStopped(this.#stoppedCode);
  }

  refuse(code: number): void {
    this.#onGone();
    this.#stream.stop(code);
    if (!this.#stream.isUnidirectional) this.#stream.reset(code);
  }

  onData(bytes: Uint8Array, isFinal: boolean): void {
    if (this.#target !== undefined) {
      this.#target.onData(bytes, isFinal);
      return;
    }
    // Paused, so that this comes once.
    this.#isFinal = isFinal;
    if (bytes.length > EARLY_STREAM_BYTES_MAX) this.refuse(STREAM_REJECTED_CODE);
    else this.#bytes = copyOf(bytes);
  }

  onReset(code: number): void {
    if (this.#target === undefined) this.#resetCode = code;
    else this.#target.onReset(code);
  }

  onStopped(code: number): void {
    if (this.#target === undefined) this.#stoppedCode = code;
    else this.#target.onStopped(code);
  }

  onDrained(): void {
    this.#target?.onDrained();
  }

  onConnectionClosed(info: ConnectionCloseInfo): void {
    this.#onGone();
    this.#target?.onConnectionClosed(info);
  }
}
