import type { Bench } from './harness.js';
import { idlePeersBench } from './idle-peers.js';
import { logBench } from './log.js';
import { memoryBench } from './memory.js';
import { raftGroupsBench } from './raft-groups.js';
import { raftBench } from './raft.js';
import { raftFailoverBench, raftProcessesBench } from './raft-processes.js';
import { simBench } from './sim.js';
import { transportBench } from './transport.js';
import { workersBench } from './workers.js';

/** All benches by the name that the command line takes. */
export const benches: Readonly<Record<string, () => Bench>> = {
  'idle-peers': () => idlePeersBench(),
  log: () => logBench(),
  memory: () => memoryBench(),
  raft: () => raftBench(),
  'raft-failover': () => raftFailoverBench(),
  'raft-groups': () => raftGroupsBench(),
  'raft-processes': () => raftProcessesBench(),
  sim: simBench,
  transport: () => transportBench(),
  workers: () => workersBench(),
};
