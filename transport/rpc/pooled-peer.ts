import { abortable } from '../abortable.js';
import { formatHostPort } from '../identity/peer-address.js';
import { PING_METHOD } from './dispatch.js';
import { onAnswerEnd } from './interceptors.js';
import { POOL_WAITING_MAX } from './limits.js';
import { RetryBudget, withRetries, type RetryBudgetOptions, type RetryOptions } from './retry.js';
import {
  RpcError,
  type CallOptions,
  type DialOptions,
  type MessageSource,
  type PeerAddress,
  type PeerConnection,
} from './rpc.js';
import { iterated } from './streams.js';

/** What a pool needs of an endpoint. */
export interface Dialler {
  connect(address: PeerAddress, options: DialOptions): Promise<PeerConnection>;
}

/** How a pool treats each peer. */
export interface PeerSettings {
  /** One attempt to connect. */
  readonly connectTimeoutMs: number;
  /**
   * The wait after n failed attempts is random from half of to `firstMs * factor^(n-1)`, at most
   * `maxMs`; meanwhile calls fail at once unless they wait for the peer to be ready.
   */
  readonly backoff: { readonly firstMs: number; readonly maxMs: number; readonly factor: number };
  /** A connection on which no call was answered for so long is asked whether it is alive. */
  readonly healthMs: number;
  /** It must answer within this time, or it is replaced. */
  readonly pingTimeoutMs: number;
  /** A connection without a call for so long is closed. */
  readonly idleMs: number;
  /** Use 0-RTT where a session is known. */
  readonly earlyData: boolean;
  readonly budget: RetryBudgetOptions;
}

export interface PoolCallOptions extends CallOptions {
  /**
   * While the peer cannot be reached, wait for it until the deadline (wait-for-ready of gRPC), instead
   * of failing with the first failed attempt.
   */
  readonly waitForReady?: boolean;
}

export interface PooledPeerStats {
  readonly address: PeerAddress;
  readonly state: 'idle' | 'connecting' | 'open' | 'backing-off';
  readonly callsOpen: number;
  /** Attempts to connect that failed in a row. */
  readonly failures: number;
  /** Why the last attempt failed, or that nobody has answered yet when a call gave up waiting. */
  readonly lastError: string;
}

export function resolvePeerSettings(settings: Partial<PeerSettings>): PeerSettings {
  return {
    connectTimeoutMs: settings.connectTimeoutMs ?? 5_000,
    backoff: settings.backoff ?? { firstMs: 100, maxMs: 10_000, factor: 2 },
    healthMs: settings.healthMs ?? 10_000,
    pingTimeoutMs: settings.pingTimeoutMs ?? 2_000,
    idleMs: settings.idleMs ?? 300_000,
    earlyData: settings.earlyData ?? false,
    budget: settings.budget ?? {},
  };
}

/**
 * The one connection of a pool to a peer.
 *
 *   idle --wanted--> connecting --let in--> open --lost, worn, unhealthy--> idle
 *                        |  ^
 *                 failed |  | wanted, after the wait
 *                        v  |
 *                     backing-off
 */
export class PooledPeer {
  readonly #dialler: Dialler;
  readonly #address: PeerAddress;
  readonly #settings: PeerSettings;
  readonly #retry: RetryOptions;
  readonly #budget: RetryBudget;
  readonly #stop = new AbortController();
  #connection: PeerConnection | undefined;
  #attempt: Promise<PeerConnection> | undefined;
  #callsOpen = 0;
  #waitingCount = 0;
  #failures = 0;
  #lastError = '';
  #retryAt = 0;
  #usedAt = performance.now();
  #heardAt = 0;
  #isAsking = false;

  constructor(dialler: Dialler, address: PeerAddress, settings: PeerSettings, retry: RetryOptions) {
    this.#dialler = dialler;
    this.#address = address;
    this.#settings = settings;
    this.#retry = retry;
    this.#budget = new RetryBudget(settings.budget);
  }

  /** True while somebody waits for the connection or its answers. */
  get isBusy(): boolean {
    return this.#callsOpen > 0 || this.#waitingCount > 0;
  }

  stats(): PooledPeerStats {
    return {
      address: this.#address,
      state: this.#state,
      callsOpen: this.#callsOpen,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  call(method: string, payload: unknown, options: PoolCallOptions): Promise<unknown> {
    // Version 1 of the wire leaves the key out: the peer would run such a call twice.
    let isKeySent = true;
    const attempt = (left: CallOptions): Promise<unknown> =>
      this.#use(left, (connection, rest) => {
        isKeySent = connection.version > 1;
        return connection.call(method, payload, rest);
      });
    const retry = { ...this.#retry, isKeySent: () => isKeySent };
    return withRetries(method, options, this.#budget, attempt, retry);
  }

  /** Not retried: the messages can be read only once. */
  clientStream(
    method: string,
    messages: MessageSource,
    options: PoolCallOptions,
  ): Promise<unknown> {
    return this.#use(options, (connection, rest) =>
      connection.clientStream(method, messages, rest),
    );
  }

  /** Not retried: some of the answers may have been read. */
  manyAnswers(
    options: PoolCallOptions,
    open: (connection: PeerConnection, left: CallOptions) => AsyncIterable<unknown>,
  ): AsyncIterableIterator<unknown> {
    const opened = this.#open(options, open);
    // Whoever never asks for the first message must not bring the process down.
    opened.catch(() => undefined);
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: async () => (await opened).next(),
      return: async () => {
        const iterator = await opened.catch(() => undefined);
        await iterator?.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  /** The connection, once there is one. Rejects with `RpcError`. */
  async acquire(options: PoolCallOptions): Promise<PeerConnection> {
    this.#usedAt = performance.now();
    if (this.#connection?.isOpen === true) return this.#connection;
    if (this.#waitingCount >= POOL_WAITING_MAX) {
      const text = `${POOL_WAITING_MAX} calls wait for a connection to ${this.#where} already`;
      throw new RpcError('overloaded', text, { reason: 'calls-waiting' });
    }
    this.#waitingCount += 1;
    try {
      return await this.#awaitConnection(options);
    } finally {
      this.#waitingCount -= 1;
    }
  }

  /** Looks after the connection; false: it has served. */
  tick(now: number): boolean {
    if (this.isBusy || this.#attempt !== undefined) return true;
    const isOpen = this.#connection?.isOpen === true;
    const idleMs = now - this.#usedAt;
    if (!isOpen && now >= this.#retryAt && idleMs >= this.#settings.idleMs) return false;
    if (isOpen && idleMs >= this.#settings.idleMs) return false;
    if (isOpen && now - this.#heardAt >= this.#settings.healthMs) void this.#ask();
    return true;
  }

  async close(reason: string): Promise<void> {
    this.#stop.abort(new RpcError('unavailable', `the pool gave up ${this.#where}: ${reason}`));
    await this.#connection?.close(0, reason);
  }

  get #where(): string {
    return formatHostPort(this.#address);
  }

  get #state(): PooledPeerStats['state'] {
    if (this.#connection?.isOpen === true) return 'open';
    if (this.#attempt !== undefined) return 'connecting';
    return performance.now() < this.#retryAt ? 'backing-off' : 'idle';
  }

  async #use(
    options: PoolCallOptions,
    run: (connection: PeerConnection, left: CallOptions) => Promise<unknown>,
  ): Promise<unknown> {
    const endsAt = performance.now() + options.timeoutMs;
    const connection = await this.acquire(options);
    this.#callsOpen += 1;
    try {
      const answer = await run(connection, leftOf(options, endsAt));
      this.#heardAt = performance.now();
      return answer;
    } catch (error) {
      this.#onCallError(error);
      throw error;
    } finally {
      this.#callsOpen -= 1;
      this.#usedAt = performance.now();
    }
  }

  async #open(
    options: PoolCallOptions,
    open: (connection: PeerConnection, left: CallOptions) => AsyncIterable<unknown>,
  ): Promise<AsyncIterableIterator<unknown>> {
    const endsAt = performance.now() + options.timeoutMs;
    const connection = await this.acquire(options);
    const left = leftOf(options, endsAt);
    this.#callsOpen += 1;
    let isOver = false;
    const onOver = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this.#callsOpen -= 1;
      this.#usedAt = performance.now();
    };
    // Answers that nobody reads do not keep the connection longer than the call runs.
    const timer = setTimeout(onOver, left.timeoutMs).unref();
    const answers = onAnswerEnd(open(connection, left), ({ error }) => {
      onOver();
      if (error === undefined) this.#heardAt = performance.now();
      else this.#onCallError(error);
    });
    return iterated(answers as AsyncIterable<unknown>);
  }

  /** A call that nobody answered may mean that nobody is there: the peer is asked now. */
  #onCallError(error: unknown): void {
    if (!(error instanceof RpcError)) return;
    if (error.code === 'deadline-exceeded') void this.#ask();
    else if (error.code !== 'unavailable' && error.code !== 'cancelled') {
      this.#heardAt = performance.now();
    }
  }

  async #awaitConnection(options: PoolCallOptions): Promise<PeerConnection> {
    const { signal, timeoutMs } = options;
    const late = new AbortController();
    const timer = setTimeout(() => {
      if (this.#lastError === '') this.#lastError = `no answer from ${this.#where} so far`;
      const text = `${this.#where} was not reached within ${Math.round(timeoutMs)} ms`;
      const why = `${text}: ${this.#lastError}`;
      // The call has never left this side: no `deadline-exceeded`, after which it may have run.
      late.abort(new RpcError('unavailable', why, { reason: 'timeout' }));
    }, timeoutMs);
    const signals = [late.signal, this.#stop.signal, ...(signal === undefined ? [] : [signal])];
    const given = AbortSignal.any(signals);
    try {
      for (;;) {
        const waitMs = this.#retryAt - performance.now();
        if (this.#attempt === undefined && waitMs > 0) {
          if (options.waitForReady !== true) throw this.#unreachable();
          await abortable(delay(waitMs, given), given);
        }
        try {
          return await abortable(this.#attempt ?? this.#connect(), given);
        } catch (error) {
          if (given.aborted || options.waitForReady !== true) throw error;
        }
      }
    } catch (error) {
      throw signal?.aborted === true && given.reason === signal.reason
        ? new RpcError('cancelled', `waiting for ${this.#where} was cancelled`, { cause: error })
        : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** One attempt at a time, for all who wait. */
  #connect(): Promise<PeerConnection> {
    if (this.#connection?.isOpen === true) return Promise.resolve(this.#connection);
    const { connectTimeoutMs, earlyData } = this.#settings;
    const attempt = this.#dialler
      .connect(this.#address, {
        timeoutMs: connectTimeoutMs,
        signal: this.#stop.signal,
        ...(earlyData ? { earlyData } : {}),
      })
      .then(
        (connection) => this.#onConnected(connection),
        (error: unknown) => {
          this.#onFailed(error);
          throw error;
        },
      )
      .finally(() => {
        this.#attempt = undefined;
      });
    attempt.catch(() => undefined);
    this.#attempt = attempt;
    return attempt;
  }

  #onConnected(connection: PeerConnection): PeerConnection {
    this.#connection = connection;
    this.#heardAt = performance.now();
    connection.admitted.then(
      () => {
        this.#failures = 0;
        this.#lastError = '';
      },
      // It was an early one: the peer has refused it, or is not there.
      (error: unknown) => this.#onFailed(error),
    );
    if (this.#stop.signal.aborted) void connection.close(0, 'no longer wanted');
    return connection;
  }

  #onFailed(error: unknown): void {
    const { firstMs, maxMs, factor } = this.#settings.backoff;
    const random = this.#retry.random ?? Math.random;
    this.#failures += 1;
    this.#lastError = error instanceof Error ? error.message : String(error);
    const waitMs = Math.min(maxMs, firstMs * factor ** (this.#failures - 1));
    this.#retryAt = performance.now() + waitMs * (0.5 + random() / 2);
  }

  #unreachable(): RpcError {
    const text = `${this.#where} cannot be reached: ${this.#lastError}`;
    const retryAfterMs = Math.ceil(Math.max(this.#retryAt - performance.now(), 0));
    return new RpcError('unavailable', text, { reason: 'backing-off', details: { retryAfterMs } });
  }

  /** Asks whether the peer is there; a connection that does not answer is replaced when wanted. */
  async #ask(): Promise<void> {
    const connection = this.#connection;
    if (this.#isAsking || connection?.isOpen !== true) return;
    this.#isAsking = true;
    try {
      await connection.call(PING_METHOD, null, {
        timeoutMs: this.#settings.pingTimeoutMs,
        idempotent: true,
      });
      this.#heardAt = performance.now();
    } catch (error) {
      // A peer of an earlier release does not know the method, and is alive.
      const isAnswer =
        error instanceof RpcError &&
        error.code !== 'deadline-exceeded' &&
        error.code !== 'unavailable';
      if (isAnswer) this.#heardAt = performance.now();
      else await connection.close(0, 'it did not answer');
    } finally {
      this.#isAsking = false;
    }
  }
}

function leftOf(options: PoolCallOptions, endsAt: number): CallOptions {
  const { waitForReady: _, ...rest } = options;
  return { ...rest, timeoutMs: Math.max(endsAt - performance.now(), 1) };
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
}
