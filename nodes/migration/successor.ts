/** Who leads next, when a node has to give leadership away. Pure. */
import type { Replica } from '../replica/replica.js';
import { bestLeader } from '../replica/voters.js';

/** The voter that is furthest, is heard from, and should lead; undefined when alone. */
export function bestSuccessor(replica: Replica, nodeId: number): number | undefined {
  return bestLeader(replica.control, replica.status(), nodeId);
}
