import {
  ATTEMPT_TIMEOUT_MS,
  CONNECT_DEADLINE_MS,
  DEADLINE_MS,
  DISCOVERY_MS,
  HANDSHAKE_TIMEOUT_MS,
  HEARTBEAT_MS,
  HEARTBEAT_TIMEOUT_MS,
} from './limits.js';

/** Times of a client, all in milliseconds. */
export interface ClientSettings {
  /** First attempt of a request; later attempts get more. */
  readonly attemptTimeoutMs: number;
  /** All attempts of one request together. */
  readonly deadlineMs: number;
  /** Until the first member must have answered. */
  readonly connectDeadlineMs: number;
  /** How long `connect` waits for the members behind the first one. */
  readonly discoveryMs: number;
  readonly handshakeTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly heartbeatTimeoutMs: number;
}

export const DEFAULT_SETTINGS: ClientSettings = {
  attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
  deadlineMs: DEADLINE_MS,
  connectDeadlineMs: CONNECT_DEADLINE_MS,
  discoveryMs: DISCOVERY_MS,
  handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
  heartbeatMs: HEARTBEAT_MS,
  heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
};
