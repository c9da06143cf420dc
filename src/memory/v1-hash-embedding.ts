/**
 * The stand-in vector that v1 stores when it has no model: sines and cosines of a 31-based hash of
 * the text's UTF-16 units. 1.8 to 1.10 use 384 dimensions with equal amplitudes, 1.7 uses 1,024 with
 * amplitudes 0.1 and 0.05. Recomputed to write what v1 would have written and to recognise it.
 */

interface Amplitudes {
  readonly sine: number;
  readonly cosine: number;
}

const FORMULA_1_7: Amplitudes = { sine: 0.1, cosine: 0.05 };
const FORMULA_1_10: Amplitudes = { sine: 1, cosine: 1 };
const DIMENSIONS_1_7 = 1024;
/** Components compared to recognise a hash vector; a match by chance needs all of them. */
const COMPARED_COMPONENTS = 8;

function hash(text: string): number {
  let value = 0;
  for (let i = 0; i < text.length; i += 1) {
    value = (Math.imul(value, 31) + text.charCodeAt(i)) | 0;
  }
  return Math.abs(value);
}

function compute(text: string, dimensions: number, { sine, cosine }: Amplitudes): Float32Array {
  const seed = hash(text);
  const vector = new Float32Array(dimensions);
  let squares = 0;
  for (let i = 0; i < dimensions; i += 1) {
    vector[i] = Math.sin(seed * (i + 1) * 0.01) * sine + Math.cos(seed * i * 0.02) * cosine;
    squares += (vector[i] ?? 0) ** 2;
  }
  const length = Math.sqrt(squares);
  if (length > 0) for (let i = 0; i < dimensions; i += 1) vector[i] = (vector[i] ?? 0) / length;
  return vector;
}

/** The vector that the v1 release of a file with this many dimensions stores for a text. */
export function v1HashEmbedding(text: string, dimensions: number): Float32Array {
  return compute(text, dimensions, dimensions === DIMENSIONS_1_7 ? FORMULA_1_7 : FORMULA_1_10);
}

/** Whether a stored vector is the hash of one of the texts, by either formula. */
export function isV1HashEmbedding(vector: Float32Array, texts: readonly string[]): boolean {
  return texts.some((text) =>
    [FORMULA_1_10, FORMULA_1_7].some((formula) => {
      const expected = compute(text, vector.length, formula);
      const compared = expected.subarray(0, COMPARED_COMPONENTS);
      return compared.every((value, i) => Math.abs(value - (vector[i] ?? 0)) < 1e-6);
    }),
  );
}
