/** Why a command changed nothing, in sentences for those who asked. */
import type { CommandRefusal } from '../control-plane/command.js';
import { SESSIONS_MAX, SESSIONS_PER_OWNER_MAX, VOTERS_WANTED } from '../control-plane/limits.js';

const ROLLOUT_REFUSALS = {
  'stale-epoch': 'the rollout has moved on meanwhile; look at its status and try again',
  'not-your-turn': 'that node has no such step to do now',
  'rollout-scheduled': 'the rollout is scheduled for later; resume it to start it now',
  'rollout-paused': 'the rollout is paused; resume it first',
  'rollout-finalizing': 'the rollout is being finalized; it can be rolled back',
  'rollout-finalized': 'the rollout is final; it can be rolled back until its window closes',
  'rollout-rolling-back':
    'the rollout is going back, and is not turned round: `rollout status` says what a node waits for, ' +
    'and goes on by itself once that is mended; when it has ended, start it again',
  'not-scheduled': 'the rollout is not scheduled for later',
  'not-paused': 'the rollout is not paused',
  'not-finalizing': 'the rollout is not being finalized',
  'not-finalized': 'the rollout is not final yet',
  'nodes-not-done': 'a node is not done yet; the rollout can be finalized when all are',
  'not-on-target': 'a member does not run what the rollout leads to; look at its release',
  'soak-not-over': 'the node has not soaked as long as the plan says',
  'fence-open': 'a member has not acknowledged the fence yet',
  fenced: 'the node runs what the swarm has left behind; start it with the current release',
  'window-open':
    'the rollout before this one can still be rolled back; wait until its window closes, or close it',
  'no-guards': 'the plan of the rollout has no guards',
  'no-windows': 'the plan of the rollout has no maintenance windows',
  'invalid-limits':
    'at least one node has to be allowed to be unavailable, of a release fewer than half of all, and ' +
    'a soak is 7 days at most',
  'invalid-plan': 'the plan is not one that can be carried out; plan again',
  'mixed-releases':
    'the members run different releases; start all of them with one release first, then plan again',
  'not-supervised': 'a member runs without a supervisor, which cannot exchange its release',
  'former-rollout':
    'the rollout was started by a release before this one; it can be aborted, and ends by itself',
  'release-too-old':
    'a member of this swarm runs a release that does not know this; upgrade all members first',
};

const MEMBERSHIP_REFUSALS = {
  'not-replaceable':
    'that member cannot be replaced: it is no member, has a successor already, or is itself to take ' +
    'the place of the other',
  'invalid-voters':
    `give ${VOTERS_WANTED.filter((wanted) => wanted > 0).join(', ')} voters or all, and 5 seconds to ` +
    '24 hours after which a silent one is replaced',
  'invalid-token': 'a token is told by its SHA-256, 64 hexadecimal digits',
};

const REFUSALS: Readonly<Record<CommandRefusal, string>> = {
  invalid: 'the engines refuse the command: a field is out of its bounds',
  'missing-endpoint': 'an edge needs two memories: one of its ends is not there; insert it first',
  'not-found': 'there is nothing to delete: no such memory, or no such edge',
  'session-unknown':
    'the session is not known: it was closed, or has expired without use; open a new one',
  'sequence-gap': 'the sequence number lies above the window of its session',
  'sequence-stale': 'the client has said that it waits for no answer to this write any more',
  'sessions-full':
    `the swarm holds ${SESSIONS_MAX} client sessions, which is all that it can; ` +
    'try again when some have been closed or have expired',
  'owner-sessions-full':
    `this client has ${SESSIONS_PER_OWNER_MAX} sessions, which is all that one client can have; ` +
    'use them, close some, or wait until they expire',
  'rollout-running': 'a rollout is running; wait until it has ended or abort it',
  'already-v2': 'the swarm is of version 2 already',
  'plan-outdated': 'the members have changed since the plan was made; plan again',
  'no-rollout': 'no rollout is running',
  ...ROLLOUT_REFUSALS,
  ...MEMBERSHIP_REFUSALS,
  'last-member': 'the last member of a swarm cannot be removed',
  'unknown-member': 'there is no such member',
  'swarm-full': 'the swarm holds as many members as it can',
};

/** A refusal in a sentence: what happened, and what to do. */
export function refusalText(refusal: CommandRefusal): string {
  return REFUSALS[refusal] ?? `refused: ${refusal}`;
}
