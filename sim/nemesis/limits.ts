/** Bounds of schedules of faults. */
export const limits = {
  /** Faults that begin in one generated schedule. */
  faultsMax: 10_000,
  /** Actions of a schedule that is read from a file. */
  scheduleFaultsMax: 100_000,
  /** Nodes that a schedule may be made for. */
  nodesMax: 1024,
  /** The shortest a fault may be asked to last. */
  durationMicrosecondsMin: 1,
  /** Characters of a name, a release or a prefix in a file. */
  textMax: 200,
  /** The longest delay in a file, about an hour. */
  delayMicrosecondsMax: 4_000_000_000,
  /** Keys that one bit-rot damages. */
  rottenKeysMax: 10_000,
} as const;
