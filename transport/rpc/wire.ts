import { decodeMessage, encodeFrame, errorFromPeer, malformed } from './codec.js';
import { METHOD_CHARACTERS_MAX, TIMEOUT_MS_MAX } from './limits.js';
import type { RpcError } from './rpc.js';

/**
 * Version 1 of the wire, the previous one: unary calls and notifications. Each stream carries one
 * frame: four bytes of length (big-endian), then a MessagePack array whose first member is the
 * version.
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

const STATUS_ANSWER = 0;
const STATUS_FAILURE = 1;

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
  const [, method, timeoutMs, payload] = decodeMessage(message, WIRE_VERSION, 4);
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
  const [, method, payload] = decodeMessage(message, WIRE_VERSION, 3);
  return { method: readMethod(method), payload };
}

/** Reads the answer to a call: the payload, or an `RpcError` that says what the peer said. */
export function decodeAnswer(message: Uint8Array): unknown {
  const [, status, content] = decodeMessage(message, WIRE_VERSION, 3);
  if (status === STATUS_ANSWER) return content;
  if (status !== STATUS_FAILURE || !Array.isArray(content)) {
    throw malformed('the answer is neither a payload nor a failure');
  }
  throw errorFromPeer(content as unknown[]);
}

/** The name of a method, as a peer gives it. Throws `RpcError` with code `malformed`. */
export function readMethod(method: unknown): string {
  if (typeof method !== 'string' || method === '' || method.length > METHOD_CHARACTERS_MAX) {
    throw malformed('the message names no method');
  }
  return method;
}
