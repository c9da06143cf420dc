import { Violation } from './violation.js';

/** What a node answers from at the end of a run. */
export interface RolledNode {
  readonly node: number;
  readonly active: 'v1' | 'v2';
  /** All stores that it still keeps open. */
  readonly open: readonly ('v1' | 'v2')[];
}

/**
 * Rollout (`nodes/rollout/SPEC.md`, R1 and R5): one node at a time has a step to do, and a run ends
 * wholly in v1 or wholly in v2.
 */
export class RolloutSafety {
  /** The nodes that have begun and not finished, as of `index`. */
  migrating(index: number, busy: readonly number[]): void {
    if (busy.length <= 1) return;
    throw new Violation(
      'rollout',
      `nodes ${busy.join(' and ')} migrate at the same time, as of index ${index}`,
    );
  }

  /** The run is over, with all nodes at rest. */
  ended(nodes: readonly RolledNode[]): void {
    const [first] = nodes;
    if (first === undefined) return;
    for (const { node, active, open } of nodes) {
      if (active !== first.active) {
        throw new Violation(
          'rollout',
          `node ${first.node} ends in ${first.active} and node ${node} in ${active}`,
        );
      }
      if (open.length === 1 && open[0] === active) continue;
      throw new Violation(
        'rollout',
        `node ${node} ends in ${active} and keeps the stores ${open.join(' and ') || 'of none'} open`,
      );
    }
  }
}
