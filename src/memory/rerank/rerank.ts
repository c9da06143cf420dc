/**
 * Scores the hits of a search again: by what the candidates say of each other (attention), or by what is
 * around them (GNN).
 *
 *     candidates ── vectors ──┬─ attention ───────────────┬─ blend ─> order
 *                   └─ edges ─┴─ propagation or a model ──┘
 */
import type { ModelVector, RerankMethod, RerankOptions, SearchQuery } from '../engine.js';
import { MemoryError } from '../errors.js';
import { adjacentOf, type WeightedPair } from '../gnn/adjacent.js';
import { propagate } from '../gnn/propagation.js';
import type { Around, AroundBounds } from '../graph/around.js';
import { byScore } from '../nearest.js';
import { dot, type Matrix, matrixOf, rowOf } from '../neural/matrix.js';
import type { RankedHit } from '../ranked-search.js';
import { type AttentionKind, kernelOf } from './architecture.js';
import { NEIGHBOURS_MAX, RERANKED_HITS_MAX, SURROUNDING_NODES_MAX } from './limits.js';
import { type RankingInput, unitOf } from './ranking-model.js';
import { Reranker } from './reranker.js';
import type { ExampleNode, TrainingExample } from './training-example.js';

export interface RerankSource {
  readonly vectorOf: (id: string) => ModelVector | null;
  readonly around: (
    ids: readonly string[],
    relations: readonly string[] | undefined,
    bounds: AroundBounds,
  ) => Around;
}

/** Hops without weights. */
const PLAIN_HOPS = 1;
/** Hops of an example: those of the usual models. */
const EXAMPLE_HOPS = 2;
/** What the new score counts without weights; with weights it counts alone. */
const PLAIN_BLEND = 0.5;
const KINDS: readonly unknown[] = ['multi-head', 'linear', 'hyperbolic', 'blocked'];

function refuse(sentence: string): never {
  throw new MemoryError('invalid', sentence);
}

/** Throws `invalid` for a search that cannot be reranked so. */
export function checkRerank(query: SearchQuery): void {
  if (query.rerank === undefined) return;
  const { by, kind, weights, blend, relations } = optionsOf(query.rerank);
  if (by !== 'attention' && by !== 'gnn') {
    refuse(`a search is reranked by attention or gnn, not by ${String(by)}`);
  }
  if (query.vector === null) refuse('a search that reranks needs the vector of the query');
  if (query.limit > RERANKED_HITS_MAX) {
    refuse(`a search that reranks takes at most ${RERANKED_HITS_MAX} hits, not ${query.limit}`);
  }
  if (blend !== undefined && !(Number.isFinite(blend) && blend >= 0 && blend <= 1)) {
    refuse(`the blend of a reranked search must be from 0 to 1, not ${String(blend)}`);
  }
  if (kind !== undefined && (by === 'gnn' || weights !== undefined || !KINDS.includes(kind))) {
    refuse(`the kind of attention without weights is one of ${KINDS.join(', ')}`);
  }
  if (relations !== undefined && by !== 'gnn') refuse('only reranking by gnn looks at relations');
  if (weights === undefined) return;
  if (!(weights instanceof Reranker)) {
    refuse('weights are what openReranker or trainReranker gives');
  }
  const { architecture, dimensions } = weights.shape;
  if (weights.isGnn !== (by === 'gnn')) {
    refuse(`weights of ${architecture} do not serve a search that is reranked by ${by}`);
  }
  const { model, values } = query.vector!;
  if (weights.model !== model || dimensions !== values.length) {
    refuse(
      `the weights are for vectors of ${weights.model} with ${dimensions} components; ` +
        `the query has one of ${model} with ${values.length}`,
    );
  }
}

function optionsOf(rerank: RerankMethod | RerankOptions): RerankOptions {
  return typeof rerank === 'object' && rerank !== null ? rerank : { by: rerank };
}

/** What the vectors of a search's hits, and of what is around them, are to a model. */
interface Gathered {
  /** Ids of the hits that have a vector of the query's model. */
  readonly ids: readonly string[];
  readonly around: readonly string[];
  readonly vectors: ReadonlyMap<string, Float32Array>;
  /** Pairs of places in `ids` and, behind them, `around`. */
  readonly edges: readonly WeightedPair[];
}

function gather(
  hits: readonly RankedHit[],
  { model, values }: ModelVector,
  bounds: Bounds | undefined,
  source: RerankSource,
): Gathered {
  const vectors = new Map<string, Float32Array>();
  const read = (id: string): boolean => {
    const vector = source.vectorOf(id);
    if (vector?.model !== model || vector.values.length !== values.length) return false;
    vectors.set(id, vector.values);
    return true;
  };
  const ids = hits.map(({ id }) => id).filter(read);
  if (bounds === undefined || ids.length === 0) return { ids, around: [], vectors, edges: [] };
  const found = source.around(ids, bounds.relations, {
    hops: bounds.hops,
    neighboursMax: NEIGHBOURS_MAX,
    addedMax: SURROUNDING_NODES_MAX,
  });
  const places = new Map<number, number>();
  const kept = found.ids.filter((id, at) => {
    const isKept = at < ids.length || read(id);
    if (isKept) places.set(at, places.size);
    return isKept;
  });
  const edges = found.edges.flatMap(([from, to, weight]): WeightedPair[] => {
    const [a, b] = [places.get(from), places.get(to)];
    return a === undefined || b === undefined ? [] : [[a, b, weight]];
  });
  return { ids, around: kept.slice(ids.length), vectors, edges };
}

interface Bounds {
  readonly hops: number;
  readonly relations: readonly string[] | undefined;
}

/** The hits in their new order. Those without a vector of the query's model keep their score. */
export function rerank(
  hits: readonly RankedHit[],
  query: SearchQuery,
  source: RerankSource,
): RankedHit[] {
  const options = optionsOf(query.rerank!);
  const { by, weights, relations } = options;
  const bounds = by === 'gnn' ? { hops: weights?.shape.hops ?? PLAIN_HOPS, relations } : undefined;
  const { ids, around, vectors, edges } = gather(hits, query.vector!, bounds, source);
  if (ids.length === 0) return [...hits];
  const nodes = matrixOf([...ids, ...around].map((id) => unitOf(vectors.get(id)!)));
  const scores = scoresOf(options, {
    query: unitOf(query.vector!.values),
    nodes,
    candidateCount: ids.length,
    adjacent: adjacentOf(nodes.rows, edges),
  });
  const blend = options.blend ?? (weights === undefined ? PLAIN_BLEND : 1);
  const places = new Map(ids.map((id, at) => [id, at]));
  return hits
    .map((hit): RankedHit => {
      const at = places.get(hit.id);
      if (at === undefined) return hit;
      const score = (1 - blend) * hit.score + blend * scores[at]!;
      return { ...hit, score, rerankedBy: by };
    })
    .sort(byScore)
    .map((hit) => ({ ...hit, score: Math.min(1, Math.max(0, hit.score)) }));
}

/** The hits of a search as an example, with the edges as far away as any model looks. */
export function exampleOf(
  hits: readonly RankedHit[],
  { vector }: SearchQuery,
  relevant: readonly string[],
  source: RerankSource,
): TrainingExample {
  if (vector === null) refuse('an example of a search needs the vector of the query');
  const bounds = { hops: EXAMPLE_HOPS, relations: undefined };
  const { ids, around, vectors, edges } = gather(hits, vector!, bounds, source);
  const all = [...ids, ...around];
  const nodeOf = (id: string): ExampleNode => ({ id, vector: vectors.get(id)! });
  return {
    query: vector!.values,
    candidates: ids.map(nodeOf),
    around: around.map(nodeOf),
    edges: edges.map(([from, to, weight]) => ({ from: all[from]!, to: all[to]!, weight })),
    relevant,
  };
}

function scoresOf({ by, kind, weights }: RerankOptions, input: RankingInput): Float64Array {
  if (weights !== undefined) return weights.scores(input);
  return by === 'gnn' ? propagated(input) : attended(input, kind ?? 'multi-head');
}

/** Cosines with the query, passed on along the edges. */
function propagated({ query, nodes, candidateCount, adjacent }: RankingInput): Float64Array {
  const cosines = Float64Array.from({ length: nodes.rows }, (_, r) => dot(query, rowOf(nodes, r)));
  const rows = { rows: nodes.rows, columns: 1, values: cosines };
  return propagate(rows, adjacent, PLAIN_HOPS).values.subarray(0, candidateCount);
}

/**
 * The inner product of the query with what each candidate reads of all: self-attention with the
 * identity for all projections, and so with one head.
 */
function attended({ query, nodes }: RankingInput, kind: AttentionKind): Float64Array {
  // Components with a variance of 1, for which the scale of the scores is meant; a distance is not.
  const sharpness = Math.sqrt(query.length);
  const scaled = kind === 'hyperbolic' ? nodes : multiplied(nodes, sharpness);
  const { output } = kernelOf(kind, sharpness)(scaled, scaled, nodes);
  return Float64Array.from({ length: nodes.rows }, (_, r) => dot(query, rowOf(output, r)));
}

function multiplied(matrix: Matrix, factor: number): Matrix {
  return { ...matrix, values: matrix.values.map((value) => value * factor) };
}
