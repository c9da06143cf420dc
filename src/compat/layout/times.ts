/** Times as v1's columns hold them. */

/** UTC as SQLite's CURRENT_TIMESTAMP writes it: `2026-11-22 15:20:58`. */
export function sqliteTime(timestampMs: number): string {
  return new Date(timestampMs).toISOString().slice(0, 19).replace('T', ' ');
}

/** Whole seconds since 1970, as agentdb has them. */
export function seconds(timestampMs = Date.now()): number {
  return Math.floor(timestampMs / 1000);
}
