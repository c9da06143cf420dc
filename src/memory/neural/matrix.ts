/** Matrices of doubles, one row behind the other, and the three products that layers need. */
import { assert } from '../errors.js';

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

/** What a layer gives, and the way back: from the gradient of what it gave to that of what it got. */
export interface Step {
  readonly output: Matrix;
  /** Adds to the gradients of the parameters. The shape is that of the output. */
  backward(gradient: Matrix): Matrix;
}

export function zeros(rows: number, columns: number): Matrix {
  return { rows, columns, values: new Float64Array(rows * columns) };
}

export function matrixOf(rows: readonly ArrayLike<number>[]): Matrix {
  const columns = rows[0]?.length ?? 0;
  const made = zeros(rows.length, columns);
  for (const [at, row] of rows.entries()) {
    assert(row.length === columns, 'the rows of a matrix have one length');
    made.values.set(row, at * columns);
  }
  return made;
}

/** A view, not a copy. */
export function rowOf({ columns, values }: Matrix, row: number): Float64Array {
  return values.subarray(row * columns, (row + 1) * columns);
}

/** Four sums at once, since each addition waits for the one before it. */
export function dot(a: Float64Array, b: Float64Array): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < a.length; i += 4) {
    s += a[i]! * b[i]!;
    t += a[i + 1]! * b[i + 1]!;
    u += a[i + 2]! * b[i + 2]!;
    v += a[i + 3]! * b[i + 3]!;
  }
  for (; i < a.length; i += 1) s += a[i]! * b[i]!;
  return s + t + u + v;
}

/** Adds `factor` times a row to another one. */
export function addScaled(to: Float64Array, factor: number, row: Float64Array): void {
  for (let i = 0; i < to.length; i += 1) to[i]! += factor * row[i]!;
}

/** a b^T: the inner products of all rows of one with all rows of the other. */
export function timesTransposed(a: Matrix, b: Matrix): Matrix {
  assert(a.columns === b.columns, 'rows of one length are multiplied');
  const made = zeros(a.rows, b.rows);
  const width = a.columns;
  const [x, y, to] = [a.values, b.values, made.values];
  for (let i = 0; i < a.rows; i += 1) {
    const start = i * width;
    let j = 0;
    // Four rows at once: each number of the first row is read once for all of them.
    for (; j + 3 < b.rows; j += 4) {
      let [s, t, u, v] = [0, 0, 0, 0];
      const [p, q, r, w] = [j * width, (j + 1) * width, (j + 2) * width, (j + 3) * width];
      for (let k = 0; k < width; k += 1) {
        const factor = x[start + k]!;
        s += factor * y[p + k]!;
        t += factor * y[q + k]!;
        u += factor * y[r + k]!;
        v += factor * y[w + k]!;
      }
      const at = i * b.rows + j;
      to[at] = s;
      to[at + 1] = t;
      to[at + 2] = u;
      to[at + 3] = v;
    }
    for (; j < b.rows; j += 1) to[i * b.rows + j] = dot(rowOf(a, i), rowOf(b, j));
  }
  return made;
}

/** Adds all rows of `b` to one row of `to`, each with its factor: the first at `firstFactor`, then by stride. */
function addRows(
  to: Matrix,
  row: number,
  b: Matrix,
  factors: Float64Array,
  firstFactor: number,
  stride: number,
): void {
  const width = b.columns;
  const [z, y] = [to.values, b.values];
  const start = row * width;
  let k = 0;
  // Four rows at once: each sum is read and written once for all of them.
  for (; k + 3 < b.rows; k += 4) {
    const s = factors[firstFactor + k * stride]!;
    const t = factors[firstFactor + (k + 1) * stride]!;
    const u = factors[firstFactor + (k + 2) * stride]!;
    const v = factors[firstFactor + (k + 3) * stride]!;
    // Behind a function that cuts at zero many are.
    if (s === 0 && t === 0 && u === 0 && v === 0) continue;
    const [p, q, r, w] = [k * width, (k + 1) * width, (k + 2) * width, (k + 3) * width];
    for (let i = 0; i < width; i += 1) {
      z[start + i]! += s * y[p + i]! + t * y[q + i]! + u * y[r + i]! + v * y[w + i]!;
    }
  }
  for (; k < b.rows; k += 1)
    addScaled(rowOf(to, row), factors[firstFactor + k * stride]!, rowOf(b, k));
}

/** a b. */
export function times(a: Matrix, b: Matrix): Matrix {
  assert(a.columns === b.rows, 'a matrix has as many columns as the next one has rows');
  const made = zeros(a.rows, b.columns);
  for (let i = 0; i < a.rows; i += 1) addRows(made, i, b, a.values, i * a.columns, 1);
  return made;
}

/** a^T b, added to `to`. */
export function addTransposedTimes(to: Matrix, a: Matrix, b: Matrix): void {
  assert(a.rows === b.rows, 'columns of one length are multiplied');
  assert(to.rows === a.columns && to.columns === b.columns, 'the sum has the shape of the product');
  for (let i = 0; i < a.columns; i += 1) addRows(to, i, b, a.values, i, a.columns);
}

/** a^T b. */
export function transposedTimes(a: Matrix, b: Matrix): Matrix {
  const made = zeros(a.columns, b.columns);
  addTransposedTimes(made, a, b);
  return made;
}

/** Columns from `start` on, copied. */
export function columnsOf(from: Matrix, start: number, count: number): Matrix {
  const made = zeros(from.rows, count);
  for (let r = 0; r < from.rows; r += 1) {
    rowOf(made, r).set(rowOf(from, r).subarray(start, start + count));
  }
  return made;
}

/** Puts columns in their place from `start` on. */
export function setColumns(to: Matrix, start: number, columns: Matrix): void {
  for (let r = 0; r < to.rows; r += 1) rowOf(to, r).set(rowOf(columns, r), start);
}

/** The rows with these numbers, copied. */
export function pickRows(from: Matrix, rows: ArrayLike<number>): Matrix {
  const made = zeros(rows.length, from.columns);
  for (let at = 0; at < rows.length; at += 1) rowOf(made, at).set(rowOf(from, rows[at]!));
  return made;
}

export function addTo(to: Matrix, from: Matrix): void {
  addScaled(to.values, 1, from.values);
}

/** Each row becomes exp(x - most), divided by its sum; in place. */
export function softmaxRows(scores: Matrix): void {
  for (let r = 0; r < scores.rows; r += 1) {
    const row = rowOf(scores, r);
    let most = -Infinity;
    for (const score of row) if (score > most) most = score;
    let sum = 0;
    for (let i = 0; i < row.length; i += 1) {
      row[i] = Math.exp(row[i]! - most);
      sum += row[i]!;
    }
    for (let i = 0; i < row.length; i += 1) row[i]! /= sum;
  }
}

/** From the gradient of what `softmaxRows` gave to that of its scores. */
export function softmaxBackward(softmax: Matrix, gradient: Matrix): Matrix {
  const made = zeros(softmax.rows, softmax.columns);
  for (let r = 0; r < softmax.rows; r += 1) {
    const [part, wanted, to] = [rowOf(softmax, r), rowOf(gradient, r), rowOf(made, r)];
    const mean = dot(part, wanted);
    for (let i = 0; i < to.length; i += 1) to[i] = part[i]! * (wanted[i]! - mean);
  }
  return made;
}
