import type { Bench } from './harness.js';
import { graphBench } from './graph.js';
import { idlePeersBench } from './idle-peers.js';
import { logBench } from './log.js';
import { memoryBench } from './memory.js';
import { memoryEnginesBench } from './memory-engines.js';
import { raftGroupsBench } from './raft-groups.js';
import { raftBench } from './raft.js';
import { raftFailoverBench, raftProcessesBench } from './raft-processes.js';
import { rerankBench } from './rerank.js';
import { simBench } from './sim.js';
import { snapshotBench } from './snapshot.js';
import { textBench } from './text.js';
import { transportBench } from './transport.js';
import { workersBench } from './workers.js';

/** Sizes that the command line may give. */
export interface BenchSizes {
  readonly megabytes?: number;
}

/** All benches by the name that the command line takes. */
export const benches: Readonly<Record<string, (sizes?: BenchSizes) => Bench>> = {
  graph: () => graphBench(),
  'idle-peers': () => idlePeersBench(),
  log: () => logBench(),
  memory: () => memoryBench(),
  'memory-engines': () => memoryEnginesBench(),
  raft: () => raftBench(),
  'raft-failover': () => raftFailoverBench(),
  'raft-groups': () => raftGroupsBench(),
  'raft-processes': () => raftProcessesBench(),
  rerank: () => rerankBench(),
  sim: () => simBench(),
  snapshot: (sizes) => snapshotBench(sizes?.megabytes),
  text: () => textBench(),
  transport: () => transportBench(),
  workers: () => workersBench(),
};
