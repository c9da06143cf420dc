/**
 * What the swarm can do only when every member can read it. A command version is raised by one entry,
 * when all members have said that they read it, and never while a rollout is under way or can be rolled
 * back: nothing is written then that the side which it came from could not read.
 */
import type { CommandVersion, ControlState } from './state.js';

export interface Feature {
  /** The command version from which on it may be used. */
  readonly version: CommandVersion;
  /** What a member of an older release does not know, as in "knows no deletes". */
  readonly what: string;
}

export const FEATURES = {
  sessions: { version: 2, what: 'sessions with a time-out' },
  deletes: { version: 3, what: 'deletes' },
  expiry: { version: 4, what: 'expiry of memories' },
  rollouts: { version: 5, what: 'rollouts with batches, guards and a rollback window' },
  windows: { version: 5, what: 'maintenance windows of rollouts' },
  approvals: { version: 5, what: 'rollouts that the members approve' },
  placement: {
    version: 5,
    what: 'number of voters, drained, leaving or replaced members, or new tokens',
  },
  releases: { version: 5, what: 'rollouts of releases' },
} as const satisfies Record<string, Feature>;

export type FeatureName = keyof typeof FEATURES;

/** Whether every member reads what the feature writes. */
export function isOpen(state: Pick<ControlState, 'commandVersion'>, name: FeatureName): boolean {
  return state.commandVersion >= FEATURES[name].version;
}
