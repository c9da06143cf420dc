/**
 * Codes with which a connection is closed (CONNECTION_CLOSE of RFC 9000 19.19). Never renumbered.
 */
export const CLOSE_CODE = {
  normal: 0,
  /** The certificate is missing, unreadable or of another peer. */
  unauthenticated: 1,
  /** The peer id is known for certain, and not admitted. */
  permissionDenied: 2,
  shuttingDown: 3,
  /** Replaced because it has served long enough; the dialling side connects again. */
  worn: 4,
  /** The hello cannot be read, came twice, or something else that no peer of any release does. */
  protocolViolation: 5,
} as const;

/** Codes with which a stream is reset or stopped. Never renumbered. */
export const STREAM_CODE = {
  cancelled: 1,
  deadlineExceeded: 2,
  malformed: 3,
  overloaded: 4,
  /** The head of a call did not come in time. */
  headLate: 5,
  /** The answer is complete: the rest of the request is of no use. */
  answered: 6,
} as const;

/**
 * Reasons that the calls themselves give (`RpcError.reason`), one for each limit, so that whoever
 * reads a log or a metric knows which one it was. Handlers have reasons of their own.
 */
export type Reason =
  /** `overloaded`, before any work: handlers of the peer, of the endpoint, calls a second. */
  | 'peer-handlers'
  | 'endpoint-handlers'
  | 'peer-rate'
  /** `overloaded`: bytes of large requests that handlers work on. */
  | 'request-bytes'
  /** `overloaded`: bytes of unfinished messages, of answers that nobody reads. */
  | 'receive-bytes'
  | 'send-bytes'
  /** `overloaded`: calls that wait here for a stream, their bytes. */
  | 'calls-waiting'
  | 'waiting-bytes'
  /** `overloaded`: all connections of a pool are in use. */
  | 'pool-full'
  /** `unavailable`: the peer was not reached in time, so that the call never left this side. */
  | 'timeout'
  /** `unavailable`: the peer was not reached a moment ago, and the pool waits before it tries again. */
  | 'backing-off'
  /** `malformed`: an option, an address or a timeout that cannot be used; see the message. */
  | 'bad-option'
  /** `malformed`: longer than allowed. */
  | 'message-too-long'
  | 'head-too-long'
  | 'metadata-too-large'
  /** `malformed`: a frame that has no place where it came. */
  | 'unexpected-frame'
  /** `deadline-exceeded`: the head of a call took too long. */
  | 'head-late'
  /** `refused`: the key was used with another method or payload. */
  | 'idempotency-key-reused'
  /** `unknown-method`: there is one of that name, of another kind. */
  | 'kind'
  /** `unavailable`: the connection speaks version 1, which has no streams. */
  | 'version';
