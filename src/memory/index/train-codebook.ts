/**
 * Training of product quantization (Jegou, Douze and Schmid 2011): Lloyd's algorithm for each subvector over a
 * sample of the vectors. The kernel in use finds the nearest centroids, the same ones on every rung; the
 * means are taken here in a fixed order. So a seed gives the same codebook everywhere.
 */
import { invalid } from '../errors.js';
import { VECTOR_DIMENSIONS_MAX } from '../limits.js';
import { Codebook } from './codebook.js';
import { checked, type Kernel } from './kernel.js';
import {
  CENTROIDS,
  TRAINING_ROUNDS_DEFAULT,
  TRAINING_ROUNDS_MAX,
  TRAINING_SAMPLES_DEFAULT,
  TRAINING_SAMPLES_MAX,
  TRAINING_STEP_MULTIPLICATIONS,
} from './limits.js';
import { METRICS, type Metric } from './metric.js';
import { createKernel } from './rung.js';
import { nextTurn } from '../pace.js';
import { SeededRandom } from '../seeded-random.js';

export interface TrainingOptions {
  /** Bytes of a code, from 1 to the dimensions. Where these do not divide, widths differ by one. */
  readonly subvectors: number;
  /** Of the index that the codebook is for; `cosine` unless given. */
  readonly metric?: Metric;
  /** Rounds of Lloyd's algorithm, 1 to 100, 12 unless given; it ends earlier when nothing moves. */
  readonly rounds?: number;
  /** Most vectors that are looked at, 256 to 100,000, 16,384 unless given; drawn from all of them. */
  readonly samples?: number;
  /** Of the draws: the same numbers give the same codebook. 1 unless given. */
  readonly seed?: number;
  /** Called after each step with the part that is done, from 0 to 1. */
  readonly onProgress?: (part: number) => void;
  /** Its reason is thrown at the next step. */
  readonly signal?: AbortSignal;
}

interface Training {
  readonly dimensions: number;
  readonly subvectors: number;
  readonly metric: Metric;
  readonly rounds: number;
  readonly samples: Float32Array;
  readonly count: number;
  readonly random: SeededRandom;
}

/**
 * A codebook for vectors like these, at least 256 of one length. The event loop goes on between steps of
 * a few milliseconds. Throws `invalid` for too few vectors, options out of range, and vectors that an index
 * would not take.
 */
export async function trainCodebook(
  vectors: readonly Float32Array[],
  options: TrainingOptions,
): Promise<Codebook> {
  const steps = trainInSteps(vectors, options);
  for (;;) {
    options.signal?.throwIfAborted();
    const step = steps.next();
    if (step.done === true) return step.value;
    options.onProgress?.(step.value);
    await nextTurn();
  }
}

function* trainInSteps(
  vectors: readonly Float32Array[],
  options: TrainingOptions,
): Generator<number, Codebook> {
  const training = prepareTraining(vectors, options);
  const { dimensions, subvectors, metric, rounds } = training;
  let centroids = firstCentroids(training);
  for (let round = 0; round < rounds; round += 1) {
    const codebook = new Codebook({ dimensions, subvectors, metric: 'dot' }, centroids);
    const codes = yield* nearestOf(training, codebook, round);
    const next = meansOf(training, codes, centroids);
    if (next === undefined) break;
    centroids = next;
  }
  return new Codebook({ dimensions, subvectors, metric }, centroids);
}

function prepareTraining(vectors: readonly Float32Array[], options: TrainingOptions): Training {
  const { subvectors, metric = 'cosine', rounds = TRAINING_ROUNDS_DEFAULT } = options;
  const { samples = TRAINING_SAMPLES_DEFAULT, seed = 1 } = options;
  const dimensions = vectors[0]?.length ?? 0;
  if (!METRICS.includes(metric)) throw invalid(`there is no metric ${String(metric)}`);
  checkCount('the number of rounds', rounds, 1, TRAINING_ROUNDS_MAX);
  checkCount('the number of samples', samples, CENTROIDS, TRAINING_SAMPLES_MAX);
  checkCount('the seed', seed, 0, 0xffffffff);
  if (vectors.length < CENTROIDS) {
    throw invalid(`${vectors.length} vectors are too few to train on; give ${CENTROIDS} or more`);
  }
  checkCount('the number of dimensions', dimensions, 1, VECTOR_DIMENSIONS_MAX);
  checkCount('the number of subvectors', subvectors, 1, dimensions);
  const random = new SeededRandom(seed);
  const drawn = drawDistinct(random, vectors.length, Math.min(samples, vectors.length));
  const rows = new Float32Array(drawn.length * dimensions);
  // An index says what is wrong with a vector, and brings one of cosine to length 1.
  const kernel = createKernel({ dimensions, metric, neighbours: 2, breadth: 2, codes: 'int8' });
  try {
    for (const [at, from] of drawn.entries()) {
      const vector = vectors[from]!;
      if (!(vector instanceof Float32Array) || vector.length !== dimensions) {
        throw invalid(`vector ${from} is no Float32Array of ${dimensions} components`);
      }
      readThrough(kernel, vector, rows.subarray(at * dimensions, (at + 1) * dimensions));
    }
  } finally {
    kernel.destroy();
  }
  return { dimensions, subvectors, metric, rounds, samples: rows, count: drawn.length, random };
}

function readThrough(kernel: Kernel, vector: Float32Array, out: Float32Array): void {
  const slot = checked(kernel.add(vector, 0));
  const read = new Float32Array(out.length);
  checked(kernel.vector(slot, read));
  checked(kernel.remove(slot));
  out.set(read);
}

/** Of each subvector the parts of as many samples as there are centroids, drawn apart. */
function firstCentroids(training: Training): Float32Array {
  const { dimensions, samples, count, random } = training;
  const centroids = new Float32Array(dimensions * CENTROIDS);
  for (const { from, to } of subvectorsOf(training)) {
    for (const [k, row] of drawDistinct(random, count, CENTROIDS).entries()) {
      for (let i = from; i < to; i += 1) {
        centroids[i * CENTROIDS + k] = samples[row * dimensions + i]!;
      }
    }
  }
  return centroids;
}

function* subvectorsOf({
  dimensions,
  subvectors,
}: Pick<Training, 'dimensions' | 'subvectors'>): Generator<{
  s: number;
  from: number;
  to: number;
}> {
  const start = (s: number): number => Math.floor((s * dimensions) / subvectors);
  for (let s = 0; s < subvectors; s += 1) yield { s, from: start(s), to: start(s + 1) };
}

/** The code of each sample, in steps of a few milliseconds. */
function* nearestOf(
  training: Training,
  codes: Codebook,
  round: number,
): Generator<number, Uint8Array> {
  const { dimensions, subvectors, samples, count, rounds } = training;
  // Samples have their length already: compared as they are.
  const settings = { dimensions, metric: 'dot', neighbours: 2, breadth: 2, codes } as const;
  const kernel = createKernel(settings);
  const out = new Uint8Array(count * subvectors);
  const each = Math.max(1, Math.floor(TRAINING_STEP_MULTIPLICATIONS / (dimensions * CENTROIDS)));
  try {
    for (let from = 0; from < count; from += each) {
      const to = Math.min(count, from + each);
      const values = samples.subarray(from * dimensions, to * dimensions);
      checked(kernel.encode(values, to - from, out.subarray(from * subvectors, to * subvectors)));
      yield (round + to / count) / rounds;
    }
  } finally {
    kernel.destroy();
  }
  return out;
}

/** The mean of the samples of each centroid. Undefined where that changes none. */
function meansOf(
  training: Training,
  codes: Uint8Array,
  before: Float32Array,
): Float32Array | undefined {
  const { dimensions, subvectors, samples, count, random } = training;
  const sums = new Float64Array(dimensions * CENTROIDS);
  const means = new Float32Array(dimensions * CENTROIDS);
  for (const { s, from, to } of subvectorsOf(training)) {
    const members = new Uint32Array(CENTROIDS);
    for (let row = 0; row < count; row += 1) {
      const code = codes[row * subvectors + s]!;
      members[code]! += 1;
      for (let i = from; i < to; i += 1) {
        sums[i * CENTROIDS + code]! += samples[row * dimensions + i]!;
      }
    }
    for (let k = 0; k < CENTROIDS; k += 1) {
      // One that is nearest to no sample begins anew at one of them.
      const row = members[k] === 0 ? Math.floor(random.fraction() * count) : -1;
      for (let i = from; i < to; i += 1) {
        const at = i * CENTROIDS + k;
        means[at] = row < 0 ? sums[at]! / members[k]! : samples[row * dimensions + i]!;
      }
    }
  }
  return means.some((value, at) => value !== before[at]) ? means : undefined;
}

/** Different whole numbers below `below`, in the order drawn (Floyd's would not keep it). */
function drawDistinct(random: SeededRandom, below: number, count: number): Uint32Array {
  const all = Uint32Array.from({ length: below }, (_, at) => at);
  for (let at = 0; at < count; at += 1) {
    const other = at + Math.floor(random.fraction() * (below - at));
    [all[at], all[other]] = [all[other]!, all[at]!];
  }
  return all.slice(0, count);
}

function checkCount(what: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw invalid(`${what} is ${String(value)}; it may be ${least} to ${most}`);
  }
}
