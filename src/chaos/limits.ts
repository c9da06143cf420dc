/** Bounds and times of `agentic-flow chaos`, with units in their names. */
export const limits = {
  nodesMin: 1,
  nodesMax: 15,
  clientsMax: 64,
  secondsMin: 5,
  secondsMax: 86_400,
  /** Mean time between the beginnings of two generated faults, and that a fault lasts. */
  meanPauseMs: 3_000,
  meanFaultMs: 4_000,

  /** Load before the first fault and after the swarm serves again. */
  calmMs: 3_000,
  /** Pause of a client after an answer, half as much to one and a half times. */
  thinkMs: 40,
  /** All attempts of one operation; after it the outcome of a write is unknown. */
  operationDeadlineMs: 5_000,
  /** Ids that all clients write and read, and the share of inserts with an id of their own. */
  sharedIds: 8,
  ownIdShare: 0.3,
  getShare: 0.5,

  /** From the first process to a swarm of voters that have loaded their model. */
  startTimeoutMs: 120_000,
  /** Liveness: from the heal until every node has served a write and a read. */
  recoveryMsMax: 30_000,
  /** For a node to apply the last acknowledged write, after it served. */
  catchUpTimeoutMs: 30_000,
  pollMs: 100,
  /** Local reads under way on one node, when everything is read at the end. */
  readsPerNode: 16,
  /** Nodes get SIGTERM at the end; SIGKILL after so long. */
  stopTimeoutMs: 8_000,

  /** Acknowledged operations a second of the load below which a run has shown nothing. */
  acknowledgedPerSecondMin: 1,
  /** Faults that must have had an effect. */
  faultsMin: 1,
  checkerStepsMax: 50_000_000,
  /** Examples of one failed check that are printed. */
  examplesMax: 5,
  logLinesPrintedMax: 15,

  /** Cables between nodes and hub. */
  mtuBytes: 1_500,
  nodePort: 4_433,
  /** Ports that the relay stands for at a time; datagrams of further ones are lost. */
  relayPortsMax: 4_096,
  /** Datagrams that clogged directions hold; further ones are lost. */
  relayHeldMax: 65_536,
  /** For the answer to who leads, when a fault is aimed at the leader. */
  leaderTimeoutMs: 1_000,
} as const;
