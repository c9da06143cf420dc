import { FRAME } from './frame.js';
import { Http3Error } from './http3-error.js';
import { concat, copyOf } from './bytes.js';
import { readVarint } from './varint.js';

/** What a stream of frames says next. Bytes are only valid until more are pushed. */
export type FrameEvent =
  | { readonly kind: 'frame'; readonly type: number; readonly payload: Uint8Array }
  /** A piece of a DATA frame. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  /** All that follows belongs to a WebTransport session (draft-ietf-webtrans-http3 4.2). */
  | { readonly kind: 'webtransport'; readonly sessionId: number; readonly rest: Uint8Array };

/**
 * How a frame is to be read, by its type: whole with at most so many bytes of payload, in pieces,
 * or not at all. May throw `Http3Error` for types that must not come.
 */
export type FrameRule = (type: number) => number | 'pieces' | 'skip' | 'webtransport';

type State =
  | { readonly kind: 'head' }
  | { readonly kind: 'whole'; readonly type: number; readonly length: number }
  | { readonly kind: 'pieces'; left: number }
  | { readonly kind: 'skip'; left: number };

/**
 * Cuts a stream into frames (RFC 9114 7.1), whatever pieces it comes in. Bytes are pushed, events
 * are pulled, so that a reader can stop in between; `keep` copies what was not read yet.
 */
export class FrameReader {
  readonly #rule: FrameRule;
  #bytes: Uint8Array = new Uint8Array();
  #at = 0;
  #state: State = { kind: 'head' };
  #isFirst = true;

  constructor(rule: FrameRule) {
    this.#rule = rule;
  }

  /** True between frames: here a stream may end. */
  get isBetweenFrames(): boolean {
    return this.#state.kind === 'head' && this.#at === this.#bytes.length;
  }

  push(bytes: Uint8Array): void {
    const rest = this.#bytes.subarray(this.#at);
    this.#bytes = rest.length === 0 ? bytes : concat(rest, bytes);
    this.#at = 0;
  }

  /** Copies what is left: the pushed bytes are no longer valid afterwards. */
  keep(): void {
    this.#bytes = copyOf(this.#bytes.subarray(this.#at));
    this.#at = 0;
  }

  /** The next event, or undefined when more bytes are needed. Throws `Http3Error`. */
  next(): FrameEvent | undefined {
    for (;;) {
      const state = this.#state;
      if (state.kind === 'head') {
        const event = this.#readHead();
        if (event === 'incomplete') return undefined;
        if (event !== undefined) return event;
        continue;
      }
      const available = this.#bytes.length - this.#at;
      if (state.kind === 'whole') {
        if (available < state.length) return undefined;
        this.#state = { kind: 'head' };
        return { kind: 'frame', type: state.type, payload: this.#take(state.length) };
      }
      const bytes = this.#take(Math.min(available, state.left));
      state.left -= bytes.length;
      if (state.left === 0) this.#state = { kind: 'head' };
      if (state.kind === 'pieces' && bytes.length > 0) return { kind: 'data', bytes };
      if (state.left > 0) return undefined;
    }
  }

  #readHead(): FrameEvent | 'incomplete' | undefined {
    const type = readVarint(this.#bytes, this.#at);
    const length = type === undefined ? undefined : readVarint(this.#bytes, type.end);
    if (type === undefined || length === undefined) return 'incomplete';
    const rule = this.#rule(type.value);
    this.#at = length.end;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (rule === 'webtransport') {
      if (!isFirst) throw new Http3Error('frame-error', 'a WebTransport stream after other frames');
      const rest = this.#take(this.#bytes.length - this.#at);
      return { kind: 'webtransport', sessionId: length.value, rest };
    }
    if (rule === 'pieces' || rule === 'skip') {
      this.#state = { kind: rule, left: length.value };
    } else {
      if (length.value > rule) {
        throw new Http3Error(
          type.value === FRAME.headers ? 'excessive-load' : 'frame-error',
          `a frame of type ${type.value} with ${length.value} bytes; at most ${rule} are taken`,
        );
      }
      this.#state = { kind: 'whole', type: type.value, length: length.value };
    }
    return undefined;
  }

  #take(length: number): Uint8Array {
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }
}
