import { Packr, RESERVE_START_SPACE, Unpackr } from 'msgpackr';
import { MESSAGE_BYTES_MAX, METHOD_CHARACTERS_MAX, TIMEOUT_MS_MAX } from './limits.js';
import { findProblem } from './message-shape.js';
import { RpcError, type RpcErrorCode } from './rpc.js';

/**
 * The messages on the streams, each a frame: four bytes of length (big-endian), then a MessagePack
 * array whose first member is the version.
 *
 *   request        [1, method, timeoutMs, payload]
 *   answer         [1, 0, payload]
 *   failure        [1, 1, [code, message, reason, details]]   (reason and details may be nil)
 *   notification   [1, method, payload]
 *   welcome        [1, '$welcome', nil]
 *
 * A request and the answer or failure to it are the two directions of one bidirectional stream; each
 * ends its direction. A notification is all of a unidirectional stream. The welcome is the first
 * notification of the side that was dialled: the other side is let in. A request whose stream ends
 * short of its length has been cancelled.
 */
const WIRE_VERSION = 1;
/** Application protocol of the TLS handshake (RFC 7301). */
export const PROTOCOL = 'agentic-flow/1';
/** Methods that begin so belong to the protocol itself. */
export const RESERVED_PREFIX = '$';
export const WELCOME_METHOD = '$welcome';
/** Bytes in front of each message. */
export const LENGTH_BYTES = 4;

const STATUS_ANSWER = 0;
const STATUS_FAILURE = 1;

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
  internal: true,
};

// Plain MessagePack: no records, no shared structures. As in JSON, members that are undefined are
// left out, and undefined elsewhere becomes nil.
const packr = new Packr({
  useRecords: false,
  encodeUndefinedAsNil: true,
  useToJSON: false,
  skipValues: [undefined],
} as ConstructorParameters<typeof Packr>[0]);

const unpackr = new Unpackr({
  useRecords: false,
  mapsAsObjects: true,
  int64AsType: 'number',
  // The bytes of a message live only while it is read; copies are also aligned for typed arrays.
  copyBuffers: true,
});

export interface Request {
  readonly method: string;
  readonly timeoutMs: number;
  readonly payload: unknown;
}

export interface Notification {
  readonly method: string;
  readonly payload: unknown;
}

/** Frame of a request. Throws `RpcError` with code `malformed` when the payload cannot be sent. */
export function encodeRequest(request: Request): Uint8Array {
  const { method, timeoutMs, payload } = request;
  return encodeFrame([WIRE_VERSION, method, Math.ceil(timeoutMs), payload]);
}

/** Frame of an answer. Throws `RpcError` with code `malformed` when the payload cannot be sent. */
export function encodeAnswer(payload: unknown): Uint8Array {
  return encodeFrame([WIRE_VERSION, STATUS_ANSWER, payload]);
}

/** Frame of a failure. Details that cannot be sent are left out. */
export function encodeFailure(error: RpcError): Uint8Array {
  const fields = [error.code, error.message, error.reason ?? null];
  try {
    return encodeFrame([WIRE_VERSION, STATUS_FAILURE, [...fields, error.details ?? null]]);
  } catch {
    return encodeFrame([WIRE_VERSION, STATUS_FAILURE, [error.code, '', null, null]]);
  }
}

/**
 * Frame of a notification. Throws `RpcError` with code `malformed` when the payload cannot be sent.
 */
export function encodeNotification(notification: Notification): Uint8Array {
  return encodeFrame([WIRE_VERSION, notification.method, notification.payload]);
}

/** Reads the message of a request (without its length). Throws `RpcError` with code `malformed`. */
export function decodeRequest(message: Uint8Array): Request {
  const [, method, timeoutMs, payload] = decodeMessage(message, 4);
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0)) {
    throw malformed('the request has no timeout');
  }
  return {
    method: readMethod(method),
    timeoutMs: Math.min(timeoutMs, TIMEOUT_MS_MAX),
    payload,
  };
}

/** Reads the message of a notification. Throws `RpcError` with code `malformed`. */
export function decodeNotification(message: Uint8Array): Notification {
  const [, method, payload] = decodeMessage(message, 3);
  return { method: readMethod(method), payload };
}

/** Reads the answer to a call: the payload, or an `RpcError` that says what the peer said. */
export function decodeAnswer(message: Uint8Array): unknown {
  const [, status, content] = decodeMessage(message, 3);
  if (status === STATUS_ANSWER) return content;
  if (status !== STATUS_FAILURE || !Array.isArray(content)) {
    throw malformed('the answer is neither a payload nor a failure');
  }
  const [code, text, reason, details] = content as unknown[];
  // A later release may know more codes: what it means is lost, that it failed is not.
  const knownCode =
    typeof code === 'string' && Object.hasOwn(CODES, code) ? (code as RpcErrorCode) : 'internal';
  throw new RpcError(knownCode, typeof text === 'string' ? text : '', {
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(details === null ? {} : { details }),
  });
}

function encodeFrame(message: readonly unknown[]): Uint8Array {
  let frame: Uint8Array;
  try {
    frame = packr.pack(message, RESERVE_START_SPACE | LENGTH_BYTES);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RpcError('malformed', `the payload cannot be sent: ${why}`, { cause });
  }
  const length = frame.length - LENGTH_BYTES;
  if (length > MESSAGE_BYTES_MAX) {
    throw malformed(`the message has ${length} bytes; at most ${MESSAGE_BYTES_MAX} can be sent`);
  }
  // The peer would refuse it, with less to say about whose mistake it is.
  const problem = findProblem(frame.subarray(LENGTH_BYTES));
  if (problem !== undefined) throw malformed(`the payload cannot be sent: ${problem}`);
  new DataView(frame.buffer, frame.byteOffset).setUint32(0, length);
  return frame;
}

function decodeMessage(message: Uint8Array, membersMin: number): unknown[] {
  const problem = findProblem(message);
  if (problem !== undefined) throw malformed(`the message is not understood: ${problem}`);
  // Of a Buffer the decoder would make Buffers.
  const { buffer, byteOffset, byteLength } = message;
  const value: unknown = unpackr.unpack(new Uint8Array(buffer, byteOffset, byteLength));
  if (!Array.isArray(value)) throw malformed('the message is not an array');
  if (value[0] !== WIRE_VERSION) {
    throw malformed(`the message has version ${String(value[0])}; only ${WIRE_VERSION} is known`);
  }
  if (value.length < membersMin) throw malformed('the message lacks members');
  return value;
}

function readMethod(method: unknown): string {
  if (typeof method !== 'string' || method === '' || method.length > METHOD_CHARACTERS_MAX) {
    throw malformed('the message names no method');
  }
  return method;
}

function malformed(message: string): RpcError {
  return new RpcError('malformed', message);
}
