/** Who leads next, when a node has to give leadership away. Pure. */
import type { Replica } from '../replica/replica.js';

/** The voter that is furthest, is heard from, and is not cordoned; undefined when alone. */
export function bestSuccessor(replica: Replica, nodeId: number): number | undefined {
  const { progress, confState } = replica.status();
  let best: { node: number; match: number } | undefined;
  for (const node of confState.voters) {
    const known = progress.get(node);
    if (node === nodeId || known === undefined || !known.recentActive) continue;
    const member = replica.control.members.get(node);
    if (member === undefined || member.cordoned || member.status !== 'up') continue;
    if (best === undefined || known.match > best.match) best = { node, match: known.match };
  }
  return best?.node;
}
