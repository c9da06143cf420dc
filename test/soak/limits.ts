/** Bounds and times of the soak, with units in their names. */
export const limits = {
  roundsMax: 10_000,
  nodesMin: 3,
  nodesMax: 15,
  clientsMax: 64,
  batchSizeMax: 15,
  soakSecondsMax: 3_600,
  secondsMax: 600,
  thinkMsMax: 60_000,
  /** Beside them something has to be written. */
  getsMax: 95,
  memoriesMax: 100_000,

  /** A process, with the embedding model, on a machine that has other things to do. */
  startTimeoutMs: 180_000,
  votersTimeoutMs: 180_000,
  /** One way of one rollout, with everything that was done to it. */
  rolloutTimeoutMs: 900_000,
  /** From the end of a fault until the node serves. */
  recoveryTimeoutMs: 120_000,
  catchUpTimeoutMs: 120_000,
  operatorDeadlineMs: 60_000,
  askDeadlineMs: 10_000,
  supervisorTimeoutMs: 180_000,
  stopTimeoutMs: 20_000,
  pollMs: 100,
  /** What an operating system waits before it starts a service again (systemd: RestartSec). */
  restartDelayMs: 500,

  /** Load within the window of a rollout, and after each way back. */
  windowMs: 2_000,

  faultPauseSecondsMax: 600,
  partitionMinMs: 1_000,
  partitionSpanMs: 3_000,
  /** What happens so long after a fault has ended is still laid to it. */
  faultEchoMs: 1_000,

  /** Goals; machines differ, so that a run fails by them only with --strict. */
  gapCalmGoalMs: 100,
  gapKillGoalMs: 700,
  p99FactorGoal: 1.5,

  checkerStepsMax: 50_000_000,
  /** Ids of earlier rounds that each node is asked for again at the end. */
  earlierIdsMax: 20_000,
  readsPerNode: 16,
  /** Of what a round has written, with `--forget`. */
  deletesAtOnce: 32,
  examplesMax: 5,

  /** Clients of etcd: all attempts of one request together, and one connection. */
  etcdDeadlineMs: 20_000,
  etcdRetryMs: 25,
  /** Load before and after a rolling restart, and between two processes of it. */
  etcdCalmMs: 3_000,
} as const;
