export type ClientErrorCode =
  /** None of the given addresses answered; the message lists each with its reason. */
  | 'no-seed-reachable'
  /** The swarm does not accept the token. */
  | 'permission-denied'
  /** A seed answered, but is another peer than its address says. */
  | 'unexpected-identity'
  /** No attempt succeeded in time; a write may or may not have been applied. */
  | 'deadline-exceeded'
  /** A session expired while the fate of its write was unknown; read before writing again. */
  | 'outcome-unknown'
  /** A member refused for a reason that another attempt does not change; see `reason`. */
  | 'refused'
  /** A member answered with a failure or with something that is no answer. */
  | 'failed'
  /** The caller aborted the request. */
  | 'cancelled'
  /** Too many requests wait in this client. */
  | 'overloaded'
  /** The request itself is wrong: an unknown member, a limit out of range. */
  | 'invalid'
  /** `close` was called. */
  | 'closed';

export interface ClientErrorOptions {
  /** What the member gave as the machine-readable reason, for example `missing-endpoint`. */
  readonly reason?: string | undefined;
  readonly cause?: unknown;
  /** How often the request was sent to a member, where that is known. */
  readonly attempts?: number;
}

/** A request that failed for good, after every retry that could have helped. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode;
  readonly reason: string | undefined;
  /** How often it was sent: an answer that was lost may have been a success. */
  readonly attempts: number | undefined;

  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = options.reason;
    this.attempts = options.attempts;
  }

  /** True when no member was asked, or the only one has refused: nothing can have been done. */
  get isWithoutEffect(): boolean {
    const isRefusal = this.code === 'refused' || this.code === 'permission-denied';
    return this.attempts === 0 || (isRefusal && this.attempts === 1);
  }
}

/** The sentence of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
