import { strict as assert } from 'node:assert';
import { TokenBucket } from '../token-bucket.js';
import type { Reason } from './codes.js';
import {
  ENDPOINT_HANDLERS_MAX,
  HANDLERS_RUNNING_MAX,
  RATE_PEERS_MAX,
  RETRY_AFTER_MS,
} from './limits.js';
import { RpcError } from './rpc.js';

/** How much an endpoint takes on. */
export interface LoadLimits {
  /** Handlers that run for one peer, over all its connections. 256 when left out. */
  readonly handlersPerPeerMax?: number;
  /** Handlers that run for all peers. 4,096 when left out. */
  readonly handlersMax?: number;
  /** Bytes of the large requests that handlers work on for one peer. 64 MiB when left out. */
  readonly requestBytesPerPeerMax?: number;
  /** The same for all peers; a peer may have one request in any case. 512 MiB when left out. */
  readonly requestBytesMax?: number;
  /** Calls and notifications a second of one peer, and how many at once. No bound when left out. */
  readonly ratePerPeer?: { readonly perSecond: number; readonly burst: number };
}

/**
 * Whether one more handler may run. What is beyond a limit is sent away at once, before its payload is
 * looked at: there is no queue here, since the callers have one of their own (the streams that QUIC
 * allows, then a bounded list) in which their deadlines keep running. The error says when another
 * try may be worth it (`details.retryAfterMs`).
 */
export class Admission {
  readonly #limits: { readonly handlersPerPeerMax: number; readonly handlersMax: number };
  readonly #rate: LoadLimits['ratePerPeer'];
  readonly #running = new Map<string, number>();
  readonly #buckets = new Map<string, TokenBucket>();
  #runningCount = 0;

  constructor(limits: LoadLimits = {}) {
    this.#limits = {
      handlersPerPeerMax: limits.handlersPerPeerMax ?? HANDLERS_RUNNING_MAX,
      handlersMax: limits.handlersMax ?? ENDPOINT_HANDLERS_MAX,
    };
    this.#rate = limits.ratePerPeer;
    const { ratePerPeer: _, ...numbers } = limits;
    for (const value of [...Object.values(numbers), this.#rate?.burst ?? 1]) {
      assert(Number.isSafeInteger(value) && value > 0, 'limits of load are integers above 0');
    }
    assert((this.#rate?.perSecond ?? 1) > 0, 'a rate of calls is above 0 a second');
  }

  /** Handlers that run for all peers. */
  get runningCount(): number {
    return this.#runningCount;
  }

  /** Takes a place for a handler, or says why there is none. */
  enter(peerId: string, now: () => number): RpcError | undefined {
    if (this.#rate !== undefined) {
      const nowMs = now();
      const waitMs = this.#bucketOf(peerId, nowMs).take(nowMs);
      if (waitMs > 0) {
        const text = `this peer makes more than ${this.#rate.perSecond} calls a second`;
        return shed(text, 'peer-rate', waitMs);
      }
    }
    const { handlersPerPeerMax, handlersMax } = this.#limits;
    const running = this.#running.get(peerId) ?? 0;
    if (running >= handlersPerPeerMax) {
      return shed(`${running} handlers run for this peer already`, 'peer-handlers', RETRY_AFTER_MS);
    }
    if (this.#runningCount >= handlersMax) {
      const text = `${this.#runningCount} handlers run in this endpoint already`;
      return shed(text, 'endpoint-handlers', RETRY_AFTER_MS);
    }
    this.#running.set(peerId, running + 1);
    this.#runningCount += 1;
    return undefined;
  }

  /** Gives the place back. */
  leave(peerId: string): void {
    const running = this.#running.get(peerId) ?? 0;
    assert(running > 0, 'a handler ends once');
    if (running === 1) this.#running.delete(peerId);
    else this.#running.set(peerId, running - 1);
    this.#runningCount -= 1;
  }

  #bucketOf(peerId: string, nowMs: number): TokenBucket {
    let bucket = this.#buckets.get(peerId);
    if (bucket === undefined) {
      const { perSecond, burst } = this.#rate ?? { perSecond: 1, burst: 1 };
      bucket = new TokenBucket(perSecond, burst, nowMs);
    } else {
      this.#buckets.delete(peerId);
    }
    // The last in the map was heard of last.
    this.#buckets.set(peerId, bucket);
    if (this.#buckets.size > RATE_PEERS_MAX) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket;
  }
}

function shed(message: string, reason: Reason, retryAfterMs: number): RpcError {
  return new RpcError('overloaded', message, { reason, details: { retryAfterMs } });
}
