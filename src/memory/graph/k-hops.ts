/** The memories within so many hops of one, breadth first. */
import { GraphError } from './error.js';
import { VISITED_NODES_MAX } from './limits.js';
import type { Walk } from './neighbours.js';
import { sortInSteps } from './sort-in-steps.js';
import { type GraphView, Steps } from './view.js';
import type { Work } from './work.js';

export interface Reached {
  readonly id: string;
  /** Least number of edges that lead there. */
  readonly hops: number;
}

export interface KHops {
  /** Nearest first, then by id; without the memory where the walk began. */
  readonly nodes: Reached[];
  /** Whether there are more than the limit. */
  readonly isCut: boolean;
}

export function* kHops(
  view: GraphView,
  work: Work,
  start: number,
  hopsMax: number,
  { direction, relations, limit }: Walk,
): Generator<undefined, KHops> {
  const visited = new Uint8Array(view.nodeCount);
  visited[start] = 1;
  const steps = new Steps();
  const nodes: Reached[] = [];
  let visits = 1;
  let frontier = [start];
  for (let hops = 1; hops <= hopsMax && frontier.length > 0; hops += 1) {
    let level: number[] = [];
    for (const node of frontier) {
      view.expand(node, direction, relations, steps);
      if (work.expand(1)) yield;
      for (let at = 0; at < steps.length; at += 1) {
        const other = steps.others[at] as number;
        if (visited[other] === 0) {
          visited[other] = 1;
          level.push(other);
        }
        if (work.expand()) yield;
      }
    }
    visits = countVisits(visits + level.length);
    const room = limit - nodes.length;
    if (level.length > 0 && room > 0) {
      level = yield* sortInSteps(level, (a, b) => view.compareNodes(a, b), work);
    }
    for (const node of level.slice(0, room)) nodes.push({ id: view.idOf(node), hops });
    if (level.length > room) return { nodes, isCut: true };
    frontier = level;
  }
  return { nodes, isCut: false };
}

/** Throws `limit` when a walk has visited too many nodes. */
export function countVisits(visits: number): number {
  if (visits <= VISITED_NODES_MAX) return visits;
  throw new GraphError(
    'limit',
    `this visits more than ${VISITED_NODES_MAX} memories; ask for fewer hops, or name relations`,
  );
}
