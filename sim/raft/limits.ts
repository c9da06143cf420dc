/** Bounds of simulated Raft groups. */
export const limits = {
  /** Members and spare nodes of one group. */
  nodesMax: 100,
  /** Frames that one sync covers, as in production. */
  framesPerBatchMax: 48,
  /** Heartbeat intervals after which a snapshot that nobody has confirmed counts as lost. */
  snapshotTicksMax: 20,
  /** Heartbeat intervals after which a block that was asked for is asked for again. */
  blockTicksMax: 2,
  /** Client operations in one plan; a history is judged as a whole. */
  operationsMax: 20_000,
} as const;
