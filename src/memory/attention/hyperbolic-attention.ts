/**
 * Hyperbolic attention (Gulcehre et al. 2019): scores are distances between points of the hyperboloid,
 * and what is read is the Einstein midpoint of the values in the Klein model.
 *
 * Rows are tangent vectors at the origin: u stands for the point [sinh|u| u/|u|, cosh|u|] of the
 * hyperboloid, which is tanh|u| u/|u| in the Klein model. What is read comes back as such a vector.
 */
import {
  addScaled,
  dot,
  type Matrix,
  rowOf,
  softmaxBackward,
  softmaxRows,
  times,
  timesTransposed,
  transposedTimes,
  zeros,
} from '../neural/matrix.js';
import type { AttentionKernel, AttentionStep } from './kernel.js';

/** Longest tangent vector; what is longer is cut, since cosh of it would cost all digits. */
const RADIUS_MAX = 8;
/** Nearer points have no direction from one to the other that rounding leaves. */
const COSH_DISTANCE_MIN = 1 + 1e-12;
/** Below, the quotients below are taken from their series. */
const RADIUS_SMALL = 1e-4;

/** softmax(-sharpness d(q, k)), the c of equation 3 cancels out. */
export function hyperbolicAttention(sharpness: number): AttentionKernel {
  return (queries, keys, values) => {
    const [q, k, v] = [cut(queries), cut(keys), cut(values)];
    const step = attend(q.rows, k.rows, v.rows, sharpness);
    return {
      output: step.output,
      backward(gradient) {
        const slopes = step.backward(gradient);
        return {
          queries: q.backward(slopes.queries),
          keys: k.backward(slopes.keys),
          values: v.backward(slopes.values),
        };
      },
    };
  };
}

function attend(queries: Matrix, keys: Matrix, values: Matrix, sharpness: number): AttentionStep {
  const [q, k, v] = [radiiOf(queries), radiiOf(keys), radiiOf(values)];
  // Section 3.1: cosh of the distance is minus the Lorentz product.
  const products = timesTransposed(queries, keys);
  const coshes = zeros(queries.rows, keys.rows);
  const parts = zeros(queries.rows, keys.rows);
  for (let i = 0, at = 0; i < queries.rows; i += 1) {
    for (let j = 0; j < keys.rows; j += 1, at += 1) {
      const lorentz = q.cosh[i]! * k.cosh[j]! - q.sinh[i]! * k.sinh[j]! * products.values[at]!;
      const cosh = Math.max(1, lorentz);
      coshes.values[at] = cosh;
      // Equation 6: a weight times the Lorentz factor of its value, which is cosh|v|.
      parts.values[at] = Math.log(v.cosh[j]!) - sharpness * Math.acosh(cosh);
    }
  }
  softmaxRows(parts);
  const klein = zeros(values.rows, values.columns);
  for (let j = 0; j < values.rows; j += 1) addScaled(rowOf(klein, j), v.tanh[j]!, rowOf(values, j));
  const midpoints = times(parts, klein);
  return {
    output: fromKlein(midpoints),
    backward(gradient) {
      const midpointSlopes = throughFromKlein(midpoints, gradient);
      const scoreSlopes = softmaxBackward(parts, timesTransposed(midpointSlopes, klein));
      const valueSlopes = transposedTimes(parts, midpointSlopes);
      throughKlein(values, v, valueSlopes, scoreSlopes);
      for (let at = 0; at < scoreSlopes.values.length; at += 1) {
        const cosh = coshes.values[at]!;
        const isApart = cosh > COSH_DISTANCE_MIN;
        const slope = isApart ? -sharpness / Math.sqrt(cosh * cosh - 1) : 0;
        scoreSlopes.values[at]! *= slope;
      }
      return {
        queries: throughPoints(queries, q, keys, k, products, scoreSlopes),
        keys: throughPoints(keys, k, queries, q, transposed(products), transposed(scoreSlopes)),
        values: valueSlopes,
      };
    },
  };
}

/** What the maps from tangent vectors need of each row; sinh and tanh are divided by the radius. */
interface Radii {
  readonly cosh: Float64Array;
  readonly sinh: Float64Array;
  readonly tanh: Float64Array;
  /** The slopes of the two quotients, divided by the radius once more. */
  readonly sinhSlope: Float64Array;
  readonly tanhSlope: Float64Array;
}

function radiiOf(rows: Matrix): Radii {
  const radii = Float64Array.from({ length: rows.rows }, (_, r) => {
    return Math.sqrt(dot(rowOf(rows, r), rowOf(rows, r)));
  });
  const of = (exact: (r: number) => number, series: (r: number) => number): Float64Array =>
    radii.map((r) => (r > RADIUS_SMALL ? exact(r) : series(r)));
  return {
    cosh: radii.map((r) => Math.cosh(r)),
    sinh: of(
      (r) => Math.sinh(r) / r,
      (r) => 1 + (r * r) / 6,
    ),
    tanh: of(
      (r) => Math.tanh(r) / r,
      (r) => 1 - (r * r) / 3,
    ),
    sinhSlope: of(
      (r) => (Math.cosh(r) - Math.sinh(r) / r) / (r * r),
      () => 1 / 3,
    ),
    tanhSlope: of(
      (r) => (1 - Math.tanh(r) ** 2 - Math.tanh(r) / r) / (r * r),
      () => -2 / 3,
    ),
  };
}

/** From the slopes of the cosh of each distance to those of one of its ends. */
function throughPoints(
  ends: Matrix,
  own: Radii,
  others: Matrix,
  other: Radii,
  products: Matrix,
  slopes: Matrix,
): Matrix {
  const made = zeros(ends.rows, ends.columns);
  for (let i = 0, at = 0; i < ends.rows; i += 1) {
    const to = rowOf(made, i);
    let along = 0;
    for (let j = 0; j < others.rows; j += 1, at += 1) {
      const slope = slopes.values[at]!;
      const bent = own.sinhSlope[i]! * other.sinh[j]! * products.values[at]!;
      along += slope * (own.sinh[i]! * other.cosh[j]! - bent);
      addScaled(to, -slope * own.sinh[i]! * other.sinh[j]!, rowOf(others, j));
    }
    addScaled(to, along, rowOf(ends, i));
  }
  return made;
}

/** In place: from slopes in the Klein model, and those of the scores, to those of tangent vectors. */
function throughKlein(values: Matrix, v: Radii, slopes: Matrix, scoreSlopes: Matrix): void {
  for (let j = 0; j < values.rows; j += 1) {
    const [value, slope] = [rowOf(values, j), rowOf(slopes, j)];
    let lorentz = 0;
    for (let i = 0; i < scoreSlopes.rows; i += 1) {
      lorentz += scoreSlopes.values[i * scoreSlopes.columns + j]!;
    }
    const along = v.tanhSlope[j]! * dot(value, slope) + lorentz * v.tanh[j]!;
    for (let i = 0; i < slope.length; i += 1) {
      slope[i] = v.tanh[j]! * slope[i]! + along * value[i]!;
    }
  }
}

/** atanh|m| m/|m|: the tangent vector of a point of the Klein model. */
function fromKlein(points: Matrix): Matrix {
  const made = zeros(points.rows, points.columns);
  for (let r = 0; r < points.rows; r += 1) {
    addScaled(rowOf(made, r), stretchOf(rowOf(points, r)).factor, rowOf(points, r));
  }
  return made;
}

function throughFromKlein(points: Matrix, gradient: Matrix): Matrix {
  const made = zeros(points.rows, points.columns);
  for (let r = 0; r < points.rows; r += 1) {
    const [point, wanted, to] = [rowOf(points, r), rowOf(gradient, r), rowOf(made, r)];
    const { factor, slope } = stretchOf(point);
    addScaled(to, factor, wanted);
    addScaled(to, slope * dot(point, wanted), point);
  }
  return made;
}

/** atanh(r) / r of a point, and its slope divided by r. */
function stretchOf(point: Float64Array): { readonly factor: number; readonly slope: number } {
  const square = dot(point, point);
  const radius = Math.sqrt(square);
  if (radius <= RADIUS_SMALL) return { factor: 1 + square / 3, slope: 2 / 3 };
  const factor = Math.atanh(radius) / radius;
  return { factor, slope: (1 / (1 - square) - factor) / square };
}

function transposed(from: Matrix): Matrix {
  const made = zeros(from.columns, from.rows);
  for (let r = 0; r < from.rows; r += 1) {
    for (let c = 0; c < from.columns; c += 1) {
      made.values[c * from.rows + r] = from.values[r * from.columns + c]!;
    }
  }
  return made;
}

/** Rows that are too long keep their direction. */
function cut(rows: Matrix): { readonly rows: Matrix; backward(gradient: Matrix): Matrix } {
  const kept = { ...rows, values: rows.values.slice() };
  const radii = new Float64Array(rows.rows);
  for (let r = 0; r < rows.rows; r += 1) {
    const row = rowOf(kept, r);
    const radius = Math.sqrt(dot(row, row));
    radii[r] = radius;
    if (radius > RADIUS_MAX) for (let i = 0; i < row.length; i += 1) row[i]! *= RADIUS_MAX / radius;
  }
  return {
    rows: kept,
    backward(gradient) {
      const made = { ...gradient, values: gradient.values.slice() };
      for (const [r, radius] of radii.entries()) {
        if (radius <= RADIUS_MAX) continue;
        const [row, slope] = [rowOf(kept, r), rowOf(made, r)];
        const along = dot(row, slope) / RADIUS_MAX ** 2;
        addScaled(slope, -along, row);
        for (let i = 0; i < slope.length; i += 1) slope[i]! *= RADIUS_MAX / radius;
      }
      return made;
    },
  };
}
