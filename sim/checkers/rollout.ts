import { Violation } from './violation.js';

/** What a node is at the end of a run. */
export interface RolledNode {
  readonly node: number;
  /** The engine that answers. */
  readonly active: 'v1' | 'v2';
  /** All stores that it still keeps open. */
  readonly open: readonly ('v1' | 'v2')[];
  /** The release that it runs as; empty where releases are not exchanged. */
  readonly release: string;
}

/** Where a node stands in a rollout, as the state says at some index. */
export interface StandingNode {
  readonly nodeId: number;
  readonly epoch: number;
  readonly step: string;
  readonly direction: string;
}

/**
 * Rollout (`nodes/rollout/SPEC.md`): no more nodes are unavailable than the limits say, an epoch of a node
 * stands for one step of it, and a run ends wholly on one side.
 */
export class RolloutSafety {
  /** By rollout and node, the last epoch and what it stood for. */
  readonly #standing = new Map<string, { readonly epoch: number; readonly step: string }>();
  /** By rollout: the most nodes that its limits have ever let be unavailable. */
  readonly #unavailableMax = new Map<number, number>();

  /** The nodes that are unavailable, as of `index`. What was begun under wider limits goes on. */
  unavailable(index: number, rolloutId: number, busy: readonly number[], max: number): void {
    const bound = Math.max(max, this.#unavailableMax.get(rolloutId) ?? 0);
    this.#unavailableMax.set(rolloutId, bound);
    if (busy.length <= bound) return;
    throw new Violation(
      'rollout',
      `nodes ${busy.join(' and ')} are unavailable at the same time, as of index ${index}; at most ` +
        `${bound} may be`,
    );
  }

  /** Told at each index in order by one node, and by the others again. */
  stands(index: number, rolloutId: number, { nodeId, epoch, step, direction }: StandingNode): void {
    const key = `${rolloutId}/${nodeId}`;
    const now = { epoch, step: `${direction} ${step}` };
    const last = this.#standing.get(key);
    if (last === undefined || last.epoch < epoch) this.#standing.set(key, now);
    else if (last.epoch === epoch && last.step !== now.step) {
      throw new Violation(
        'rollout',
        `epoch ${epoch} of node ${nodeId} stands for ${last.step} and for ${now.step}, as of index ${index}`,
      );
    }
  }

  /** The run is over, with all nodes at rest. */
  ended(nodes: readonly RolledNode[]): void {
    const [first] = nodes;
    if (first === undefined) return;
    for (const { node, active, open, release } of nodes) {
      if (active !== first.active || release !== first.release) {
        throw new Violation(
          'rollout',
          `node ${first.node} ends in ${first.active} ${first.release} and node ${node} in ` +
            `${active} ${release}`,
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
