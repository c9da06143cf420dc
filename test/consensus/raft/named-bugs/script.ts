import { strict as assert } from 'node:assert';
import {
  type ConfState,
  type Entry,
  type NodeId,
  type RestoredState,
  foundingState,
} from '../../../../consensus/raft/index.js';
import { Lab } from '../mit/lab.js';
import type { ClusterSettings } from '../mit/cluster.js';
import { stored } from '../single.js';

/** Long enough for a few round trips, and too short for a heartbeat to matter. */
const ROUND_TRIPS_MS = 20;

/** A membership that is not joint. */
export function confState(voters: readonly NodeId[], learners: readonly NodeId[] = []): ConfState {
  return { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
}

/** A disk of a group with these members, nothing in the log but what founded it. */
export function foundedAs(state: ConfState): RestoredState {
  const { voters } = state;
  return { ...foundingState(voters), snapshot: { index: 1, term: 1, confState: state } };
}

/** What nodes find on their disks: the terms of entries 2, 3, ..., and the term and vote. */
export type Logs = Record<NodeId, { terms: readonly number[]; term: number; vote?: NodeId }>;

/** Disks with these logs. Entries of one index and term have one content everywhere. */
export function disks(voters: readonly NodeId[], logs: Logs): (id: NodeId) => RestoredState {
  return (id) => {
    const { terms, term, vote = 0 } = logs[id] ?? { terms: [], term: 1 };
    const state = stored(voters, terms, { term, vote });
    const named = (entry: Entry) => ({
      ...entry,
      data: Buffer.from(`term ${entry.term}, index ${entry.index}`),
    });
    return { ...state, entries: state.entries.map(named) };
  };
}

/** A cluster in which nobody campaigns but on request, and a leader stays one until it hears. */
export function scripted(
  size: number,
  settings: Omit<ClusterSettings, 'size' | 'config'> & {
    readonly config?: ClusterSettings['config'];
  },
): Lab {
  const config = { electionTicks: 10_000, preVote: false, checkQuorum: false, ...settings.config };
  return new Lab(size, { ...settings, config });
}

/** Lets a node campaign for the next term. Returns whether it leads a few round trips later. */
export function campaign(lab: Lab, id: NodeId): boolean {
  lab.step(id, { type: 'campaign' });
  lab.sleep(ROUND_TRIPS_MS);
  return lab.node(id).isLeader;
}

/** Makes a node leader. */
export function lead(lab: Lab, id: NodeId): void {
  assert.ok(campaign(lab, id), `node ${id} is elected`);
}
