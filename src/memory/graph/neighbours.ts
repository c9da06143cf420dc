/** The edges of one memory. */
import type { Direction, GraphView, RelationMask } from './view.js';
import { Steps } from './view.js';
import type { Work } from './work.js';

export interface Neighbour {
  /** The memory at the other end. */
  readonly id: string;
  readonly relation: string;
  readonly weight: number;
  /** Whether the edge leaves the memory that was asked for, or enters it. */
  readonly direction: 'out' | 'in';
}

export interface Neighbours {
  readonly neighbours: Neighbour[];
  /** Whether there are more than the limit. */
  readonly isCut: boolean;
}

export interface Walk {
  readonly direction: Direction;
  readonly relations: RelationMask;
  readonly limit: number;
}

/** Neighbours by id, then relation, then what leaves before what enters. */
export function* neighboursOf(
  view: GraphView,
  work: Work,
  node: number,
  { direction, relations, limit }: Walk,
): Generator<undefined, Neighbours> {
  const [out, into] = [new Steps(), new Steps()];
  if (direction !== 'in') view.expand(node, 'out', relations, out);
  if (direction !== 'out') view.expand(node, 'in', relations, into);
  if (work.expand(out.length + into.length)) yield;
  const neighbours: Neighbour[] = [];
  let [left, right] = [0, 0];
  while (neighbours.length < limit && (left < out.length || right < into.length)) {
    const isOut =
      right >= into.length || (left < out.length && order(view, out, left, into, right) <= 0);
    const [steps, at] = isOut ? [out, left++] : [into, right++];
    const edge = steps.edges[at] as number;
    neighbours.push({
      id: view.idOf(steps.others[at] as number),
      relation: view.relationNameOf(edge),
      weight: view.weightOf(edge),
      direction: isOut ? 'out' : 'in',
    });
    if (work.pass()) yield;
  }
  return { neighbours, isCut: left < out.length || right < into.length };
}

function order(view: GraphView, a: Steps, at: number, b: Steps, bAt: number): number {
  return (
    view.compareNodes(a.others[at] as number, b.others[bAt] as number) ||
    view.compareRelations(a.edges[at] as number, b.edges[bAt] as number)
  );
}
