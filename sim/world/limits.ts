/** Bounds of a simulated world. */
export const limits = {
  nodesMax: 1024,
  /** Events waiting on the heap: messages in flight, timers, syncs, planned actions. */
  eventsPendingMax: 4_000_000,
  /** Timers of one node with different tags. */
  timersPerNodeMax: 100_000,
  /** Messages kept for a paused process; later ones are dropped, as a full socket buffer does. */
  messagesHeldPerNodeMax: 10_000,
  /** Writes of one node that no sync has made durable. */
  unsyncedWritesPerNodeMax: 1_000_000,
  /** Events that `recentEvents` can tell about. */
  recentEventsMax: 256,
  /** Simulated time, about 285 years; times stay exact whole numbers. */
  timeMicrosecondsMax: Number.MAX_SAFE_INTEGER,
} as const;
