/**
 * What group 0 agrees on besides the memories: members, version, rollout, client sessions.
 * Mutated only by `apply.ts`, in log order, so that equal logs give equal states.
 */
import type { ApplyOutcome, EngineVersion } from '../../src/memory/engine.js';
import type { Rollout } from '../rollout/state.js';
import { SESSION_TIMEOUT_MS_DEFAULT } from './limits.js';
import { newPlacement, noPlacement } from './membership.js';
import type { Placement } from './membership.js';

/**
 * `joining`: admitted, not yet serving. `left`: stopped on purpose; not the same as unreachable.
 * `removing`: still reached by everybody until the membership change that drops it is applied.
 */
export type MemberStatus = 'joining' | 'up' | 'left' | 'removing';

export interface Member {
  readonly nodeId: number;
  /** Hash of the public key; the transport proves it. */
  readonly peerId: string;
  host: string;
  port: number;
  status: MemberStatus;
  engine: EngineVersion;
  /** Set while the node migrates: it holds no leadership, and clients prefer others. */
  cordoned: boolean;
  /** The newest command version that it said it reads. */
  commandVersion: number;
  /** The name of the release that it said it runs; empty while that is not known. */
  release: string;
  /** Whether a supervisor can exchange its release. */
  supervised: boolean;
  /** Where it stands: nodes of one zone fail together. Empty: not said. */
  zone: string;
}

/** The answer to a write of a session, kept so that a retry is answered and not applied. */
interface SessionAnswer {
  index: number;
  outcome: ApplyOutcome;
}

export interface Session {
  /** Peer id of the client that opened it; nobody else may write in it. */
  readonly owner: string;
  /** The replicated clock when it was used last, in milliseconds. */
  usedAtMs: number;
  /** Highest sequence number of an applied write; 0 before the first. */
  lastSequence: number;
  /** The lowest sequence that the client waits for; answers below are gone. */
  awaitedFrom: number;
  /** By sequence, all within the window that begins at `awaitedFrom`. */
  answers: Map<number, SessionAnswer>;
}

/** Versions of commands that this release reads; see `wire/command-codec.ts`. */
export type CommandVersion = 1 | 2 | 3 | 4 | 5;
/** The newest of them, in which this release writes. */
export const COMMAND_VERSION = 5;
/** From this version on there are rollouts of the second form. */
export const ROLLOUT_COMMAND_VERSION = 5;

export interface ControlState {
  swarmId: string;
  /** SHA-256 of the secrets, hexadecimal: the state never holds the secrets themselves. */
  joinTokenHash: string;
  clientTokenHash: string;
  /** Empty in a swarm of a release before, until it is given one; kept from command version 5 on. */
  operatorTokenHash: string;
  swarmVersion: 1 | 2;
  /**
   * The version in which commands and states are written: 5 in swarms that this release created. In
   * one that a release before created it is raised when every member says that it reads it.
   */
  commandVersion: CommandVersion;
  /** Milliseconds as the leaders counted them (`leader-clock.ts`); never goes back. */
  clockMs: number;
  /** After this long without use a session is forgotten. Set once, when the swarm is created. */
  readonly sessionTimeoutMs: number;
  nextNodeId: number;
  /** By node id, in order of joining. */
  members: Map<number, Member>;
  /** By session id, least recently used first. */
  sessions: Map<number, Session>;
  rollout: Rollout | null;
  /** What operators ask of the members; kept from command version 5 on. */
  placement: Placement;
}

export interface NewSwarm {
  readonly swarmId: string;
  readonly joinTokenHash: string;
  readonly clientTokenHash: string;
  /** None when left out: the join token counts as one. */
  readonly operatorTokenHash?: string;
  readonly swarmVersion: 1 | 2;
  readonly peerId: string;
  readonly host: string;
  readonly port: number;
  /** One hour when left out. */
  readonly sessionTimeoutMs?: number;
}

/** The state that the first node of a swarm begins with; it is node 1. */
export function newControlState(swarm: NewSwarm): ControlState {
  const founder: Member = {
    nodeId: 1,
    peerId: swarm.peerId,
    host: swarm.host,
    port: swarm.port,
    status: 'joining',
    engine: engineOf(swarm.swarmVersion),
    cordoned: false,
    commandVersion: COMMAND_VERSION,
    release: '',
    supervised: false,
    zone: '',
  };
  return {
    swarmId: swarm.swarmId,
    joinTokenHash: swarm.joinTokenHash,
    clientTokenHash: swarm.clientTokenHash,
    operatorTokenHash: swarm.operatorTokenHash ?? '',
    swarmVersion: swarm.swarmVersion,
    commandVersion: COMMAND_VERSION,
    clockMs: 0,
    sessionTimeoutMs: swarm.sessionTimeoutMs ?? SESSION_TIMEOUT_MS_DEFAULT,
    nextNodeId: 2,
    members: new Map([[founder.nodeId, founder]]),
    sessions: new Map(),
    rollout: null,
    placement: newPlacement(),
  };
}

/** The state of a node that waits for its first snapshot. */
export function emptyControlState(): ControlState {
  return {
    swarmId: '',
    joinTokenHash: '',
    clientTokenHash: '',
    operatorTokenHash: '',
    swarmVersion: 1,
    commandVersion: 1,
    clockMs: 0,
    sessionTimeoutMs: SESSION_TIMEOUT_MS_DEFAULT,
    nextNodeId: 1,
    members: new Map(),
    sessions: new Map(),
    rollout: null,
    placement: noPlacement(),
  };
}

/** SHA-256 of the tokens that a swarm knows; see `service/access.ts` for what each opens. */
export function tokenHashes({ clientTokenHash, joinTokenHash, operatorTokenHash }: ControlState) {
  return { client: clientTokenHash, join: joinTokenHash, operator: operatorTokenHash };
}

export function engineOf(swarmVersion: 1 | 2): EngineVersion {
  return swarmVersion === 1 ? 'v1' : 'v2';
}

export function memberByPeerId(state: ControlState, peerId: string): Member | undefined {
  for (const member of state.members.values()) {
    if (member.peerId === peerId) return member;
  }
  return undefined;
}
