/** GraphSAGE layers (Hamilton, Ying and Leskovec 2017, algorithm 1 and section 3.3). */
import { addScaled, addTo, type Matrix, rowOf, type Step, zeros } from '../neural/matrix.js';
import { linear, Parameter, relu } from '../neural/parameter.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Adjacent } from './adjacent.js';

export type Aggregator = 'mean' | 'max';

/**
 * relu(W [h_v; h_N(v)] + b), line 5, with W as two matrices side by side. The `mean` of the neighbours
 * is weighted by their edges; `max` takes the greatest of relu(W_pool h_u + b_pool), component by
 * component (equation 3). Without neighbours h_N(v) is zero.
 */
export class SageLayer {
  readonly own: Parameter;
  readonly neighbour: Parameter;
  readonly bias: Parameter;
  readonly pool: { readonly weights: Parameter; readonly bias: Parameter } | undefined;

  constructor(inputs: number, outputs: number, aggregator: Aggregator, random: SeededRandom) {
    this.own = Parameter.uniform(outputs, inputs, random);
    const pooled = aggregator === 'max' ? outputs : inputs;
    this.neighbour = Parameter.uniform(outputs, pooled, random);
    this.bias = new Parameter(1, outputs);
    if (aggregator === 'max') {
      const weights = Parameter.uniform(pooled, inputs, random);
      this.pool = { weights, bias: new Parameter(1, pooled) };
    }
  }

  get parameters(): readonly Parameter[] {
    const { own, neighbour, bias, pool } = this;
    return [own, neighbour, bias, ...(pool === undefined ? [] : [pool.weights, pool.bias])];
  }

  forward(rows: Matrix, adjacent: Adjacent): Step {
    const own = linear(rows, this.own, this.bias);
    const gathered = this.#gathered(rows, adjacent);
    addTo(own.output, gathered.output);
    const bent = relu(own.output);
    return {
      output: bent.output,
      backward(gradient) {
        const slope = bent.backward(gradient);
        const made = own.backward(slope);
        addTo(made, gathered.backward(slope));
        return made;
      },
    };
  }

  /** What the neighbours add. */
  #gathered(rows: Matrix, adjacent: Adjacent): Step {
    // The map of a mean is the mean of what is mapped, which has fewer components.
    if (this.pool === undefined) {
      return chain(linear(rows, this.neighbour), (mapped) => meanOf(mapped, adjacent));
    }
    const { weights, bias } = this.pool;
    const bent = chain(linear(rows, weights, bias), relu);
    const greatest = chain(bent, (pooled) => maxOf(pooled, adjacent));
    return chain(greatest, (h) => linear(h, this.neighbour));
  }
}

/** One step behind another. */
function chain(first: Step, then: (rows: Matrix) => Step): Step {
  const second = then(first.output);
  return {
    output: second.output,
    backward: (gradient) => first.backward(second.backward(gradient)),
  };
}

/** For each node the weighted mean of the rows of its neighbours. */
export function meanOf(rows: Matrix, { offsets, neighbours, weights }: Adjacent): Step {
  const output = zeros(rows.rows, rows.columns);
  const shares = weights.slice();
  for (let v = 0; v < rows.rows; v += 1) {
    const [start, end] = [offsets[v]!, offsets[v + 1]!];
    let sum = 0;
    for (let at = start; at < end; at += 1) sum += weights[at]!;
    for (let at = start; at < end; at += 1) {
      shares[at] = sum > 0 ? weights[at]! / sum : 0;
      addScaled(rowOf(output, v), shares[at]!, rowOf(rows, neighbours[at]!));
    }
  }
  return {
    output,
    backward(gradient) {
      const made = zeros(rows.rows, rows.columns);
      for (let v = 0; v < rows.rows; v += 1) {
        for (let at = offsets[v]!; at < offsets[v + 1]!; at += 1) {
          addScaled(rowOf(made, neighbours[at]!), shares[at]!, rowOf(gradient, v));
        }
      }
      return made;
    },
  };
}

/** For each node and component the greatest among its neighbours; the first of equal ones. */
function maxOf(rows: Matrix, { offsets, neighbours }: Adjacent): Step {
  const output = zeros(rows.rows, rows.columns);
  const from = new Int32Array(output.values.length).fill(-1);
  for (let v = 0; v < rows.rows; v += 1) {
    for (let at = offsets[v]!; at < offsets[v + 1]!; at += 1) {
      const row = rowOf(rows, neighbours[at]!);
      for (let i = 0; i < row.length; i += 1) {
        const place = v * rows.columns + i;
        if (from[place] !== -1 && row[i]! <= output.values[place]!) continue;
        from[place] = neighbours[at]!;
        output.values[place] = row[i]!;
      }
    }
  }
  return {
    output,
    backward(gradient) {
      const made = zeros(rows.rows, rows.columns);
      for (const [place, node] of from.entries()) {
        if (node === -1) continue;
        made.values[node * rows.columns + (place % rows.columns)]! += gradient.values[place]!;
      }
      return made;
    },
  };
}
