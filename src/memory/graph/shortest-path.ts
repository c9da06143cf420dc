/**
 * The path with the fewest edges: breadth first from both ends, the smaller level next. Of several
 * shortest paths it is the one whose ids come first, and of parallel edges the first relation.
 */
import { assert } from '../errors.js';
import { countVisits } from './k-hops.js';
import { type Direction, type GraphView, type RelationMask, Steps } from './view.js';
import type { Work } from './work.js';

/** A path as numbers: the edges in its order, and which nodes it passes (one more). */
export interface FoundPath {
  readonly nodes: number[];
  readonly edges: number[];
}

/** One end of the search. */
interface Side {
  readonly direction: Direction;
  /** Hops from this end, plus 1; 0 where it has not been. */
  readonly distances: Uint8Array;
  readonly levels: number[][];
}

export interface PathWalk {
  readonly direction: Direction;
  readonly relations: RelationMask;
  readonly hopsMax: number;
}

export function* shortestPath(
  view: GraphView,
  work: Work,
  from: number,
  to: number,
  { direction, relations, hopsMax }: PathWalk,
): Generator<undefined, FoundPath | null> {
  if (from === to) return { nodes: [from], edges: [] };
  const ahead = sideFrom(view, from, direction);
  const back = sideFrom(view, to, opposite(direction));
  const steps = new Steps();
  let visits = 2;
  for (let hops = 1; hops <= hopsMax; hops += 1) {
    const [side, other] =
      lastLevel(ahead).length <= lastLevel(back).length ? [ahead, back] : [back, ahead];
    const level: number[] = [];
    let isMet = false;
    for (const node of lastLevel(side)) {
      view.expand(node, side.direction, relations, steps);
      if (work.expand(1)) yield;
      for (let at = 0; at < steps.length; at += 1) {
        const reached = steps.others[at] as number;
        if (side.distances[reached] === 0) {
          side.distances[reached] = side.levels.length + 1;
          level.push(reached);
          isMet ||= other.distances[reached] !== 0;
        }
        if (work.expand()) yield;
      }
    }
    if (level.length === 0) return null;
    side.levels.push(level);
    visits = countVisits(visits + level.length);
    if (isMet) return yield* firstPath(view, work, ahead, back, relations);
  }
  return null;
}

function opposite(direction: Direction): Direction {
  if (direction === 'both') return 'both';
  return direction === 'out' ? 'in' : 'out';
}

function sideFrom(view: GraphView, node: number, direction: Direction): Side {
  const distances = new Uint8Array(view.nodeCount);
  distances[node] = 1;
  return { direction, distances, levels: [[node]] };
}

function lastLevel({ levels }: Side): number[] {
  const level = levels.at(-1);
  assert(level !== undefined, 'a side begins with the level of its end');
  return level;
}

/** Walks from the start, at each step to the first node that lies on some shortest path. */
function* firstPath(
  view: GraphView,
  work: Work,
  ahead: Side,
  back: Side,
  relations: RelationMask,
): Generator<undefined, FoundPath> {
  const [depthAhead, depthBack] = [ahead.levels.length - 1, back.levels.length - 1];
  const steps = new Steps();
  // On a shortest path lie, of each level ahead, those from which the middle is reached.
  const isOnPath = new Uint8Array(view.nodeCount);
  let level: number[] = [];
  for (const node of lastLevel(ahead)) {
    if (back.distances[node] === depthBack + 1) {
      isOnPath[node] = 1;
      level.push(node);
    }
    if (work.pass()) yield;
  }
  for (let depth = depthAhead - 1; depth > 0; depth -= 1) {
    const before: number[] = [];
    for (const node of level) {
      view.expand(node, opposite(ahead.direction), relations, steps);
      for (let at = 0; at < steps.length; at += 1) {
        const other = steps.others[at] as number;
        if (ahead.distances[other] === depth + 1 && isOnPath[other] === 0) {
          isOnPath[other] = 1;
          before.push(other);
        }
        if (work.expand()) yield;
      }
    }
    level = before;
  }
  const nodes = [...(ahead.levels[0] ?? [])];
  const edges: number[] = [];
  while (edges.length < depthAhead + depthBack) {
    const depth = edges.length + 1;
    const wanted = depthAhead + depthBack - depth + 1;
    view.expand(nodes.at(-1) as number, ahead.direction, relations, steps);
    let best = -1;
    for (let at = 0; at < steps.length; at += 1) {
      const other = steps.others[at] as number;
      const isNext =
        depth <= depthAhead
          ? isOnPath[other] === 1 && ahead.distances[other] === depth + 1
          : back.distances[other] === wanted;
      if (isNext && (best < 0 || isFirst(view, steps, at, best))) best = at;
      if (work.expand()) yield;
    }
    assert(best >= 0, 'a shortest path goes on until its end');
    nodes.push(steps.others[best] as number);
    edges.push(steps.edges[best] as number);
  }
  return { nodes, edges };
}

function isFirst(view: GraphView, steps: Steps, at: number, best: number): boolean {
  const order =
    view.compareNodes(steps.others[at] as number, steps.others[best] as number) ||
    view.compareRelations(steps.edges[at] as number, steps.edges[best] as number);
  return order < 0;
}
