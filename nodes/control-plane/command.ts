/** What a log entry can say. Neutral to the engine that applies it. */
import type {
  ApplyOutcome,
  EngineVersion,
  ExpireMemory,
  JsonObject,
  MemoryCommand,
} from '../../src/memory/engine.js';
import type { RolloutPlan, RolloutStep } from '../rollout/state.js';
import type { RolloutRefusal } from '../rollout/transitions.js';
import type { MembershipCommand } from './membership.js';
import type { CommandVersion, MemberStatus } from './state.js';

export type Command =
  /** Admits a peer; the answer carries its node id. Idempotent by peer id. */
  | {
      readonly type: 'addMember';
      readonly peerId: string;
      readonly host: string;
      readonly port: number;
      /** Where it stands; this and the next count from command version 5 on. */
      readonly zone?: string;
      /** The member whose place it takes when it has caught up, or 0. */
      readonly replaces?: number;
    }
  | {
      readonly type: 'setMember';
      readonly nodeId: number;
      readonly status: MemberStatus;
      readonly host: string;
      readonly port: number;
      /** The newest command version that the node reads; 1 when it does not say. */
      readonly commandVersion?: number;
      /** The name of the release that it runs; counts from command version 5 on, as do the next two. */
      readonly release?: string;
      /** Whether a supervisor can exchange its release. */
      readonly supervised?: boolean;
      /** Where it stands: nodes of one zone fail together. */
      readonly zone?: string;
    }
  | { readonly type: 'removeMember'; readonly nodeId: number }
  /**
   * The index of the entry becomes the session id. `nowMs`, here and below, is the time of the leader
   * that proposed it (`leader-clock.ts`); in commands of version 1 it is missing.
   */
  | { readonly type: 'openSession'; readonly owner: string; readonly nowMs?: number }
  | {
      readonly type: 'keepSession' | 'closeSession';
      readonly session: number;
      readonly owner: string;
      readonly nowMs: number;
    }
  | {
      readonly type: 'memory';
      readonly session: number;
      /** Peer id of the client, as the transport proved it to the node that proposes. */
      readonly owner: string;
      /** Numbers the writes of the session: 1, 2, 3, ... */
      readonly sequence: number;
      /** The lowest sequence that the client has no answer to; missing in version 1. */
      readonly awaitedFrom?: number;
      readonly nowMs?: number;
      readonly command: Exclude<MemoryCommand, ExpireMemory>;
    }
  /** Of no session: a leader proposes it for each memory that is due by its clock. */
  | ExpireMemory
  | {
      readonly type: 'startRollout';
      readonly plan: RolloutPlan;
      readonly digest: string;
      readonly startedAtMs: number;
      /**
       * Id of the rollout before it, 0 for the first one; missing in version 1. A late copy would start
       * again what was aborted meanwhile.
       */
      readonly after?: number;
      /** The certificate of the members, where one was asked for. */
      readonly approval?: Uint8Array;
    }
  | {
      readonly type: 'finishStep';
      readonly rolloutId: number;
      readonly nodeId: number;
      readonly step: RolloutStep;
      readonly epoch: number;
      readonly detail: JsonObject;
      /** The time of the leader, since a soak begins by it; from version 5 on. */
      readonly nowMs?: number;
    }
  | { readonly type: 'abortRollout'; readonly rolloutId: number; readonly reason: string }
  /** Every node has switched: from here on the swarm is of the new version. */
  | {
      readonly type: 'raiseVersion';
      readonly rolloutId: number;
      /** The time of the leader, since the rollback window begins by it; from version 5 on. */
      readonly nowMs?: number;
    }
  | RolloutCommand
  | MembershipCommand
  /** The time, told when nothing else has told it and sessions may expire. */
  | { readonly type: 'advanceClock'; readonly nowMs: number }
  /** Every member reads this version: from here on commands are written in it. */
  | {
      readonly type: 'raiseCommandVersion';
      readonly version: CommandVersion;
      readonly nowMs: number;
    };

/** What command version 5 added for rollouts. `epoch` is that of the rollout where nothing else is said. */
export type RolloutCommand =
  /** By the leader: the time of a scheduled rollout has come. */
  | {
      readonly type: 'beginRollout';
      readonly rolloutId: number;
      readonly epoch: number;
      readonly nowMs?: number;
    }
  /** By the leader: a maintenance window opens, or is over; on the replicated clock. */
  | {
      readonly type: 'openRollout';
      readonly rolloutId: number;
      readonly epoch: number;
      readonly openUntilMs: number;
      readonly nowMs?: number;
    }
  | {
      readonly type: 'pauseRollout' | 'rollbackRollout';
      readonly rolloutId: number;
      readonly epoch: number;
      readonly reason: string;
    }
  /** Also starts a scheduled one at once. */
  | {
      readonly type: 'resumeRollout';
      readonly rolloutId: number;
      readonly epoch: number;
      readonly nowMs?: number;
    }
  | {
      readonly type: 'throttleRollout';
      readonly rolloutId: number;
      readonly epoch: number;
      readonly maxUnavailable: number;
      readonly soakMs: number;
    }
  /** Nothing new begins before that time of day. */
  | {
      readonly type: 'postponeRollout';
      readonly rolloutId: number;
      readonly epoch: number;
      readonly notBeforeMs: number;
    }
  /**
   * `haltRollout`: by the guards, a node that has switched is unhealthy; does what the plan says.
   * `giveUpRollout`: by a node that cannot do its step; takes everything back.
   */
  | {
      readonly type: 'haltRollout' | 'giveUpRollout';
      readonly rolloutId: number;
      readonly nodeId: number;
      readonly nodeEpoch: number;
      readonly reason: string;
    }
  | { readonly type: 'finalizeRollout'; readonly rolloutId: number; readonly epoch: number }
  /** By each node: it serves from here on as what it says, and as nothing older. */
  | {
      readonly type: 'ackFence';
      readonly rolloutId: number;
      readonly nodeId: number;
      readonly epoch: number;
      readonly engine: EngineVersion;
      readonly release: string;
      readonly commandVersion: number;
    }
  /** Ends the time for a rollback. `early`: by an operator, before the window is over. */
  | {
      readonly type: 'closeWindow';
      readonly rolloutId: number;
      readonly epoch: number;
      readonly nowMs: number;
      readonly early: boolean;
    };

export type CommandRefusal =
  | RolloutRefusal
  /** Never opened, closed, or expired: whether an earlier try of the write was applied is not known. */
  | 'session-unknown'
  /** The sequence lies above the window of its session. */
  | 'sequence-gap'
  /** The client said that it waits for this answer no more. */
  | 'sequence-stale'
  | 'sessions-full'
  | 'owner-sessions-full'
  | 'missing-endpoint'
  | 'not-found'
  | 'invalid'
  | 'unknown-member'
  | 'last-member'
  | 'not-replaceable'
  | 'invalid-voters'
  | 'invalid-token'
  | 'swarm-full';

/** The answer to a command, the same on every node. */
export type CommandResult =
  | { readonly ok: true; readonly index: number; readonly value: number }
  | { readonly ok: false; readonly index: number; readonly refusal: CommandRefusal };

/** A result whose outcome an engine has still to tell; filled before anybody reads it. */
export interface PendingAnswer {
  index: number;
  outcome: ApplyOutcome;
}
