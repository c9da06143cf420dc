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
} as const;

/** Codes with which a stream is reset or stopped. Never renumbered. */
export const STREAM_CODE = {
  cancelled: 1,
  deadlineExceeded: 2,
  malformed: 3,
  overloaded: 4,
} as const;
