/** Bounds of generated schedules of faults. */
export const limits = {
  /** Faults that begin in one schedule. */
  faultsMax: 10_000,
  /** Nodes that a schedule may be made for. */
  nodesMax: 1024,
  /** The shortest a fault may be asked to last. */
  durationMicrosecondsMin: 1,
} as const;
