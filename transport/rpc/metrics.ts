import { onAnswerEnd, type Interceptor } from './interceptors.js';
import { RpcError, type RpcErrorCode } from './rpc.js';

/** Upper bounds of the buckets of latency in milliseconds; what is beyond is in a last one. */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
];

/** Methods that are told apart; the rest counts under `*`: names come from peers. */
const METHODS_MAX = 1_024;

/** `abandoned`: whoever read a stream stopped before its end. */
export type Outcome = 'ok' | 'abandoned' | RpcErrorCode;

export interface MethodMetrics {
  /** Calls that have begun and not ended. */
  running: number;
  /** Calls that have ended, by outcome. */
  readonly ended: Partial<Record<Outcome, number>>;
  /** Calls that have ended, by how long they took: one more number than there are bounds. */
  readonly latency: number[];
  /** Sum of how long they took, in milliseconds. */
  latencySumMs: number;
}

/** By side, then by method. A plain object: read it, or send it as JSON. */
export interface CallMetrics {
  readonly caller: Record<string, MethodMetrics>;
  readonly handler: Record<string, MethodMetrics>;
}

/**
 * Counts calls by method and outcome, and how long they took. Use the same interceptor in
 * `interceptors` and `callInterceptors`. Calls that are sent away before a handler is found (limits,
 * unknown methods) count on the side of the caller only.
 */
export function metrics(now: () => number = () => performance.now()): {
  readonly interceptor: Interceptor;
  readonly metrics: CallMetrics;
} {
  const all: CallMetrics = { caller: {}, handler: {} };
  const interceptor: Interceptor = (call, next) => {
    const entry = entryOf(all[call.side], call.method);
    const startedAt = now();
    entry.running += 1;
    const end = (outcome: Outcome): void => record(entry, outcome, now() - startedAt);
    try {
      return onAnswerEnd(next(call), ({ error, isAbandoned }) =>
        end(isAbandoned === true ? 'abandoned' : outcomeOf(error)),
      );
    } catch (error) {
      end(outcomeOf(error));
      throw error;
    }
  };
  return { interceptor, metrics: all };
}

function record(entry: MethodMetrics, outcome: Outcome, latencyMs: number): void {
  entry.running -= 1;
  entry.ended[outcome] = (entry.ended[outcome] ?? 0) + 1;
  entry.latencySumMs += latencyMs;
  const found = LATENCY_BOUNDS_MS.findIndex((bound) => latencyMs <= bound);
  const bucket = found < 0 ? LATENCY_BOUNDS_MS.length : found;
  entry.latency[bucket] = (entry.latency[bucket] ?? 0) + 1;
}

function outcomeOf(error: unknown): Outcome {
  if (error === undefined) return 'ok';
  return error instanceof RpcError ? error.code : 'internal';
}

function entryOf(entries: Record<string, MethodMetrics>, method: string): MethodMetrics {
  const isFull = Object.keys(entries).length >= METHODS_MAX && !Object.hasOwn(entries, method);
  const name = isFull || method === '__proto__' ? '*' : method;
  let entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
  if (entry === undefined) {
    const latency = Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, () => 0);
    entry = { running: 0, ended: {}, latency, latencySumMs: 0 };
    entries[name] = entry;
  }
  return entry;
}
