/** How often the time has to be told to a rollout that waits for it. */
import type { Rollout } from './state.js';

const SOAK_CLOCK_MS_MAX = 500;
/** While a window is open its time is told so many times in it, within both bounds. */
const CLOCK_ENTRIES_PER_WINDOW = 64;
const WINDOW_CLOCK_MS_MIN = 1_000;
const WINDOW_CLOCK_MS_MAX = 60_000;

/**
 * After how many milliseconds the replicated clock has to be told again; Infinity while the rollout
 * waits for no time. Never later than at the moment that is waited for, and now and then before it, so
 * that little is lost with a leader.
 */
export function clockIntervalMs(rollout: Rollout, clockMs: number): number {
  const { status, nodes, limits, windowEndsMs, plan } = rollout;
  if (status === 'running') {
    const soaking = nodes.filter(({ step }) => step === 'soak');
    const endsMs = Math.min(...soaking.map(({ sinceMs }) => sinceMs + limits.soakMs));
    return Math.min(endsMs === Infinity ? Infinity : SOAK_CLOCK_MS_MAX, leftMs(endsMs, clockMs));
  }
  if (status !== 'finalized') return Infinity;
  const partMs = plan.rollbackWindowMs / CLOCK_ENTRIES_PER_WINDOW;
  const intervalMs = Math.min(Math.max(partMs, WINDOW_CLOCK_MS_MIN), WINDOW_CLOCK_MS_MAX);
  return Math.min(intervalMs, leftMs(windowEndsMs, clockMs));
}

/** What is over needs no time, but the entry that says so. */
function leftMs(endsMs: number, clockMs: number): number {
  return endsMs > clockMs ? endsMs - clockMs : Infinity;
}
