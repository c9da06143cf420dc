/** What a node has open on its disk: lock, log, engines, and the replica that they give back. */
import { randomInt } from 'node:crypto';

import { defaultRaftConfig } from '../consensus/raft/index.js';
import { NodeApprovals } from './approval/node-approvals.js';
import { emptyControlState } from './control-plane/state.js';
import { readNodeFile, requireKeyAndLog } from './data-directory.js';
import type { DataPaths, NodeFile } from './data-directory.js';
import { NodeAvailable } from './available/node-available.js';
import { NodeDocuments } from './documents/node-documents.js';
import type { HostPort } from '../transport/identity/index.js';
import {
  APPENDS_IN_FLIGHT_MAX,
  APPEND_BYTES_IN_FLIGHT_MAX,
  DISK_STALL_TICKS,
  ELECTION_STEP_TICKS,
  ELECTION_TICKS,
  HEARTBEAT_TICKS,
  LEASE_MS,
  TICK_MS,
} from './limits.js';
import { NodeEngines } from './node-engines.js';
import type { PagesOptions } from './pages/node-pages.js';
import { Replica } from './replica/replica.js';
import { NodeTopics } from './topics/node-topics.js';
import { PowerCutMark, RaftLogStore, lockDirectory } from './storage/index.js';
import type { DirectoryLock } from './storage/index.js';
import { decodeCommand, encodeCommand } from './wire/command-codec.js';
import { decodeControlState } from './wire/state-codec.js';

export interface Parts {
  readonly file: NodeFile;
  readonly lock: DirectoryLock;
  readonly store: RaftLogStore;
  readonly engines: NodeEngines;
  readonly replica: Replica;
  readonly snapshotIndex: number;
  readonly powerCut: PowerCutMark;
  readonly documents: NodeDocuments;
  readonly available: NodeAvailable;
  readonly topics: NodeTopics;
  readonly approvals: NodeApprovals;
}

export interface PartsOptions {
  readonly paths: DataPaths;
  readonly log: (message: string) => void;
  /** While this node leads, it answers linearizable reads without asking the others. */
  readonly leaseReads?: boolean;
  /**
   * After a power cut this node votes only once it knows that the disk has kept what it had said to
   * have synced. Needs more of the other members than an honest disk does.
   */
  readonly distrustDisk?: boolean;
  /** The UDP address of topics; without one the node has none. */
  readonly topicsListen?: HostPort;
  /** The gateway for pages; without it the node serves none. */
  readonly pages?: PagesOptions;
}

const DISTRUSTED =
  'the machine went down while this node ran: it gives no vote until a leader has brought it up to ' +
  'date, or enough other members have told where their logs end';

/** Opens a data directory; after a failure nothing of it is open. */
export async function openParts(options: PartsOptions): Promise<Parts> {
  const { paths, log, leaseReads = false, distrustDisk = false } = options;
  const file = await readNodeFile(paths);
  await requireKeyAndLog(paths, file);
  const lock = lockDirectory(paths.root);
  const engines = new NodeEngines(paths, file.nodeId);
  let store: RaftLogStore | undefined;
  let documents: NodeDocuments | undefined;
  let available: NodeAvailable | undefined;
  try {
    const opened = await RaftLogStore.open(paths.raft, { clusterId: file.swarmId });
    ({ store } = opened);
    for (const warning of opened.warnings) log(warning);
    const { hardState, snapshot, entries } = opened.restored;
    const control = snapshot === null ? emptyControlState() : decodeControlState(snapshot.data);
    const snapshotIndex = snapshot?.meta.index ?? 0;
    const approvals = await NodeApprovals.open(paths.approvals, file, log);
    engines.approvals = approvals;
    documents = await NodeDocuments.open(paths.documents, log);
    available = await NodeAvailable.open(paths.available, file.nodeId, log);
    engines.openAll(control, snapshotIndex, log);
    // Not before it is known that the node can start: a directory that is refused stays as it is.
    const powerCut = await PowerCutMark.leave(paths.raft);
    const mayHaveLostSuffix = distrustDisk && powerCut.suspect;
    if (mayHaveLostSuffix) log(DISTRUSTED);
    const config = defaultRaftConfig({
      id: file.nodeId,
      electionTicks: ELECTION_TICKS,
      electionStepTicks: ELECTION_STEP_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      maxInflightMessages: APPENDS_IN_FLIGHT_MAX,
      maxInflightBytes: APPEND_BYTES_IN_FLIGHT_MAX,
      asyncStorageWrites: true,
      diskStallTicks: DISK_STALL_TICKS,
      leaseMs: leaseReads ? LEASE_MS : 0,
      keepsLeasePromise: true,
      random: () => randomInt(2 ** 32) / 2 ** 32,
    });
    const restored = {
      hardState,
      snapshot: snapshot?.meta ?? null,
      entries,
      applied: snapshotIndex,
      mayHaveLostSuffix,
    };
    const codec = { encode: encodeCommand, decode: decodeCommand };
    const time = {
      nowMs: () => performance.now(),
      timeOfDayMs: () => Date.now(),
      tickMs: TICK_MS,
    };
    const replica = new Replica(config, restored, control, codec, time);
    const topics = new NodeTopics({ listen: options.topicsListen, log });
    const shared = { documents, available, topics, approvals };
    return { file, lock, store, engines, replica, snapshotIndex, powerCut, ...shared };
  } catch (error) {
    engines.close();
    await documents?.close();
    await available?.close();
    await store?.close();
    lock.release();
    throw error;
  }
}

export async function closeParts(parts: Parts): Promise<void> {
  parts.engines.close();
  await parts.documents.close();
  await parts.available.close();
  await parts.store.close();
  await parts.powerCut.remove().catch(() => undefined);
  parts.lock.release();
}
