/** What a reranker learns from: questions, what was found, and what of that was wanted. */
import { MemoryError } from '../errors.js';
import { adjacentOf } from '../gnn/adjacent.js';
import { matrixOf } from '../neural/matrix.js';
import { EXAMPLE_EDGES_MAX, EXAMPLE_NODES_MAX } from './limits.js';
import { type RankingInput, unitOf } from './ranking-model.js';

export interface ExampleNode {
  readonly id: string;
  readonly vector: Float32Array;
}

/** All vectors are of one model. Made by `rerankExample` of an engine, or by hand. */
export interface TrainingExample {
  readonly query: Float32Array;
  /** What a search finds, at least two. */
  readonly candidates: readonly ExampleNode[];
  /** Other memories that edges lead to. */
  readonly around?: readonly ExampleNode[] | undefined;
  /** Between candidates and those around them; the weight is 1 unless given. */
  readonly edges?:
    readonly { readonly from: string; readonly to: string; readonly weight?: number }[] | undefined;
  /** Ids of the candidates that are wanted; ids of others are passed over. */
  readonly relevant: readonly string[];
}

/** An example in the form that models take. */
export interface PreparedExample {
  readonly input: RankingInput;
  readonly isRelevant: readonly boolean[];
}

/** Whether there is something to learn: candidates that are wanted, and others. */
export function isInstructive({ candidates, relevant }: TrainingExample): boolean {
  const wanted = new Set(relevant);
  const count = candidates.filter(({ id }) => wanted.has(id)).length;
  return count > 0 && count < candidates.length;
}

/** The reason why an example cannot be learned from, or undefined. */
function exampleProblem(example: TrainingExample, dimensions: number): string | undefined {
  const { query, candidates, around = [], edges = [] } = example;
  const nodes = [...candidates, ...around];
  if (nodes.length > EXAMPLE_NODES_MAX) {
    return `has ${nodes.length} memories, at most ${EXAMPLE_NODES_MAX} are taken`;
  }
  if (edges.length > EXAMPLE_EDGES_MAX) {
    return `has ${edges.length} edges, at most ${EXAMPLE_EDGES_MAX} are taken`;
  }
  const ids = new Set(nodes.map(({ id }) => id));
  if (ids.size < nodes.length) return 'has two memories with one id';
  for (const values of [query, ...nodes.map(({ vector }) => vector)]) {
    if (values.length !== dimensions) {
      return `has a vector of ${values.length} components instead of ${dimensions}`;
    }
    if (!values.every(Number.isFinite)) return 'has a vector with a value that is no number';
  }
  for (const { from, to, weight = 1 } of edges) {
    if (!ids.has(from) || !ids.has(to)) {
      return `has an edge from ${from} to ${to}, and one of them is no memory of it`;
    }
    if (!(weight >= 0 && weight <= 1)) return `has an edge with the weight ${weight}, not 0 to 1`;
  }
  return undefined;
}

/** Attention does not look at what is around the candidates. */
export function prepare(example: TrainingExample, hasEdges: boolean): PreparedExample {
  const { query, candidates, relevant } = example;
  const { around = [], edges = [] } = hasEdges ? example : {};
  const nodes = [...candidates, ...around];
  const places = new Map(nodes.map(({ id }, at) => [id, at]));
  const wanted = new Set(relevant);
  const pairs = edges.map(({ from, to, weight = 1 }) => {
    return [places.get(from)!, places.get(to)!, weight] as const;
  });
  return {
    input: {
      query: unitOf(query),
      nodes: matrixOf(nodes.map(({ vector }) => unitOf(vector))),
      candidateCount: candidates.length,
      adjacent: adjacentOf(nodes.length, pairs),
    },
    isRelevant: candidates.map(({ id }) => wanted.has(id)),
  };
}

/** Throws `invalid` for the first example that cannot be learned from. */
export function checkExamples(examples: readonly TrainingExample[], dimensions: number): void {
  for (const [at, example] of examples.entries()) {
    const problem = exampleProblem(example, dimensions);
    if (problem !== undefined) throw new MemoryError('invalid', `example ${at} ${problem}`);
  }
}
