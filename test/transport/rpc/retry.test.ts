import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_RETRY,
  RetryBudget,
  RpcError,
  withRetries,
  type RpcErrorCode,
} from '../../../transport/rpc/index.js';
import { nextAttemptMs, type FailedAttempt } from '../../../transport/rpc/retry.js';
import { fuzz } from '../seed.js';
import { rejection } from './pair.js';

const OPTIONS = { timeoutMs: 10_000, idempotent: true } as const;
const failed = (code: RpcErrorCode, details?: unknown): RpcError =>
  new RpcError(code, 'x', details === undefined ? {} : { details });

const ATTEMPT: FailedAttempt = {
  policy: DEFAULT_RETRY,
  attempts: 1,
  error: failed('unavailable'),
  options: OPTIONS,
  leftMs: 10_000,
  isBudgetOpen: true,
  random: 0.5,
};

describe('the next attempt', () => {
  it.each<readonly [string, Partial<FailedAttempt>, number | undefined]>([
    ['waits half of the first backoff at 0.5', {}, 25],
    ['waits nothing at 0', { random: 0 }, 0],
    ['waits twice as long the second time', { attempts: 2 }, 50],
    ['waits four times as long the third time', { attempts: 3 }, 100],
    ['does not come after the last', { attempts: 4 }, undefined],
    ['does not come when the budget is used up', { isBudgetOpen: false }, undefined],
    ['comes after overload', { error: failed('overloaded') }, 25],
    ['does not come after a final failure', { error: failed('refused') }, undefined],
    ['does not come after a mistake of this side', { error: new Error('x') }, undefined],
    ['does not come for a call that may not run twice', { options: { timeoutMs: 1 } }, undefined],
    ['comes for a call with a key', { options: { timeoutMs: 1_000, idempotencyKey: 'k' } }, 25],
    ['never passes the deadline', { leftMs: 25 }, undefined],
    ['comes before the deadline', { leftMs: 26 }, 25],
    [
      'waits as the peer says, and a little',
      { error: failed('overloaded', { retryAfterMs: 100 }) },
      125,
    ],
    [
      'does not come when the peer says so',
      { error: failed('overloaded', { retryAfterMs: -1 }) },
      undefined,
    ],
    [
      'does not wait as the peer says beyond the deadline',
      { error: failed('overloaded', { retryAfterMs: 1e9 }) },
      undefined,
    ],
    [
      'does not heed what is no number',
      { error: failed('overloaded', { retryAfterMs: 'soon' }) },
      25,
    ],
  ])('%s', (_what, changed, expected) => {
    expect(nextAttemptMs({ ...ATTEMPT, ...changed })).toBe(expected);
  });

  it('is never later than the largest backoff or the deadline', () => {
    void fuzz(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 100_000 }),
        (attempts, random, leftMs) => {
          const policy = { ...DEFAULT_RETRY, attemptsMax: 1_000 };
          const waitMs = nextAttemptMs({ ...ATTEMPT, policy, attempts, random, leftMs });
          if (waitMs === undefined) return;
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThan(Math.min(leftMs, policy.backoff.maxMs));
        },
      ),
      1_000,
    );
  });
});

describe('the budget of retries', () => {
  it('closes with half of its tokens or fewer, and opens again with successes', () => {
    const budget = new RetryBudget({ tokensMax: 10, ratio: 0.1 });
    for (let failures = 0; failures < 4; failures += 1) budget.onFailure();
    expect([budget.tokens, budget.isOpen]).toEqual([6, true]);
    budget.onFailure();
    expect([budget.tokens, budget.isOpen]).toEqual([5, false]);
    for (let failures = 0; failures < 20; failures += 1) budget.onFailure();
    expect(budget.tokens).toBe(0);
    for (let successes = 0; successes < 49; successes += 1) budget.onSuccess();
    expect(budget.isOpen).toBe(false);
    for (let successes = 0; successes < 200; successes += 1) budget.onSuccess();
    expect([budget.tokens, budget.isOpen]).toEqual([10, true]);
  });

  it('bounds the calls that reach a peer in trouble', async () => {
    const budget = new RetryBudget();
    let attempts = 0;
    const fail = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(failed('unavailable'));
    };
    for (let calls = 0; calls < 200; calls += 1) {
      await rejection(withRetries('m', OPTIONS, budget, fail, { random: () => 0 }));
    }
    // Without a budget it would be 800.
    expect(attempts).toBeLessThanOrEqual(205);
  });
});

describe('a call with retries', () => {
  const random = (): number => 0;

  it('succeeds when a later attempt does, each with what is left of the time', async () => {
    const timeouts: number[] = [];
    const answer = await withRetries(
      'm',
      OPTIONS,
      new RetryBudget(),
      async ({ timeoutMs }) => {
        timeouts.push(timeoutMs);
        if (timeouts.length < 3) throw failed('unavailable');
        return 'yes';
      },
      { random: () => 0.5 },
    );
    expect(answer).toBe('yes');
    expect(timeouts).toHaveLength(3);
    expect(timeouts[2]).toBeLessThan(timeouts[0] ?? 0);
  });

  it('of a method without a policy is made once', async () => {
    let attempts = 0;
    const attempt = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(failed('unavailable'));
    };
    const options = { policyOf: () => undefined, random };
    await rejection(withRetries('m', OPTIONS, new RetryBudget(), attempt, options));
    expect(attempts).toBe(1);
  });

  it('is cancelled while it waits', async () => {
    const controller = new AbortController();
    const policy = { ...DEFAULT_RETRY, backoff: { firstMs: 60_000, maxMs: 60_000, factor: 1 } };
    const call = withRetries(
      'm',
      { timeoutMs: 600_000, idempotent: true, signal: controller.signal },
      new RetryBudget(),
      () => Promise.reject(failed('unavailable')),
      { policyOf: () => policy, random: () => 0.9 },
    );
    setTimeout(() => controller.abort(new Error('enough')), 20);
    expect(await rejection(call)).toMatchObject({
      code: 'cancelled',
      cause: { message: 'enough' },
    });
  });
});
