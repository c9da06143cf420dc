/** Bounds and defaults of plans. The bounds are part of the protocol: every node holds the same. */
import type { Guards } from './state.js';

/** How long after finalization a rollout can be rolled back. */
export const ROLLBACK_WINDOW_MS_DEFAULT = 72 * 3_600_000;
export const ROLLBACK_WINDOW_MS_MAX = 90 * 24 * 3_600_000;
export const SOAK_MS_MAX = 7 * 24 * 3_600_000;
/** Nodes of a plan, and so of a batch and of those that may be unavailable. */
export const PLAN_NODES_MAX = 1_000;
export const MAINTENANCE_WINDOWS_MAX = 16;
/** By which the replicated clock may be off the time of day before a leader says the end of a window again. */
export const WINDOW_DRIFT_MS_MAX = 5_000;
/** Sentences in each of the lists of a plan, and characters of one. */
export const SENTENCES_MAX = 256;
export const SENTENCE_LENGTH_MAX = 1_024;
export const RELEASE_NAME_LENGTH_MAX = 128;

export const GUARDS_DEFAULT: Guards = {
  windowMs: 5_000,
  windows: 2,
  errorRateMax: 0.02,
  p99Factor: 3,
  p99FloorMs: 50,
  applyLagMax: 5_000,
  memoryFactor: 2,
  memoryBytesMax: 0,
  diskFreeBytesMin: 256 * 1024 * 1024,
  restartsMax: 1,
  action: 'rollback',
};
/** Characters of the reason of a halt; the errors in it come from elsewhere. Log entries take 4,096. */
export const HALT_REASON_LENGTH_MAX = 4_000;
