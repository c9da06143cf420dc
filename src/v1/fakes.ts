/**
 * Recognises the stand-ins that v1 stored where it had no model, by their form alone and whatever the
 * text was. Each is a sum of two sine waves over the index of the component: those of agentic-flow have
 * the frequencies f and 2f for a number f made of the text, those of agentdb always 15.5 and 46.5. Such
 * a sequence obeys x[n+2] + x[n-2] = p (x[n+1] + x[n-1]) - q x[n], which no embedding of a model does.
 */

export type VectorOrigin =
  /** The hash of agentic-flow 1.7 (1,024 dimensions) to 1.10 (384). */
  | 'hash'
  /** The hash of agentdb. */
  | 'agentdb-hash'
  /** All components are the same number, or there is a NaN or an infinity among them. */
  | 'no-vector'
  /** Anything else: a model, or numbers of a program. */
  | 'other';

/** What is left beside two waves, of the whole; rounding to float32 leaves 1e-6, a model 0.3 or more. */
const REST_MAX = 1e-3;
/** Of x and y in square: 1 minus the square of the cosine between them. */
const ONE_WAVE = 1e-9;
/** Frequencies of agentdb: 31 * 1.5 and 31 * 0.5 radians a component. */
const AGENTDB_WAVES = [31 * 1.5, 31 * 0.5] as const;
/** How near the two coefficients have to come; a hash of a text comes so near once in 10^6 texts. */
const COEFFICIENT_TOLERANCE = 1e-3;

export function originOf(vector: ArrayLike<number>): VectorOrigin {
  const sums = sumsOf(vector);
  if (sums === undefined) return 'no-vector';
  const { xx, xy, yy, xz, yz, zz } = sums;
  const determinant = xx * yy - xy * xy;
  // The two frequencies are so near, or one wave is so flat, that there is only one: y = c x.
  if (determinant <= ONE_WAVE * xx * yy) return xx > 0 ? 'hash' : 'other';
  const p = (yz * xx - xz * xy) / determinant;
  const q = (yz * xy - xz * yy) / determinant;
  const rest = zz + p * p * yy + q * q * xx - 2 * p * yz + 2 * q * xz - 2 * p * q * xy;
  if (rest > REST_MAX * REST_MAX * xx) return 'other';
  const [a, b] = AGENTDB_WAVES.map((frequency) => 2 * Math.cos(frequency)) as [number, number];
  const isAgentdb =
    Math.abs(p - (a + b)) < COEFFICIENT_TOLERANCE &&
    Math.abs(q - (2 + a * b)) < COEFFICIENT_TOLERANCE;
  return isAgentdb ? 'agentdb-hash' : 'hash';
}

interface Sums {
  /** Products of x[n], y = x[n+1] + x[n-1] and z = x[n+2] + x[n-2], summed over n. */
  readonly xx: number;
  readonly xy: number;
  readonly yy: number;
  readonly xz: number;
  readonly yz: number;
  readonly zz: number;
}

function sumsOf(vector: ArrayLike<number>): Sums | undefined {
  const sums = { xx: 0, xy: 0, yy: 0, xz: 0, yz: 0, zz: 0 };
  const at = (i: number): number => vector[i] ?? 0;
  let isConstant = true;
  for (let i = 0; i < vector.length; i += 1) {
    if (!Number.isFinite(at(i))) return undefined;
    if (at(i) !== at(0)) isConstant = false;
    if (i < 2 || i > vector.length - 3) continue;
    const x = at(i);
    const y = at(i + 1) + at(i - 1);
    const z = at(i + 2) + at(i - 2);
    sums.xx += x * x;
    sums.xy += x * y;
    sums.yy += y * y;
    sums.xz += x * z;
    sums.yz += y * z;
    sums.zz += z * z;
  }
  return isConstant || vector.length === 0 ? undefined : sums;
}
