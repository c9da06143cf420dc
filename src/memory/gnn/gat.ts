/** Graph attention layers (Veličković et al. 2018), and their second version (Brody et al. 2022). */
import { addScaled, addTo, dot, type Matrix, rowOf, type Step, zeros } from '../neural/matrix.js';
import { linear, Parameter } from '../neural/parameter.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Adjacent } from './adjacent.js';

export interface GatShape {
  readonly inputs: number;
  /** Components of one head; the heads stand side by side (equation 5). */
  readonly width: number;
  readonly heads: number;
  /** 2: the score is bent before it is weighed, so that it can rank neighbours otherwise for each node. */
  readonly version: 1 | 2;
}

const SLOPE_BELOW_ZERO = 0.2;

/**
 * A node takes a mean of its neighbours and itself, by scores that are learned:
 *
 *     version 1   e = leakyRelu(a . [W h_i || W h_j])              (equation 3)
 *     version 2   e = a . leakyRelu(W_t h_i + W_s h_j)             (Brody et al., equation 7)
 *
 * Weights of edges do not count. There is no function after the mean; the model has one.
 */
export class GatLayer {
  /** Maps neighbours, whose mean is taken. */
  readonly source: Parameter;
  /** Maps the node that takes it; only in version 2, in version 1 it is `source`. */
  readonly target: Parameter | undefined;
  /** A row for each head. */
  readonly sourceScore: Parameter;
  /** The part of `a` for the node itself; version 1 only. */
  readonly targetScore: Parameter | undefined;
  readonly bias: Parameter;
  readonly #shape: GatShape;

  constructor(shape: GatShape, random: SeededRandom) {
    const { inputs, width, heads, version } = shape;
    this.source = Parameter.uniform(heads * width, inputs, random);
    this.sourceScore = Parameter.uniform(heads, width, random);
    if (version === 2) this.target = Parameter.uniform(heads * width, inputs, random);
    else this.targetScore = Parameter.uniform(heads, width, random);
    this.bias = new Parameter(1, heads * width);
    this.#shape = shape;
  }

  get parameters(): readonly Parameter[] {
    const { source, target, sourceScore, targetScore, bias } = this;
    const own = target ?? targetScore;
    return [source, sourceScore, ...(own === undefined ? [] : [own]), bias];
  }

  forward(rows: Matrix, adjacent: Adjacent): Step {
    const sources = linear(rows, this.source);
    const targets = this.target === undefined ? sources : linear(rows, this.target);
    const nodes = withThemselves(adjacent, rows.rows);
    const scores =
      this.target === undefined
        ? this.#scoreOne(sources.output)
        : this.#scoreTwo(sources.output, targets.output);
    const output = zeros(rows.rows, sources.output.columns);
    const parts = this.#gather(nodes, scores, sources.output, output);
    for (let v = 0; v < rows.rows; v += 1) addScaled(rowOf(output, v), 1, this.bias.values);
    return {
      output,
      backward: (gradient) => {
        const sourceSlopes = zeros(sources.output.rows, sources.output.columns);
        const targetSlopes = zeros(targets.output.rows, targets.output.columns);
        this.#scatter(nodes, parts, sources.output, gradient, sourceSlopes, (v, u, head, slope) =>
          scores.backward(v, u, head, slope, sourceSlopes, targetSlopes),
        );
        for (let v = 0; v < rows.rows; v += 1) {
          addScaled(this.bias.gradient.values, 1, rowOf(gradient, v));
        }
        if (targets === sources) {
          addTo(sourceSlopes, targetSlopes);
          return sources.backward(sourceSlopes);
        }
        const made = sources.backward(sourceSlopes);
        addTo(made, targets.backward(targetSlopes));
        return made;
      },
    };
  }

  /** Puts the means into `output`; returns the softmax (equation 2) of each edge and head. */
  #gather(nodes: Nodes, scores: Scores, sources: Matrix, output: Matrix): Float64Array {
    const { width, heads } = this.#shape;
    const parts = new Float64Array(nodes.neighbours.length * heads);
    for (let v = 0; v < output.rows; v += 1) {
      const [start, end] = [nodes.offsets[v]!, nodes.offsets[v + 1]!];
      for (let head = 0; head < heads; head += 1) {
        let most = -Infinity;
        for (let at = start; at < end; at += 1) {
          const score = scores.score(v, nodes.neighbours[at]!, head);
          parts[at * heads + head] = score;
          if (score > most) most = score;
        }
        let sum = 0;
        for (let at = start; at < end; at += 1) {
          sum += parts[at * heads + head] = Math.exp(parts[at * heads + head]! - most);
        }
        const to = headOf(output, v, head, width);
        for (let at = start; at < end; at += 1) {
          parts[at * heads + head]! /= sum;
          const from = headOf(sources, nodes.neighbours[at]!, head, width);
          addScaled(to, parts[at * heads + head]!, from);
        }
      }
    }
    return parts;
  }

  #scatter(
    nodes: Nodes,
    parts: Float64Array,
    sources: Matrix,
    gradient: Matrix,
    sourceSlopes: Matrix,
    onScore: (v: number, u: number, head: number, slope: number) => void,
  ): void {
    const { width, heads } = this.#shape;
    for (let v = 0; v < gradient.rows; v += 1) {
      const [start, end] = [nodes.offsets[v]!, nodes.offsets[v + 1]!];
      for (let head = 0; head < heads; head += 1) {
        const wanted = headOf(gradient, v, head, width);
        const slopes = new Float64Array(end - start);
        let mean = 0;
        for (let at = start; at < end; at += 1) {
          const u = nodes.neighbours[at]!;
          const part = parts[at * heads + head]!;
          slopes[at - start] = dot(wanted, headOf(sources, u, head, width));
          mean += part * slopes[at - start]!;
          addScaled(headOf(sourceSlopes, u, head, width), part, wanted);
        }
        for (let at = start; at < end; at += 1) {
          const slope = parts[at * heads + head]! * (slopes[at - start]! - mean);
          onScore(v, nodes.neighbours[at]!, head, slope);
        }
      }
    }
  }

  /** Version 1: a is two halves, so that a score is a sum of a number of each end. */
  #scoreOne(mapped: Matrix): Scores {
    const { width, heads } = this.#shape;
    const [sourceScore, targetScore] = [this.sourceScore, this.targetScore!];
    const numbers = (weights: Parameter): Float64Array =>
      Float64Array.from({ length: mapped.rows * heads }, (_, at) => {
        const [node, head] = [Math.floor(at / heads), at % heads];
        return dot(rowOf(weights, head), headOf(mapped, node, head, width));
      });
    const [bySource, byTarget] = [numbers(sourceScore), numbers(targetScore)];
    const sum = (v: number, u: number, head: number): number =>
      byTarget[v * heads + head]! + bySource[u * heads + head]!;
    return {
      score: (v, u, head) => leaky(sum(v, u, head)),
      backward(v, u, head, slope, sourceSlopes, targetSlopes) {
        const bent = slope * leakySlope(sum(v, u, head));
        const ends = [
          [targetScore, v, targetSlopes],
          [sourceScore, u, sourceSlopes],
        ] as const;
        for (const [weights, node, slopes] of ends) {
          addScaled(rowOf(weights.gradient, head), bent, headOf(mapped, node, head, width));
          addScaled(headOf(slopes, node, head, width), bent, rowOf(weights, head));
        }
      },
    };
  }

  #scoreTwo(sources: Matrix, targets: Matrix): Scores {
    const { width } = this.#shape;
    const { sourceScore } = this;
    return {
      score(v, u, head) {
        const [a, t, s] = [
          rowOf(sourceScore, head),
          headOf(targets, v, head, width),
          headOf(sources, u, head, width),
        ];
        let sum = 0;
        for (let i = 0; i < width; i += 1) sum += a[i]! * leaky(t[i]! + s[i]!);
        return sum;
      },
      backward(v, u, head, slope, sourceSlopes, targetSlopes) {
        const [a, t, s] = [
          rowOf(sourceScore, head),
          headOf(targets, v, head, width),
          headOf(sources, u, head, width),
        ];
        const [toA, toT, toS] = [
          rowOf(sourceScore.gradient, head),
          headOf(targetSlopes, v, head, width),
          headOf(sourceSlopes, u, head, width),
        ];
        for (let i = 0; i < width; i += 1) {
          const sum = t[i]! + s[i]!;
          toA[i]! += slope * leaky(sum);
          const bent = slope * a[i]! * leakySlope(sum);
          toT[i]! += bent;
          toS[i]! += bent;
        }
      },
    };
  }
}

/** The score of neighbour u for node v, and where its slope goes. */
interface Scores {
  score(v: number, u: number, head: number): number;
  backward(
    v: number,
    u: number,
    head: number,
    slope: number,
    sourceSlopes: Matrix,
    targetSlopes: Matrix,
  ): void;
}

type Nodes = Pick<Adjacent, 'offsets' | 'neighbours'>;

/** Each node is a neighbour of its own (section 2.1: the neighbourhood includes i). */
function withThemselves({ offsets, neighbours }: Adjacent, count: number): Nodes {
  const made = new Uint32Array(neighbours.length + count);
  const moved = new Uint32Array(count + 1);
  for (let v = 0; v < count; v += 1) {
    const [start, end] = [offsets[v]!, offsets[v + 1]!];
    made.set(neighbours.subarray(start, end), start + v);
    made[end + v] = v;
    moved[v + 1] = end + v + 1;
  }
  return { offsets: moved, neighbours: made };
}

function headOf(matrix: Matrix, row: number, head: number, width: number): Float64Array {
  const start = row * matrix.columns + head * width;
  return matrix.values.subarray(start, start + width);
}

function leaky(x: number): number {
  return x > 0 ? x : SLOPE_BELOW_ZERO * x;
}

function leakySlope(x: number): number {
  return x > 0 ? 1 : SLOPE_BELOW_ZERO;
}
