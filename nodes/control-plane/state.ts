/**
 * What group 0 agrees on besides the memories: members, version, rollout, client sessions.
 * Mutated only by `apply.ts`, in log order, so that equal logs give equal states.
 */
import type { ApplyOutcome, EngineVersion } from '../../src/memory/engine.js';
import type { Rollout } from '../rollout/state.js';

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
}

/** The answer to the last write of a session, kept so that a retry is answered and not applied. */
interface SessionAnswer {
  index: number;
  outcome: ApplyOutcome;
}

export interface Session {
  /** Peer id of the client that opened it; nobody else may write in it. */
  readonly owner: string;
  /** Sequence number of the last applied write; 0 before the first. */
  lastSequence: number;
  answer: SessionAnswer;
}

export interface ControlState {
  swarmId: string;
  /** SHA-256 of the secrets, hexadecimal: the state never holds the secrets themselves. */
  joinTokenHash: string;
  clientTokenHash: string;
  swarmVersion: 1 | 2;
  nextNodeId: number;
  /** By node id, in order of joining. */
  members: Map<number, Member>;
  /** By session id, least recently used first. */
  sessions: Map<number, Session>;
  rollout: Rollout | null;
}

export interface NewSwarm {
  readonly swarmId: string;
  readonly joinTokenHash: string;
  readonly clientTokenHash: string;
  readonly swarmVersion: 1 | 2;
  readonly peerId: string;
  readonly host: string;
  readonly port: number;
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
  };
  return {
    swarmId: swarm.swarmId,
    joinTokenHash: swarm.joinTokenHash,
    clientTokenHash: swarm.clientTokenHash,
    swarmVersion: swarm.swarmVersion,
    nextNodeId: 2,
    members: new Map([[founder.nodeId, founder]]),
    sessions: new Map(),
    rollout: null,
  };
}

/** The state of a node that waits for its first snapshot. */
export function emptyControlState(): ControlState {
  return {
    swarmId: '',
    joinTokenHash: '',
    clientTokenHash: '',
    swarmVersion: 1,
    nextNodeId: 1,
    members: new Map(),
    sessions: new Map(),
    rollout: null,
  };
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
