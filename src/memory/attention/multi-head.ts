/** Multi-head attention (Vaswani et al. 2017, section 3.2.2) over any kernel. */
import { assert } from '../errors.js';
import { addTo, columnsOf, type Matrix, setColumns, type Step, zeros } from '../neural/matrix.js';
import { linear, Parameter } from '../neural/parameter.js';
import type { SeededRandom } from '../seeded-random.js';
import type { AttentionGradients, AttentionKernel, AttentionStep } from './kernel.js';

export interface MultiHeadShape {
  /** Components of a row that comes in, and of one that goes out. */
  readonly dimensions: number;
  /** Components of all heads together. */
  readonly width: number;
  readonly heads: number;
}

/** Applies a kernel to each head, an equal part of the columns. */
export function perHead(kernel: AttentionKernel, heads: number): AttentionKernel {
  return (queries, keys, values): AttentionStep => {
    const size = queries.columns / heads;
    assert(Number.isSafeInteger(size), 'heads divide the width');
    const part = (from: Matrix, head: number): Matrix => columnsOf(from, head * size, size);
    const output = zeros(queries.rows, values.columns);
    const steps = Array.from({ length: heads }, (_, head) => {
      const step = kernel(part(queries, head), part(keys, head), part(values, head));
      setColumns(output, head * size, step.output);
      return step;
    });
    return {
      output,
      backward(gradient): AttentionGradients {
        const slopes = {
          queries: zeros(queries.rows, queries.columns),
          keys: zeros(keys.rows, keys.columns),
          values: zeros(values.rows, values.columns),
        };
        for (const [head, step] of steps.entries()) {
          const made = step.backward(part(gradient, head));
          setColumns(slopes.queries, head * size, made.queries);
          setColumns(slopes.keys, head * size, made.keys);
          setColumns(slopes.values, head * size, made.values);
        }
        return slopes;
      },
    };
  };
}

/** Self-attention with projections of queries, keys, values and of what the heads give; no biases. */
export class MultiHeadAttention {
  readonly query: Parameter;
  readonly key: Parameter;
  readonly value: Parameter;
  /** Zero before training: then the layer adds nothing to what it is added to. */
  readonly output: Parameter;
  readonly #kernel: AttentionKernel;

  constructor(kernel: AttentionKernel, shape: MultiHeadShape, random: SeededRandom) {
    const { dimensions, width, heads } = shape;
    this.query = Parameter.uniform(width, dimensions, random);
    this.key = Parameter.uniform(width, dimensions, random);
    this.value = Parameter.uniform(width, dimensions, random);
    this.output = new Parameter(dimensions, width);
    this.#kernel = perHead(kernel, heads);
  }

  get parameters(): readonly Parameter[] {
    return [this.query, this.key, this.value, this.output];
  }

  forward(rows: Matrix): Step {
    const [q, k, v] = [this.query, this.key, this.value].map((weights) => linear(rows, weights));
    const heads = this.#kernel(q!.output, k!.output, v!.output);
    const joined = linear(heads.output, this.output);
    return {
      output: joined.output,
      backward(gradient) {
        const slopes = heads.backward(joined.backward(gradient));
        const made = q!.backward(slopes.queries);
        addTo(made, k!.backward(slopes.keys));
        addTo(made, v!.backward(slopes.values));
        return made;
      },
    };
  }
}
