import { RaftError } from './error.js';
import { APPEND_BYTES_MAX } from './limits.js';
import type { RaftEvent } from './trace.js';
import type { ConfState, Entry, HardState, NodeId, SnapshotMeta } from './types.js';

/** The settings of one node. `defaultRaftConfig` fills in everything but `id` and `random`. */
export interface RaftConfig {
  readonly id: NodeId;
  /** Ticks without a leader before a campaign; the timeout is drawn from [n, 2n). */
  readonly electionTicks: number;
  /**
   * With more than 0, voters that lose their leader do not draw: they campaign n + 1 ticks later and so many
   * one after the other, in an order that turns with the term, so that the first has no rival (as in ESCAPE,
   * Zhang and Jacobsen 2022). Who was refused draws. 0 for off.
   */
  readonly electionStepTicks: number;
  /** Ticks between two heartbeats of a leader. */
  readonly heartbeatTicks: number;
  /** Ask for votes without raising the term first (Raft thesis 9.6). */
  readonly preVote: boolean;
  /** A leader steps down without a quorum of answers, and leases hold off votes (thesis 6.2). */
  readonly checkQuorum: boolean;
  /** Bytes of entries in one append request; one entry is always sent. */
  readonly maxMessageBytes: number;
  /** Append requests under way to one follower. */
  readonly maxInflightMessages: number;
  /** Bytes of entries under way to one follower. */
  readonly maxInflightBytes: number;
  /** Payload bytes appended and not committed before proposals are refused. */
  readonly maxUncommittedBytes: number;
  /** Bytes of committed entries handed out and not yet applied; one entry is always handed out. */
  readonly maxApplyBytes: number;
  /**
   * Readies overlap: the driver reports each write by `written` and each application by `applied`
   * instead of `advance`, so that disk, application and network work at the same time.
   */
  readonly asyncStorageWrites: boolean;
  /**
   * A leader that a quorum has answered to a heartbeat it sent less than so many milliseconds ago
   * answers reads by itself (thesis 6.4.1); 0 for off. Needs `checkQuorum`, inputs with `nowMs`, and
   * must be shorter than `electionTicks - 1` ticks take on the fastest clock of the group.
   */
  readonly leaseMs: number;
  /**
   * A node that was started again gives no vote for an election timeout, since it may have promised
   * so to a leader with a lease. Needed on all nodes if any has a `leaseMs`, which implies it.
   */
  readonly keepsLeasePromise: boolean;
  /**
   * Ticks that a write may take before its node must not lead: a leader hands over, and after as
   * many ticks more steps down. 0 for off; needs `asyncStorageWrites`.
   */
  readonly diskStallTicks: number;
  /**
   * Ticks without anything to do after which a group stops ticking (`quiescence.ts`); 0 for off. The
   * driver must then report `unreachable` for a node that is gone. Needs `preVote` and `checkQuorum`.
   */
  readonly quiesceTicks: number;
  /** A leader steps down when it applies the change that removes or demotes it. */
  readonly stepDownOnRemoval: boolean;
  /** A follower passes proposals on to the leader instead of refusing them. */
  readonly forwardProposals: boolean;
  /**
   * Which membership changes a leader takes. `strict`: one at a time, not before an entry of its
   * own term is committed, and only what the present membership allows. `etcd`: one at a time, as
   * etcd does. `none`: any; the group may stop or split. The last two are for scripted tests.
   */
  readonly changeChecks: 'strict' | 'etcd' | 'none';
  /** A number in [0, 1), for the election timeout. */
  readonly random: () => number;
  /** Told what the node decided and why. It must not call back. */
  readonly trace?: (event: RaftEvent) => void;
}

/** What a node was before it stopped, as the store gives it back. */
export interface RestoredState {
  readonly hardState: HardState;
  /** The newest snapshot, or null on a node that has never held any state (one that joins). */
  readonly snapshot: SnapshotMeta | null;
  /** The entries after the snapshot, without a gap. */
  readonly entries: readonly Entry[];
  /** The last entry that the application has applied; at least the snapshot's index. */
  readonly applied: number;
  /**
   * The membership as of `applied`. Without it, it is derived from the snapshot and the
   * membership entries up to `applied`.
   */
  readonly confState?: ConfState;
  /** The disk may have lost a suffix that was synced, unnoticed (`amnesia.ts`). */
  readonly mayHaveLostSuffix?: boolean;
}

/** A configuration with the defaults of etcd where it has one. */
export function defaultRaftConfig(
  fields: Pick<RaftConfig, 'id' | 'random'> & Partial<RaftConfig>,
): RaftConfig {
  return {
    electionTicks: 10,
    electionStepTicks: 0,
    heartbeatTicks: 1,
    preVote: true,
    checkQuorum: true,
    maxMessageBytes: 1 << 20,
    maxInflightMessages: 256,
    maxInflightBytes: 16 << 20,
    maxUncommittedBytes: 64 << 20,
    maxApplyBytes: 4 << 20,
    asyncStorageWrites: false,
    leaseMs: 0,
    keepsLeasePromise: false,
    diskStallTicks: 0,
    quiesceTicks: 0,
    stepDownOnRemoval: true,
    forwardProposals: false,
    changeChecks: 'strict',
    ...fields,
  };
}

/**
 * What each founding member starts from: a snapshot at index 1 of term 1 that holds the first
 * membership. It has to be stored before the node starts, and it is at index 1 rather than 0 so
 * that whoever joins later gets that membership by snapshot.
 */
export function foundingState(voters: readonly NodeId[]): RestoredState {
  const confState: ConfState = {
    voters: [...new Set(voters)].sort((a, b) => a - b),
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  return {
    hardState: { term: 1, vote: 0, commit: 1 },
    snapshot: { index: 1, term: 1, confState },
    entries: [],
    applied: 1,
  };
}

/** What a node starts from that will be added to a running group: nothing. */
export function joiningState(): RestoredState {
  return { hardState: { term: 0, vote: 0, commit: 0 }, snapshot: null, entries: [], applied: 0 };
}

function positiveInteger(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RaftError('bad-config', `${name} must be an integer of at least 1, got ${value}`);
  }
}

/** Throws a `RaftError` with code `bad-config` that names the setting that makes no sense. */
export function checkRaftConfig(config: RaftConfig): void {
  positiveInteger('id', config.id);
  positiveInteger('heartbeatTicks', config.heartbeatTicks);
  positiveInteger('electionTicks', config.electionTicks);
  positiveInteger('maxMessageBytes', config.maxMessageBytes);
  positiveInteger('maxInflightMessages', config.maxInflightMessages);
  positiveInteger('maxInflightBytes', config.maxInflightBytes);
  positiveInteger('maxUncommittedBytes', config.maxUncommittedBytes);
  positiveInteger('maxApplyBytes', config.maxApplyBytes);
  for (const name of ['electionStepTicks', 'leaseMs', 'diskStallTicks', 'quiesceTicks'] as const) {
    const value = config[name];
    if (Number.isFinite(value) && value >= 0) continue;
    throw new RaftError('bad-config', `${name} must be 0 or greater, got ${value}`);
  }
  if (config.leaseMs > 0 && !config.checkQuorum) {
    throw new RaftError('bad-config', 'leaseMs needs checkQuorum: without it nobody keeps a lease');
  }
  if (config.quiesceTicks > 0 && !(config.preVote && config.checkQuorum)) {
    const why = 'without them a member that wakes deposes its leader';
    throw new RaftError('bad-config', `quiesceTicks needs preVote and checkQuorum: ${why}`);
  }
  if (config.diskStallTicks > 0 && !config.asyncStorageWrites) {
    throw new RaftError('bad-config', 'diskStallTicks needs asyncStorageWrites');
  }
  if (config.electionTicks <= config.heartbeatTicks) {
    throw new RaftError('bad-config', 'electionTicks must be greater than heartbeatTicks');
  }
  if (config.maxMessageBytes > APPEND_BYTES_MAX) {
    throw new RaftError('bad-config', `maxMessageBytes must be at most ${APPEND_BYTES_MAX}`);
  }
  if (config.maxInflightBytes < config.maxMessageBytes) {
    throw new RaftError('bad-config', 'maxInflightBytes must be at least maxMessageBytes');
  }
}
