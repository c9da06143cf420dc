import { CLOSE_REASON_BYTES_MAX } from '../webtransport/limits.js';
import { SessionError } from '../webtransport/session-error.js';
import type { CloseInfo } from '../webtransport/session.js';
import { DATAGRAM_BYTES_MAX, PIECE_BYTES_MAX } from './limits.js';

/**
 * What sessions over WebSocket say: one binary message each, a byte of type, then numbers in
 * network order. Pages load this file too: nothing of Node.
 *
 *   hello     01 version:8 streams:32 window:32     first, from both sides: what the peer may do
 *   data      02 id:32 final:8 bytes                opens the stream when it is new
 *   reset     03 id:32 code:32                      no more is sent
 *   stop      04 id:32 code:32                      no more is wanted; answered with a reset
 *   credit    05 id:32 bytes:32                     so many more may be sent
 *   places    06 unidirectional:8 count:32          so many more streams may be opened
 *   datagram  07 bytes
 *   close     08 code:32 reason                     last
 *   drain     09                                    end the session soon
 *
 * Ids are numbered as in QUIC (RFC 9000 2.1): bit 0 says that the gateway opened the stream, bit 1
 * that it is unidirectional.
 */
export type Message =
  | { readonly kind: 'hello'; readonly streams: number; readonly windowBytes: number }
  | {
      readonly kind: 'data';
      readonly id: number;
      readonly isFinal: boolean;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'reset' | 'stop'; readonly id: number; readonly code: number }
  | { readonly kind: 'credit'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'places'; readonly isUnidirectional: boolean; readonly count: number }
  | { readonly kind: 'datagram'; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly info: CloseInfo }
  | { readonly kind: 'drain' };

/** Names the version: a peer that does not know it is refused by the handshake of the WebSocket. */
export const SUBPROTOCOL = 'agentic-flow-session.1';
const VERSION = 1;

const TYPE = {
  hello: 1,
  data: 2,
  reset: 3,
  stop: 4,
  credit: 5,
  places: 6,
  datagram: 7,
  close: 8,
  drain: 9,
} as const;
const EMPTY = new Uint8Array();

export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  switch (message.kind) {
    case 'hello':
      return write(TYPE.hello, [VERSION], [message.streams, message.windowBytes]);
    case 'data': {
      const whole = new Uint8Array(6 + message.bytes.length);
      whole[0] = TYPE.data;
      new DataView(whole.buffer).setUint32(1, message.id);
      whole[5] = message.isFinal ? 1 : 0;
      whole.set(message.bytes, 6);
      return whole;
    }
    case 'reset':
    case 'stop':
      return write(TYPE[message.kind], [], [message.id, message.code]);
    case 'credit':
      return write(TYPE.credit, [], [message.id, message.bytes]);
    case 'places':
      return write(TYPE.places, [message.isUnidirectional ? 1 : 0], [message.count]);
    case 'datagram':
      return write(TYPE.datagram, [], [], message.bytes);
    case 'drain':
      return write(TYPE.drain, [], []);
    case 'close': {
      const { closeCode, reason } = message.info;
      return write(TYPE.close, [], [closeCode], new TextEncoder().encode(reason));
    }
  }
}

/** Throws `SessionError` with code `protocol`. Bytes in the result are views. */
export function decodeMessage(message: Uint8Array): Message {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const has = (min: number, max = min): void => {
    if (message.length < min || message.length > max) {
      throw malformed(`a message of type ${message[0]} has ${message.length} bytes`);
    }
  };
  switch (message[0]) {
    case TYPE.hello:
      has(10);
      if (message[1] !== VERSION) throw malformed(`version ${message[1]} is not known`);
      return { kind: 'hello', streams: view.getUint32(2), windowBytes: view.getUint32(6) };
    case TYPE.data:
      has(6, 6 + PIECE_BYTES_MAX);
      return {
        kind: 'data',
        id: view.getUint32(1),
        isFinal: flag(message[5]),
        bytes: message.subarray(6),
      };
    case TYPE.reset:
    case TYPE.stop: {
      has(9);
      const kind = message[0] === TYPE.reset ? 'reset' : 'stop';
      return { kind, id: view.getUint32(1), code: view.getUint32(5) };
    }
    case TYPE.credit:
      has(9);
      return { kind: 'credit', id: view.getUint32(1), bytes: view.getUint32(5) };
    case TYPE.places:
      has(6);
      return { kind: 'places', isUnidirectional: flag(message[1]), count: view.getUint32(2) };
    case TYPE.datagram:
      has(1, 1 + DATAGRAM_BYTES_MAX);
      return { kind: 'datagram', bytes: message.subarray(1) };
    case TYPE.close: {
      has(5, 5 + CLOSE_REASON_BYTES_MAX);
      const reason = new TextDecoder().decode(message.subarray(5));
      return { kind: 'close', info: { closeCode: view.getUint32(1), reason } };
    }
    case TYPE.drain:
      has(1);
      return { kind: 'drain' };
    default:
      throw malformed(`type ${message[0]} is not known`);
  }
}

function write(
  type: number,
  bytes: readonly number[],
  words: readonly number[],
  rest: Uint8Array = EMPTY,
): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(1 + bytes.length + 4 * words.length + rest.length);
  whole.set([type, ...bytes]);
  const view = new DataView(whole.buffer);
  for (const [index, word] of words.entries()) view.setUint32(1 + bytes.length + 4 * index, word);
  whole.set(rest, 1 + bytes.length + 4 * words.length);
  return whole;
}

function flag(byte: number | undefined): boolean {
  if (byte !== 0 && byte !== 1) throw malformed(`${byte} is neither yes nor no`);
  return byte === 1;
}

function malformed(message: string): SessionError {
  return new SessionError('protocol', message);
}
