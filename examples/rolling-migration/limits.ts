/** Bounds of the demo, with units in their names. */
export const limits = {
  nodesMin: 3,
  nodesMax: 15,
  clientsMax: 256,
  secondsMax: 3_600,
  /** Mean pause of a client after an answer, unless another is asked for. */
  thinkMs: 60,
  thinkMsMax: 60_000,
  /** Memories of the installation that is generated when none is given. */
  generatedMemories: 500,
  generatedMemoriesMax: 100_000,
  /** Load after the rollout, in seconds. */
  afterSeconds: 3,
  /** Load after finalization, and again after the rollback, in seconds. */
  windowSeconds: 3,
  /** How long a command of an operator is tried. */
  operatorDeadlineMs: 30_000,
  startTimeoutMs: 60_000,
  votersTimeoutMs: 60_000,
  rolloutTimeoutMs: 1_200_000,
  loadStopTimeoutMs: 30_000,
  /** For every node to apply the last acknowledged write. */
  catchUpTimeoutMs: 30_000,
  stopTimeoutMs: 8_000,
  /** Between a SIGKILL and the restart of the same node. */
  restartDelayMs: 500,
  /** Kills of `--kill random`. */
  randomKillsMax: 3,
  pollMs: 100,
  /** Log lines kept of each process, and printed when it dies. */
  logLinesMax: 200,
  logLinesPrintedMax: 15,
  logLineCharactersMax: 2_000,
  /** Operations in one message of the load process. */
  operationsPerMessageMax: 2_000,
  flushMs: 500,
  /** Of the measurement of how long the load process itself is held up. */
  stallResolutionMs: 5,
  /** Model steps of the linearizability check. */
  checkerStepsMax: 50_000_000,
  /** Local reads under way on one node during verification. */
  readsPerNode: 16,
  /** Examples of a broken promise that the report prints. */
  examplesMax: 5,
} as const;
