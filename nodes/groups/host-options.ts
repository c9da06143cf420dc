import type { NodeId } from '../../consensus/raft/index.js';
import type { GroupId } from '../../consensus/raft-groups/index.js';
import type { Identity } from '../../transport/identity/index.js';
import type { PeerAddress } from '../../transport/rpc/rpc.js';
import type { GroupError } from './error.js';
import type { StateMachine } from './state-machine.js';

/** How a node is opened. */
export interface HostOptions {
  /** This node among the members of all its groups, 1 to 2^53-1. */
  readonly nodeId: NodeId;
  /** Written into every file; files of another cluster are refused. */
  readonly clusterId: string;
  /** Holds the logs; one process at a time may use it. */
  readonly directory: string;
  readonly identity: Identity;
  readonly listen: { readonly host: string; readonly port: number };
  /** Where the other nodes are; `setPeers` changes it. Nobody else is let in. */
  readonly peers?: ReadonlyMap<NodeId, PeerAddress>;
  /** Milliseconds of a tick, 100 by default. The same on all nodes, as the two below. */
  readonly tickMs?: number;
  /** Ticks without a leader before an election, 10 by default; see `RaftConfig`. */
  readonly electionTicks?: number;
  /** Ticks after which a group in which nothing happens falls asleep, 30 by default; 0 for never. */
  readonly quiesceTicks?: number;
  /** Reads by lease, see `RaftConfig`; 0 (off) by default. */
  readonly leaseMs?: number;
  /** Entries between two snapshots of a group, 4,000 by default. */
  readonly compactionEntries?: number;
  /** A peer spoke of a group that is not here: perhaps this node was added to it. */
  readonly onUnknownGroup?: (group: GroupId, from: NodeId) => void;
  /** A group takes part no more, because its disk or its state machine failed. */
  readonly onGroupFailed?: (group: GroupId, error: GroupError) => void;
  readonly log?: (line: string) => void;
}

/** How a group is opened. */
export interface GroupOptions<Result> {
  readonly id: GroupId;
  readonly stateMachine: StateMachine<Result>;
  /**
   * The founding voters, the same on all of them, this node among them. Left out by a node that is
   * to be added to a group. Without meaning once the group is on the disk.
   */
  readonly members?: readonly NodeId[];
}

/** Counts since the start, and what is there now. */
export interface HostStats {
  readonly groups: number;
  /** Groups that are not asleep. */
  readonly groupsAwake: number;
  readonly envelopesSent: number;
  readonly messagesSent: number;
  readonly envelopeBytesSent: number;
  readonly envelopesReceived: number;
}
