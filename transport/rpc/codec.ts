import { Packr, RESERVE_START_SPACE, Unpackr } from 'msgpackr';
import { MESSAGE_BYTES_MAX } from './limits.js';
import { findProblem } from './message-shape.js';
import { RpcError, type RpcErrorCode } from './rpc.js';
import { findUnsendable } from './unsendable.js';

/**
 * Frames of every version of the wire: four bytes of length (big-endian), then a MessagePack array
 * whose first member is the version.
 */

/** Bytes in front of each message. */
export const LENGTH_BYTES = 4;

const CODES: Readonly<Record<RpcErrorCode, true>> = {
  unavailable: true,
  'deadline-exceeded': true,
  cancelled: true,
  unauthenticated: true,
  'permission-denied': true,
  'unknown-method': true,
  overloaded: true,
  malformed: true,
  refused: true,
  'too-early': true,
  internal: true,
};

// Plain MessagePack: no records, no shared structures. As in JSON, members that are undefined are
// left out, and undefined elsewhere becomes nil.
const packr = new Packr({
  useRecords: false,
  encodeUndefinedAsNil: true,
  useToJSON: false,
  skipValues: [undefined],
  // It would become nil without a word.
  writeFunction: () => {
    throw new TypeError('a function');
  },
} as ConstructorParameters<typeof Packr>[0]);

const unpackr = new Unpackr({
  useRecords: false,
  mapsAsObjects: true,
  int64AsType: 'number',
  // The bytes of a message live only while it is read; copies are also aligned for typed arrays.
  copyBuffers: true,
});

/** Frame of a message. Throws `RpcError` with code `malformed` when it cannot be sent. */
export function encodeFrame(
  message: readonly unknown[],
  bytesMax: number = MESSAGE_BYTES_MAX,
): Uint8Array {
  let frame: Uint8Array;
  try {
    frame = packr.pack(message, RESERVE_START_SPACE | LENGTH_BYTES);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw cannotBeSent(message, why, cause);
  }
  const length = frame.length - LENGTH_BYTES;
  if (length > bytesMax) {
    throw new RpcError(
      'malformed',
      `the message has ${length} bytes; at most ${bytesMax} can be sent`,
      { reason: 'message-too-long' },
    );
  }
  // The peer would refuse it, with less to say about whose mistake it is.
  const problem = findProblem(frame.subarray(LENGTH_BYTES));
  if (problem !== undefined) throw cannotBeSent(message, problem);
  new DataView(frame.buffer, frame.byteOffset).setUint32(0, length);
  return frame;
}

function cannotBeSent(message: readonly unknown[], why: string, cause?: unknown): RpcError {
  let found: string | undefined;
  for (const member of message) found ??= findUnsendable(member);
  return new RpcError('malformed', `the payload cannot be sent: ${found ?? why}`, { cause });
}

/** The value of a payload in bytes, for a digest of it. */
export function encodePayload(payload: unknown): Uint8Array {
  return packr.pack(payload);
}

/** Reads a message (without its length). Throws `RpcError` with code `malformed`. */
export function decodeMessage(message: Uint8Array, version: number, membersMin: number): unknown[] {
  const problem = findProblem(message);
  if (problem !== undefined) throw malformed(`the message is not understood: ${problem}`);
  // Of a Buffer the decoder would make Buffers.
  const { buffer, byteOffset, byteLength } = message;
  const value: unknown = unpackr.unpack(new Uint8Array(buffer, byteOffset, byteLength));
  if (!Array.isArray(value)) throw malformed('the message is not an array');
  if (value[0] !== version) {
    throw malformed(`the message has version ${String(value[0])}; only ${version} is known`);
  }
  if (value.length < membersMin) throw malformed('the message lacks members');
  return value;
}

/** The error that a peer told as `[code, message, reason, details]`. */
export function errorFromPeer(content: readonly unknown[]): RpcError {
  const [code, text, reason, details] = content;
  // A later release may know more codes: what it means is lost, that it failed is not.
  const knownCode =
    typeof code === 'string' && Object.hasOwn(CODES, code) ? (code as RpcErrorCode) : 'internal';
  return new RpcError(knownCode, typeof text === 'string' ? text : '', {
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(details === null || details === undefined ? {} : { details }),
  });
}

export function malformed(message: string): RpcError {
  return new RpcError('malformed', message);
}
