/** The scenarios that come with the package. */
import type { Scenario } from '../explore/scenario.js';
import { gossip } from '../gossip/scenario.js';
import { raftRegisters } from '../raft/index.js';
import { availableScenario } from './available.js';
import { bft } from './bft.js';
import { bftForks } from './bft-forks.js';
import { bftTwins } from './bft-twins.js';
import { calmSessions, clientSessions } from './client-sessions.js';
import { crdtScenario } from './crdt.js';
import { rollingMigration } from './rolling-migration.js';
import { rollingUpgrade } from './rolling-upgrade.js';

/** By name; the first is the one that runs when nobody names one. */
export const scenarios: readonly Scenario[] = [
  rollingMigration,
  rollingUpgrade,
  clientSessions,
  calmSessions,
  raftRegisters,
  gossip,
  bft,
  bftTwins,
  bftForks,
  crdtScenario,
  availableScenario,
];
