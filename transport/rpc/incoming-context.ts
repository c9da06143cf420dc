import { NO_METADATA, checkMetadata, type Metadata } from './metadata.js';
import type { CallContext, PeerConnection, RpcError } from './rpc.js';

/** What a call said beside its method and payload. */
export interface CallFacts {
  readonly metadata: Metadata;
  readonly idempotencyKey: string | undefined;
}

const NO_FACTS: CallFacts = { metadata: NO_METADATA, idempotencyKey: undefined };

/**
 * Context of one call or notification; the signal is made when a handler asks for it, since most
 * never do.
 */
export class IncomingContext implements CallContext {
  readonly connection: PeerConnection;
  readonly timeoutMs: number;
  readonly idempotencyKey: string | undefined;
  /** As the interceptors hand it on. */
  metadata: Metadata;
  trailer: Metadata = NO_METADATA;
  readonly #arrivedAt = performance.now();
  #controller: AbortController | undefined;
  #abortedBy: RpcError | undefined;

  constructor(connection: PeerConnection, timeoutMs: number, facts: CallFacts = NO_FACTS) {
    this.connection = connection;
    this.timeoutMs = timeoutMs;
    this.metadata = facts.metadata;
    this.idempotencyKey = facts.idempotencyKey;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortedBy !== undefined) this.#controller.abort(this.#abortedBy);
    }
    return this.#controller.signal;
  }

  get remainingMs(): number {
    return Math.max(this.timeoutMs - (performance.now() - this.#arrivedAt), 0);
  }

  setTrailer(metadata: Metadata): void {
    this.trailer = checkMetadata(metadata);
  }

  abort(reason: RpcError): void {
    if (this.#abortedBy !== undefined) return;
    this.#abortedBy = reason;
    this.#controller?.abort(reason);
  }
}
