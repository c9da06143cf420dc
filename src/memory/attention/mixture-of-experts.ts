/**
 * Attention by experts: each row is read by a few of them, chosen by a gate (Shazeer et al. 2017,
 * equation 1). An expert has queries and an output of its own; keys and values are those of all (Zhang
 * et al. 2022, Mixture of Attention Heads, section 3.2).
 */
import {
  addTo,
  dot,
  type Matrix,
  pickRows,
  rowOf,
  addScaled,
  type Step,
  zeros,
} from '../neural/matrix.js';
import { linear, Parameter } from '../neural/parameter.js';
import type { SeededRandom } from '../seeded-random.js';
import { topGates } from './gating.js';
import type { AttentionStep } from './kernel.js';
import { scaledDotProduct } from './scaled-dot-product.js';

export interface ExpertsShape {
  readonly dimensions: number;
  /** Components of what one expert compares. */
  readonly width: number;
  readonly experts: number;
  /** Experts that a row goes to. */
  readonly active: number;
}

/** Weight of the imbalance beside the loss (w_importance of equation 7). */
const BALANCE = 0.01;

interface Expert {
  readonly query: Parameter;
  /** Zero before training. */
  readonly output: Parameter;
}

export class MixtureOfExperts {
  readonly gate: Parameter;
  readonly key: Parameter;
  readonly value: Parameter;
  readonly experts: readonly Expert[];
  readonly #active: number;

  constructor({ dimensions, width, experts, active }: ExpertsShape, random: SeededRandom) {
    this.gate = Parameter.uniform(experts, dimensions, random);
    this.key = Parameter.uniform(width, dimensions, random);
    this.value = Parameter.uniform(width, dimensions, random);
    this.experts = Array.from({ length: experts }, () => ({
      query: Parameter.uniform(width, dimensions, random),
      output: new Parameter(dimensions, width),
    }));
    this.#active = active;
  }

  get parameters(): readonly Parameter[] {
    const own = this.experts.flatMap(({ query, output }) => [query, output]);
    return [this.gate, this.key, this.value, ...own];
  }

  /** The way back counts the imbalance of the gates too, as part of the loss. */
  forward(rows: Matrix): Step & { readonly imbalance: number } {
    const scores = linear(rows, this.gate);
    const gates = topGates(scores.output, this.#active);
    const [keys, values] = [linear(rows, this.key), linear(rows, this.value)];
    const output = zeros(rows.rows, rows.columns);
    const readings = this.experts.map((expert, at) => {
      const reading = read(expert, rowsOf(gates.weights, at), rows, keys.output, values.output);
      for (const [own, row] of reading.members.entries()) {
        const weight = gates.weights.values[row * gates.weights.columns + at]!;
        addScaled(rowOf(output, row), weight, rowOf(reading.output.output, own));
      }
      return reading;
    });
    return {
      output,
      imbalance: gates.imbalance,
      backward(gradient) {
        const gateSlopes = zeros(gates.weights.rows, gates.weights.columns);
        const keySlopes = zeros(keys.output.rows, keys.output.columns);
        const valueSlopes = zeros(values.output.rows, values.output.columns);
        const made = zeros(rows.rows, rows.columns);
        for (const [at, { members, query, attention, output: given }] of readings.entries()) {
          const wanted = pickRows(gradient, members);
          for (const [own, row] of members.entries()) {
            const place = row * gates.weights.columns + at;
            gateSlopes.values[place] = dot(rowOf(wanted, own), rowOf(given.output, own));
            const weight = gates.weights.values[place]!;
            const slope = rowOf(wanted, own);
            for (let i = 0; i < slope.length; i += 1) slope[i]! *= weight;
          }
          const slopes = attention.backward(given.backward(wanted));
          addTo(keySlopes, slopes.keys);
          addTo(valueSlopes, slopes.values);
          const back = query.backward(slopes.queries);
          for (const [own, row] of members.entries())
            addScaled(rowOf(made, row), 1, rowOf(back, own));
        }
        addTo(made, keys.backward(keySlopes));
        addTo(made, values.backward(valueSlopes));
        addTo(made, scores.backward(gates.backward(gateSlopes, BALANCE)));
        return made;
      },
    };
  }
}

interface Reading {
  /** Rows that came to this expert. */
  readonly members: Uint32Array;
  readonly query: Step;
  readonly attention: AttentionStep;
  readonly output: Step;
}

function read(
  { query, output }: Expert,
  members: Uint32Array,
  rows: Matrix,
  keys: Matrix,
  values: Matrix,
): Reading {
  const asked = linear(pickRows(rows, members), query);
  const attention = scaledDotProduct(asked.output, keys, values);
  return { members, query: asked, attention, output: linear(attention.output, output) };
}

function rowsOf(weights: Matrix, expert: number): Uint32Array {
  const members: number[] = [];
  for (let r = 0; r < weights.rows; r += 1) {
    if (weights.values[r * weights.columns + expert]! > 0) members.push(r);
  }
  return Uint32Array.from(members);
}
