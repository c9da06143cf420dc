/** Message passing over the candidates and what is around them, each seen through the query. */
import type { Adjacent } from '../gnn/adjacent.js';
import { GatLayer } from '../gnn/gat.js';
import { type Aggregator, SageLayer } from '../gnn/sage.js';
import { dot, type Matrix, rowOf, type Step, zeros } from '../neural/matrix.js';
import { linear, Parameter, relu } from '../neural/parameter.js';
import type { SeededRandom } from '../seeded-random.js';
import type { RankingInput, RankingModel, RankingStep } from './ranking-model.js';

export interface GnnShape {
  readonly dimensions: number;
  /** Components of a node between two layers, those of all heads together. */
  readonly width: number;
  /** Of graph attention. */
  readonly heads: number;
  /** Layers: how far a score depends on edges. */
  readonly hops: number;
}

interface Layer {
  readonly parameters: readonly Parameter[];
  forward(rows: Matrix, adjacent: Adjacent): Step;
}

/**
 * A score is the cosine and a correction: each node begins as the components whose sum its cosine is,
 * goes through the layers, and is weighed by `readout`, which is zero before training.
 */
export class GnnModel implements RankingModel {
  readonly #layers: readonly Layer[];
  readonly #readout: Parameter;

  private constructor(layers: readonly Layer[], width: number) {
    this.#layers = layers;
    this.#readout = new Parameter(1, width);
  }

  static sage(
    { dimensions, width, hops }: GnnShape,
    aggregator: Aggregator,
    random: SeededRandom,
  ): GnnModel {
    const layers = Array.from({ length: hops }, (_, hop) => {
      return new SageLayer(hop === 0 ? dimensions : width, width, aggregator, random);
    });
    return new GnnModel(layers, width);
  }

  static gat(
    { dimensions, width, heads, hops }: GnnShape,
    version: 1 | 2,
    random: SeededRandom,
  ): GnnModel {
    const layers = Array.from({ length: hops }, (_, hop) => {
      const inputs = hop === 0 ? dimensions : width;
      return bent(new GatLayer({ inputs, width: width / heads, heads, version }, random));
    });
    return new GnnModel(layers, width);
  }

  get parameters(): readonly Parameter[] {
    return [...this.#layers.flatMap(({ parameters }) => parameters), this.#readout];
  }

  forward({ query, nodes, candidateCount, adjacent }: RankingInput): RankingStep {
    const seen = zeros(nodes.rows, nodes.columns);
    // Their sum is d times the cosine, so that one component is about 1, as layers want it.
    for (let r = 0; r < nodes.rows; r += 1) {
      const [from, to] = [rowOf(nodes, r), rowOf(seen, r)];
      for (let i = 0; i < to.length; i += 1) to[i] = query.length * from[i]! * query[i]!;
    }
    const steps: Step[] = [];
    let rows = seen;
    for (const layer of this.#layers) {
      const step = layer.forward(rows, adjacent);
      steps.push(step);
      rows = step.output;
    }
    const corrections = linear(rows, this.#readout);
    const scores = Float64Array.from({ length: candidateCount }, (_, at) => {
      return dot(query, rowOf(nodes, at)) + corrections.output.values[at]!;
    });
    return {
      scores,
      backward(gradient) {
        const slopes = zeros(nodes.rows, 1);
        slopes.values.set(gradient);
        let slope = corrections.backward(slopes);
        for (const step of steps.toReversed()) slope = step.backward(slope);
      },
    };
  }
}

/** A layer with a function behind it. */
function bent(layer: Layer): Layer {
  return {
    parameters: layer.parameters,
    forward(rows, adjacent) {
      const step = layer.forward(rows, adjacent);
      const last = relu(step.output);
      return {
        output: last.output,
        backward: (gradient) => step.backward(last.backward(gradient)),
      };
    },
  };
}
