/** What every node of a simulated swarm begins with: who votes, and the control state. */
import { foundingState } from '../../consensus/raft/index.js';
import type { HardState, SnapshotMeta } from '../../consensus/raft/index.js';
import { newControlState } from '../../nodes/control-plane/state.js';
import type { ControlState } from '../../nodes/control-plane/state.js';
import { nodeName } from './swarm-messages.js';

/** Who votes of a swarm in which not everybody does. */
export interface Spread {
  /** How many are to vote, as `setVoters` says it. */
  readonly voters: number;
  /** The nodes stand in so many zones, by turns. */
  readonly zones: number;
}

export interface FoundingOptions {
  readonly nodeIds: readonly number[];
  /** Everybody votes at first when left out; otherwise node 1 alone, and the leader makes the others vote. */
  readonly spread?: Spread;
  /** One hour when left out. */
  readonly sessionTimeoutMs?: number;
  /** What nodes run as at first, where releases are exchanged. */
  readonly releases?: { readonly first: string };
}

export function foundingLog({ nodeIds, spread }: FoundingOptions): {
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta;
} {
  const isVoter = (nodeId: number): boolean => spread === undefined || nodeId === 1;
  const { hardState, snapshot } = foundingState(nodeIds.filter(isVoter));
  if (snapshot === null) throw new Error('a group is founded with a snapshot');
  const learners = nodeIds.filter((nodeId) => !isVoter(nodeId));
  return { hardState, snapshot: { ...snapshot, confState: { ...snapshot.confState, learners } } };
}

export function foundingControl(options: FoundingOptions): ControlState {
  const { nodeIds, spread, sessionTimeoutMs, releases } = options;
  const control = newControlState({
    swarmId: 'simulated',
    joinTokenHash: '',
    clientTokenHash: '',
    swarmVersion: 1,
    peerId: nodeName(1),
    host: 'host',
    port: 1,
    ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
  });
  const founder = control.members.get(1);
  if (founder === undefined) throw new Error('a new swarm has its founder');
  for (const nodeId of nodeIds) {
    control.members.set(nodeId, {
      ...founder,
      nodeId,
      peerId: nodeName(nodeId),
      status: 'up',
      release: releases?.first ?? '',
      supervised: releases !== undefined,
      zone: zoneOf(nodeId, spread),
    });
  }
  control.nextNodeId = nodeIds.length + 1;
  if (spread !== undefined) control.placement.wanted = spread.voters;
  return control;
}

/** The zone in which a node stands; empty where there is but one. */
function zoneOf(nodeId: number, spread: Spread | undefined): string {
  return spread === undefined ? '' : `zone-${((nodeId - 1) % spread.zones) + 1}`;
}
