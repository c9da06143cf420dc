import type { RaftConfig } from '../../consensus/raft/index.js';
import type { RaftObserver } from './observer.js';
import type { StateMachine } from './state-machine.js';

/** How the nodes of a group work. */
export interface RaftNodeOptions {
  /** Names of the nodes by their id; the first place is not used. */
  readonly names: readonly string[];
  /** Ids of the founding voters; the others join empty. */
  readonly founders: readonly number[];
  readonly config: Omit<RaftConfig, 'id' | 'random' | 'trace'>;
  readonly machine: () => StateMachine;
  readonly tickMicroseconds: number;
  /** Entries applied between two snapshots, and how many stay in the log before one. */
  readonly compactionEntries: number;
  readonly trailingEntries: number;
  /** How long committed entries wait for the machine; 0 for not at all. */
  readonly applyMicroseconds: number;
  /** Whether machines keep what they have applied on the disk by themselves, ahead of snapshots. */
  readonly keepsMachine: boolean;
  /** Whether a snapshot serves again as long as the log goes on from it. */
  readonly reusesSnapshots: boolean;
  /** In how many blocks a snapshot travels; 1 for as a whole. */
  readonly snapshotBlocks: number;
  /** Whether leases end by the wall clock as it is, which jumps, and not by that of production. */
  readonly leasesByWallClock: boolean;
  /** Whether messages go through the codec of production. */
  readonly usesCodec: boolean;
  /** After a crash a node votes only once it knows that its disk has kept what it had synced. */
  readonly distrustsDisk: boolean;
  /** The node that should lead if possible; 0 for none. */
  readonly preferredLeader: number;
  /** Told what the nodes do. */
  readonly observer?: RaftObserver;
}
