import type { Rollout } from '../client/index.js';

/** A rollout as lines of text, one for each node. */
export function rolloutLines(rollout: Rollout): string[] {
  const { id, from, to, status, digest, reason } = rollout;
  return [
    `rollout ${id}  ${from} -> ${to}  ${status}${reason === '' ? '' : `: ${reason}`}`,
    `digest ${digest}`,
    ...rollout.nodes.map(({ nodeId, step }) => `  node ${String(nodeId).padEnd(4)} ${step}`),
  ];
}
