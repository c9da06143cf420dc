/** The centroids of product quantization: what `trainCodebook` makes and an index is created with. */
import { invalid, MemoryError } from '../errors.js';
import { VECTOR_DIMENSIONS_MAX } from '../limits.js';
import { METRICS, type Metric } from './metric.js';
import { CENTROIDS, COMPONENT_MAX } from './limits.js';

const VERSION = 1;
/** Version, dimensions, subvectors, metric: words of 32 bits. */
const HEAD_WORDS = 4;
const WORD_BYTES = 4;

export interface CodebookSettings {
  readonly dimensions: number;
  /** Bytes of a code, from 1 to the dimensions. Where these do not divide, widths differ by one. */
  readonly subvectors: number;
  readonly metric: Metric;
}

/** 256 centroids for each subvector. It never changes: an index may share it with others. */
export class Codebook implements CodebookSettings {
  readonly dimensions: number;
  readonly subvectors: number;
  readonly metric: Metric;
  /** Component i of centroid k of the subvector that it belongs to, at 256 * i + k. */
  readonly #centroids: Float32Array;

  /** Throws `invalid` for settings out of range, a wrong length, or a number that is not finite. */
  constructor({ dimensions, subvectors, metric }: CodebookSettings, centroids: Float32Array) {
    if (!isCount(dimensions, VECTOR_DIMENSIONS_MAX)) {
      throw invalid(`a codebook is for 1 to ${VECTOR_DIMENSIONS_MAX} dimensions`);
    }
    if (!isCount(subvectors, dimensions)) {
      throw invalid(`vectors of ${dimensions} dimensions have 1 to ${dimensions} subvectors`);
    }
    if (!METRICS.includes(metric)) throw invalid(`there is no metric ${String(metric)}`);
    if (!(centroids instanceof Float32Array) || centroids.length !== dimensions * CENTROIDS) {
      throw invalid(`the centroids are a Float32Array of ${dimensions * CENTROIDS} numbers`);
    }
    if (centroids.some((value) => !(Math.abs(value) <= COMPONENT_MAX))) {
      throw invalid('a centroid of the codebook has a component that is NaN or too large');
    }
    this.dimensions = dimensions;
    this.subvectors = subvectors;
    this.metric = metric;
    this.#centroids = Float32Array.from(centroids);
  }

  /** For the kernels, which do not change it. */
  get centroids(): Float32Array {
    return this.#centroids;
  }

  /** Little-endian, with a version in front; `Codebook.decode` reads it. */
  encode(): Buffer {
    const words = HEAD_WORDS + this.#centroids.length;
    const bytes = Buffer.alloc(words * WORD_BYTES);
    const head = [VERSION, this.dimensions, this.subvectors, METRICS.indexOf(this.metric)];
    for (const [at, word] of head.entries()) bytes.writeUInt32LE(word, at * WORD_BYTES);
    for (const [at, value] of this.#centroids.entries()) {
      bytes.writeFloatLE(value, (HEAD_WORDS + at) * WORD_BYTES);
    }
    return bytes;
  }

  /** Throws `damaged` for what `encode` does not write, `newer-version` for a later format. */
  static decode(bytes: Uint8Array): Codebook {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < HEAD_WORDS * WORD_BYTES) throw damaged();
    if (view.getUint32(0, true) > VERSION) {
      throw new MemoryError('newer-version', 'the codebook was written by a newer release');
    }
    const dimensions = view.getUint32(4, true);
    const metric = METRICS[view.getUint32(12, true)];
    const isWhole =
      view.getUint32(0, true) === VERSION &&
      isCount(dimensions, VECTOR_DIMENSIONS_MAX) &&
      bytes.length === codebookBytes(dimensions);
    if (!isWhole || metric === undefined) throw damaged();
    const centroids = new Float32Array(dimensions * CENTROIDS);
    for (let at = 0; at < centroids.length; at += 1) {
      centroids[at] = view.getFloat32((HEAD_WORDS + at) * WORD_BYTES, true);
    }
    try {
      return new Codebook({ dimensions, subvectors: view.getUint32(8, true), metric }, centroids);
    } catch (error) {
      throw error instanceof MemoryError ? damaged() : error;
    }
  }
}

/** Length of an encoded codebook. */
export function codebookBytes(dimensions: number): number {
  return (HEAD_WORDS + dimensions * CENTROIDS) * WORD_BYTES;
}

function isCount(value: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= most;
}

function damaged(): MemoryError {
  return new MemoryError('damaged', 'the bytes are no codebook; train one anew');
}
