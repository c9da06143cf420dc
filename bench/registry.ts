import type { Bench } from './harness.js';
import { availableBench } from './available.js';
import { bftBench } from './bft.js';
import { bftCertificatesBench } from './bft-certificates.js';
import { bftPartsBench } from './bft-parts.js';
import { crdtBench } from './crdt.js';
import { embeddingsBench } from './embeddings.js';
import { gossipBench } from './gossip.js';
import { graphBench } from './graph.js';
import { healthBench } from './health.js';
import { idlePeersBench } from './idle-peers.js';
import { logBench } from './log.js';
import { memoryBench, memorySize } from './memory.js';
import { memoryDurableBench } from './memory-durable.js';
import { memoryEnginesBench } from './memory-engines.js';
import { memoryModesBench } from './memory-modes.js';
import { migrationBench } from './migration.js';
import { quantisationBench } from './quantisation.js';
import { raftGroupsBench } from './raft-groups.js';
import { raftBench } from './raft.js';
import { raftFailoverBench, raftProcessesBench } from './raft-processes.js';
import { rerankBench } from './rerank.js';
import { simBench } from './sim.js';
import { snapshotBench } from './snapshot.js';
import { storeBench } from './store.js';
import { stsBench } from './sts.js';
import { textBench } from './text.js';
import { topicsBench } from './topics.js';
import { transportBench } from './transport.js';
import { vectorFilesBench } from './vector-files.js';
import { workersBench } from './workers.js';

/** What the command line may give. */
export interface BenchSizes {
  readonly megabytes?: number;
  readonly sets?: readonly string[];
  readonly subjects?: readonly string[];
  readonly vectors?: number;
  readonly count?: number;
  readonly rows?: number;
  readonly file?: string;
}

/** All benches by the name that the command line takes. */
export const benches: Readonly<Record<string, (sizes?: BenchSizes) => Bench>> = {
  available: () => availableBench(),
  bft: () => bftBench(),
  'bft-certificates': () => bftCertificatesBench(),
  'bft-parts': () => bftPartsBench(),
  crdt: (sizes) => crdtBench(sizes?.file),
  embeddings: () => embeddingsBench(),
  gossip: () => gossipBench(),
  graph: () => graphBench(),
  health: () => healthBench(),
  'idle-peers': () => idlePeersBench(),
  log: () => logBench(),
  memory: (sizes) => memoryBench(memorySize(sizes?.sets, sizes?.vectors), sizes?.subjects),
  'memory-durable': () => memoryDurableBench(),
  'memory-engines': () => memoryEnginesBench(),
  'memory-modes': () => memoryModesBench(),
  migration: (sizes) => migrationBench(sizes),
  quantisation: () => quantisationBench(),
  raft: () => raftBench(),
  'raft-failover': () => raftFailoverBench(),
  'raft-groups': () => raftGroupsBench(),
  'raft-processes': () => raftProcessesBench(),
  rerank: () => rerankBench(),
  sim: () => simBench(),
  snapshot: (sizes) => snapshotBench(sizes?.megabytes),
  store: () => storeBench(),
  sts: (sizes) => stsBench(sizes?.file),
  text: () => textBench(),
  topics: () => topicsBench(),
  transport: () => transportBench(),
  'vector-files': (sizes) => vectorFilesBench(undefined, sizes?.subjects),
  workers: () => workersBench(),
};
