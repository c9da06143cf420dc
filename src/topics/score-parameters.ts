/** Scores of gossipsub 1.1 (section Peer Scoring), for members that are known by their keys. */
import type {
  PeerScoreParams,
  PeerScoreThresholds,
  TopicScoreParams,
} from '@libp2p/gossipsub/score';
import { AGE_MS_MAX, CLOCK_SKEW_MS_MAX } from './limits.js';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/** A message is remembered by its id for as long as it would be accepted. Milliseconds. */
export const SEEN_MS = AGE_MS_MAX + 2 * CLOCK_SKEW_MS_MAX;

const TOPIC: TopicScoreParams = {
  topicWeight: 1,
  // P1: a point an hour in the mesh, up to 5.
  timeInMeshWeight: 1,
  timeInMeshQuantum: HOUR_MS,
  timeInMeshCap: 5,
  // P2: who brings messages first, up to 5.
  firstMessageDeliveriesWeight: 0.1,
  firstMessageDeliveriesDecay: 0.9,
  firstMessageDeliveriesCap: 50,
  // P3, P3b: off. They punish who is silent in a topic where nobody speaks.
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 5 * SECOND_MS,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  // P4: of what all honest peers refuse, the third message shuts a peer out whatever it has earned.
  invalidMessageDeliveriesWeight: -20,
  invalidMessageDeliveriesDecay: 0.99,
};

/** Below `graylistThreshold` nothing of a peer is read. */
export const thresholds: PeerScoreThresholds = {
  gossipThreshold: -10,
  publishThreshold: -50,
  graylistThreshold: -80,
  // No peers are taken from others.
  acceptPXThreshold: 1_000,
  opportunisticGraftThreshold: 2,
};

/** `offences`: P5, by peer id; 0 or less. */
export function scoreParameters(
  gossipTopics: readonly string[],
  offences: (peerId: string) => number,
): PeerScoreParams {
  return {
    topics: Object.fromEntries(gossipTopics.map((topic) => [topic, TOPIC])),
    topicScoreCap: 10,
    appSpecificScore: offences,
    appSpecificWeight: 1,
    // P6: off. Members are admitted by their keys, and several may share one address.
    IPColocationFactorWeight: 0,
    IPColocationFactorThreshold: 1,
    IPColocationFactorWhitelist: new Set(),
    // P7: promises not kept and grafts too early; a slow peer breaks a few.
    behaviourPenaltyWeight: -5,
    behaviourPenaltyThreshold: 6,
    behaviourPenaltyDecay: 0.9,
    decayInterval: SECOND_MS,
    decayToZero: 0.01,
    // Who reconnects is still who it was.
    retainScore: HOUR_MS,
  };
}
