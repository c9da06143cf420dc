/**
 * Error codes of QUIC that this transport sends. libp2p gives no meaning to any but 0; of a peer's
 * code only counts whether it is 0. Never renumbered.
 */
export const CONNECTION_CODE = {
  /** Closed in an orderly way. */
  closed: 0,
  /** Given up: an error of the application, or the upgrade to a libp2p connection failed. */
  aborted: 1,
  /** The certificate was refused, or the peer is not the one that was dialled. */
  refused: 2,
} as const;

/** A stream that is given up: what other implementations send too. */
export const STREAM_RESET_CODE = 0;
