/** The surroundings of several memories at once, bounded in every direction. */
import { Nearest } from '../nearest.js';
import { type GraphView, type RelationMask, Steps } from './view.js';

export interface AroundBounds {
  readonly hops: number;
  /** Neighbours of one memory that are followed: the heaviest, of equal ones by id. */
  readonly neighboursMax: number;
  /** Memories beyond those that are asked for. */
  readonly addedMax: number;
}

export interface Around {
  /** First those that were asked for, in their order, then the others, nearest first. */
  readonly ids: readonly string[];
  /** Pairs of places in `ids`, with the heaviest weight of the edges between the two. */
  readonly edges: readonly (readonly [from: number, to: number, weight: number])[];
}

/** Edges count either way. What is `hops` away is reached, but its own edges are not looked at. */
export function around(
  view: GraphView,
  asked: readonly string[],
  relations: RelationMask,
  { hops, neighboursMax, addedMax }: AroundBounds,
): Around {
  const ids = [...asked];
  const places = new Map(ids.map((id, place) => [id, place]));
  const edges: [number, number, number][] = [];
  const steps = new Steps();
  let frontier = asked;
  for (let hop = 0; hop < hops && frontier.length > 0; hop += 1) {
    const reached: string[] = [];
    for (const id of frontier) {
      const node = view.numberOf(id);
      if (node === undefined) continue;
      for (const { id: other, score } of heaviest(view, node, relations, neighboursMax, steps)) {
        let place = places.get(other);
        if (place === undefined) {
          if (ids.length - asked.length >= addedMax) continue;
          place = ids.push(other) - 1;
          places.set(other, place);
          reached.push(other);
        }
        edges.push([places.get(id)!, place, score]);
      }
    }
    frontier = reached;
  }
  return { ids, edges };
}

function heaviest(
  view: GraphView,
  node: number,
  relations: RelationMask,
  limit: number,
  steps: Steps,
): readonly { readonly id: string; readonly score: number }[] {
  view.expand(node, 'both', relations, steps);
  const weights = new Map<number, number>();
  for (let at = 0; at < steps.length; at += 1) {
    const other = steps.others[at]!;
    const weight = view.weightOf(steps.edges[at]!);
    if (weight > (weights.get(other) ?? -1)) weights.set(other, weight);
  }
  const nearest = new Nearest(limit);
  for (const [other, score] of weights) {
    if (score >= nearest.floor) nearest.offer({ id: view.idOf(other), score });
  }
  return nearest.list();
}
