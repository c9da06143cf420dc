/**
 * Messages of a lane: many unary calls inside one duplex call. The first message of the caller is the
 * version; then, each an array:
 *
 *     caller    call     [id, method, payload, timeoutMs]
 *               cancel   [id]
 *     peer      answer   [id, 0, payload]
 *               failure  [id, 1, [code, message, reason, details]]
 */
import { errorFromPeer, malformed } from './codec.js';
import { METHOD_CHARACTERS_MAX, TIMEOUT_MS_MAX } from './limits.js';
import type { RpcError } from './rpc.js';

export const LANE_METHOD = 'rpc.lane';
export const LANE_VERSION = 1;
/** Reason of a failure: the call was not run, and would be on a stream of its own. */
export const LANE_REASON = 'lane';

const ANSWER = 0;
const FAILURE = 1;

export interface LaneCall {
  readonly id: number;
  readonly method: string;
  readonly payload: unknown;
  readonly timeoutMs: number;
}

export type LaneRequest = LaneCall | { readonly cancelled: number };

export type LaneAnswer =
  | { readonly id: number; readonly payload: unknown }
  | { readonly id: number; readonly error: RpcError };

export function callMessage({ id, method, payload, timeoutMs }: LaneCall): unknown[] {
  return [id, method, payload, Math.ceil(timeoutMs)];
}

export function cancelMessage(id: number): unknown[] {
  return [id];
}

export function answerMessage(id: number, payload: unknown): unknown[] {
  return [id, ANSWER, payload];
}

export function failureMessage(id: number, error: RpcError): unknown[] {
  return [id, FAILURE, [error.code, error.message, error.reason ?? null, error.details ?? null]];
}

/** Reads a message of a caller. Throws `RpcError` with code `malformed`. */
export function readRequest(message: unknown): LaneRequest {
  const [id, rest] = readId(message);
  if (rest.length === 0) return { cancelled: id };
  const [method, payload, timeoutMs] = rest;
  if (typeof method !== 'string' || method.length > METHOD_CHARACTERS_MAX) {
    throw malformed('a call of a lane names no method');
  }
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0)) {
    throw malformed('a call of a lane has no timeout');
  }
  return { id, method, payload, timeoutMs: Math.min(timeoutMs, TIMEOUT_MS_MAX) };
}

/** Reads a message of the peer. Throws `RpcError` with code `malformed`. */
export function readAnswer(message: unknown): LaneAnswer {
  const [id, rest] = readId(message);
  const [status, content] = rest;
  if (status === ANSWER && rest.length > 1) return { id, payload: content };
  if (status === FAILURE && Array.isArray(content)) return { id, error: errorFromPeer(content) };
  throw malformed('an answer of a lane is neither a success nor a failure');
}

function readId(message: unknown): [id: number, rest: unknown[]] {
  if (!Array.isArray(message)) throw malformed('a message of a lane is no array');
  const [id, ...rest] = message as unknown[];
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) {
    throw malformed('a message of a lane has no id');
  }
  return [id, rest];
}
