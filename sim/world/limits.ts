/** Bounds of a simulated world. */
export const limits = {
  nodesMax: 1024,
  /** Events waiting on the heap: messages in flight, timers, syncs, planned actions. */
  eventsPendingMax: 4_000_000,
  /** Timers of one node with different tags. */
  timersPerNodeMax: 100_000,
  /** Messages kept for a paused process; later ones are dropped, as a full socket buffer does. */
  messagesHeldPerNodeMax: 10_000,
  /** Messages that one clogged direction holds; later ones are dropped. */
  messagesHeldPerLinkMax: 10_000,
  bytesPerSecondMax: 1_000_000_000_000,
  /** Bytes that wait for a slow link, unless the network says otherwise. */
  queueBytesMax: 1_048_576,
  /** How large a message counts that is neither bytes nor text, in a world without `sizeOf`. */
  messageBytesUsual: 256,
  /** Writes of one node that no sync has made durable. */
  unsyncedWritesPerNodeMax: 1_000_000,
  /** Events that `recentEvents` can tell about. */
  recentEventsMax: 256,
  /** Names of timers and actions whose hash is kept. */
  hashedNamesMax: 4096,
  /** A clock of half or twice the speed. */
  driftPartsPerMillionMax: 1_000_000,
  driftPartsPerMillionMin: -500_000,
  /** Simulated time, about 285 years; times stay exact whole numbers. */
  timeMicrosecondsMax: Number.MAX_SAFE_INTEGER,
} as const;
