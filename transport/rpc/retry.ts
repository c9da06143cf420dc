import { setTimeout as sleep } from 'node:timers/promises';
import { TIMEOUT_MS_MAX } from './limits.js';
import { RpcError, type CallOptions, type RpcErrorCode } from './rpc.js';

/** How often, when and after which failures a call is made again. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attemptsMax: number;
  /** The wait before attempt n is random from 0 to `firstMs * factor^(n-2)`, at most `maxMs`. */
  readonly backoff: { readonly firstMs: number; readonly maxMs: number; readonly factor: number };
  /** Failures after which another attempt may succeed. */
  readonly codes: readonly RpcErrorCode[];
}

export const DEFAULT_RETRY: RetryPolicy = {
  attemptsMax: 4,
  backoff: { firstMs: 50, maxMs: 2_000, factor: 2 },
  codes: ['unavailable', 'overloaded'],
};

export interface RetryBudgetOptions {
  /** Tokens when all is well, 10 when left out. Retries stop when half of them or fewer are left. */
  readonly tokensMax?: number;
  /** Tokens that a success gives back, 0.1 when left out. */
  readonly ratio?: number;
}

/**
 * Keeps retries from making a peer's trouble worse (retry throttling of gRPC A6): a failure that could be
 * retried costs a token, a success gives a part of one back, and with half of the tokens or fewer
 * nothing is retried, so that at most a share of the traffic is retries.
 */
export class RetryBudget {
  readonly #max: number;
  readonly #ratio: number;
  #tokens: number;

  constructor(options: RetryBudgetOptions = {}) {
    this.#max = options.tokensMax ?? 10;
    this.#ratio = options.ratio ?? 0.1;
    this.#tokens = this.#max;
  }

  get tokens(): number {
    return this.#tokens;
  }

  get isOpen(): boolean {
    return this.#tokens > this.#max / 2;
  }

  onSuccess(): void {
    this.#tokens = Math.min(this.#max, this.#tokens + this.#ratio);
  }

  onFailure(): void {
    this.#tokens = Math.max(0, this.#tokens - 1);
  }
}

/** What is known when an attempt has failed. */
export interface FailedAttempt {
  readonly policy: RetryPolicy;
  /** Attempts so far, from 1. */
  readonly attempts: number;
  readonly error: unknown;
  readonly options: CallOptions;
  /** Until the deadline of the call. */
  readonly leftMs: number;
  readonly isBudgetOpen: boolean;
  /** From 0, included, to 1. */
  readonly random: number;
}

/**
 * Milliseconds to wait before the next attempt, or undefined when there is none: the attempts or the
 * budget are used up, the failure is final, the call may not run twice, or the wait would pass the
 * deadline. A peer that says `retryAfterMs` in the details of its error is obeyed, and one that says
 * less than 0 wants no retry (pushback of gRPC A6).
 */
export function nextAttemptMs(failed: FailedAttempt): number | undefined {
  const { policy, attempts, error, options, leftMs, isBudgetOpen, random } = failed;
  if (!isRetryable(policy, error, options)) return undefined;
  if (attempts >= policy.attemptsMax || !isBudgetOpen) return undefined;
  const { firstMs, maxMs, factor } = policy.backoff;
  const backoffMs = random * Math.min(maxMs, firstMs * factor ** (attempts - 1));
  const pushbackMs = retryAfterOf(error);
  if (pushbackMs !== undefined && pushbackMs < 0) return undefined;
  // Those who are told the same time do not come at the same time.
  const waitMs = pushbackMs === undefined ? backoffMs : pushbackMs + backoffMs;
  return waitMs < leftMs ? waitMs : undefined;
}

/** True when the failure costs the budget a token: another attempt might have made sense. */
function isRetryable(policy: RetryPolicy, error: unknown, options: CallOptions): boolean {
  const mayRunTwice = options.idempotent === true || options.idempotencyKey !== undefined;
  return mayRunTwice && error instanceof RpcError && policy.codes.includes(error.code);
}

function retryAfterOf(error: unknown): number | undefined {
  if (!(error instanceof RpcError)) return undefined;
  const { details } = error;
  if (typeof details !== 'object' || details === null) return undefined;
  const { retryAfterMs } = details as Record<string, unknown>;
  if (typeof retryAfterMs !== 'number' || Number.isNaN(retryAfterMs)) return undefined;
  return Math.min(retryAfterMs, TIMEOUT_MS_MAX);
}

export interface RetryOptions {
  /** The policy of a method; undefined: it is never retried. `DEFAULT_RETRY` when left out. */
  readonly policyOf?: (method: string) => RetryPolicy | undefined;
  readonly random?: () => number;
  /** Whether the last attempt took the idempotency key along, if it has one. Yes when left out. */
  readonly isKeySent?: () => boolean;
}

/**
 * Makes a unary call until it succeeds or may not be made again; each attempt has what is left of the
 * deadline.
 */
export async function withRetries(
  method: string,
  options: CallOptions,
  budget: RetryBudget,
  attempt: (options: CallOptions) => Promise<unknown>,
  { policyOf = () => DEFAULT_RETRY, random = Math.random, isKeySent }: RetryOptions = {},
): Promise<unknown> {
  const policy = policyOf(method);
  if (policy === undefined) return attempt(options);
  const endsAt = performance.now() + options.timeoutMs;
  for (let attempts = 1; ; attempts += 1) {
    const leftMs = Math.max(endsAt - performance.now(), 1);
    try {
      const answer = await attempt({ ...options, timeoutMs: Math.min(leftMs, options.timeoutMs) });
      budget.onSuccess();
      return answer;
    } catch (error) {
      const isKeyLost = isKeySent?.() === false && options.idempotent !== true;
      if (isKeyLost) throw error;
      if (isRetryable(policy, error, options)) budget.onFailure();
      const waitMs = nextAttemptMs({
        policy,
        attempts,
        error,
        options,
        leftMs: endsAt - performance.now(),
        isBudgetOpen: budget.isOpen,
        random: random(),
      });
      if (waitMs === undefined) throw error;
      await pause(waitMs, method, options.signal);
    }
  }
}

async function pause(waitMs: number, method: string, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
  } catch {
    const cause: unknown = signal?.reason;
    throw new RpcError('cancelled', `'${method}' was cancelled before it was made again`, {
      cause,
    });
  }
}
