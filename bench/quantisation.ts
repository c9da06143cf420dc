import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  HnswIndex,
  trainCodebook,
  type Codes,
  type HnswSearchOptions,
} from '../src/memory/index/index.js';
import type { Bench, Measurements } from './harness.js';
import {
  makeDataSet,
  NEAREST,
  packageOf,
  readDataSet,
  rowOf,
  type DataSet,
  type DataSetName,
  type DataSize,
} from './vectors/data.js';
import { BUILD_BREADTH, NEIGHBOURS } from './vectors/measured-index.js';
import { missingPackage } from './vectors/peers.js';

export type QuantisationBenchSize = Readonly<Partial<Record<DataSetName, DataSize>>>;

const usual: QuantisationBenchSize = {
  glove: { vectors: 50_000, queries: 200 },
  wordnet: { vectors: 50_000, queries: 200 },
};
/** Part of the vectors that a graph is made of. */
const linkedPart = 1 / 5;
/** efSearch. */
const breadths = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096];
const recallWanted = 0.95;

/** The codes of one subject for vectors of so many dimensions. */
type MakeCodes = (vectors: readonly Float32Array[]) => Codes | Promise<Codes>;

const kinds: Readonly<Record<string, MakeCodes>> = {
  int8: () => 'int8',
  float16: () => 'float16',
  rabitq4: () => 'rabitq4',
  rabitq2: () => 'rabitq2',
  rabitq1: () => 'rabitq1',
  // A byte for so many components in a row.
  'product, 4 a byte': (vectors) => trained(vectors, Math.ceil(vectors[0]!.length / 4)),
  'product, 8 a byte': (vectors) => trained(vectors, Math.ceil(vectors[0]!.length / 8)),
  'product, 8 by 256': (vectors) => trained(vectors, 8),
};

function trained(vectors: readonly Float32Array[], subvectors: number): Promise<Codes> {
  return trainCodebook(vectors, { subvectors });
}

/**
 * What each kind of codes costs and finds on real vectors, by cosine: bytes of the codes of a vector; recall@10 of a
 * comparison with all codes, alone and after the default rescoring; processor seconds of the training. And of a graph of
 * a fifth of the vectors, with M 16 and efConstruction 200: processor seconds to code and link them, and the
 * queries a second of processor time at the smallest efSearch whose recall@10 is at least 0.95 with all
 * candidates rescored.
 */
export function quantisationBench(size: QuantisationBenchSize = usual): Bench {
  const sets = Object.keys(size) as DataSetName[];
  const missing = sets.map((set) => missingPackage(packageOf(set))).find(Boolean);
  const data = new Map<DataSetName, DataSet>();
  const notes = new Map<string, string>();
  const names = Object.keys(kinds);
  return {
    description: 'bytes, recall@10 and speed of each kind of codes of the vector index',
    roundsDefault: 1,
    metrics: Object.fromEntries(
      sets.flatMap((set) => [
        [`${set}-bytes`, 'a vector'],
        [`${set}-recall`, ''],
        [`${set}-rescored`, ''],
        [`${set}-train`, 'CPU seconds'],
        [`${set}-build`, 'CPU seconds'],
        [`${set}-queries`, 'a CPU second'],
        [`${set}-breadth`, 'efSearch'],
      ]),
    ),
    subjects:
      missing !== undefined
        ? []
        : names.map((name) => ({
            name,
            prepare: () => prepareData(size, data),
            run: async () => {
              const measured: Record<string, number> = {};
              for (const set of sets) {
                const found = await measure(data.get(set)!, kinds[name]!);
                for (const [metric, value] of Object.entries(found)) {
                  measured[`${set}-${metric}`] = value;
                }
                if (found['queries'] === undefined) {
                  notes.set(`${name} ${set}`, `${name} does not reach ${recallWanted} of ${set}.`);
                }
              }
              return measured;
            },
          })),
    ratios: [],
    absent: missing === undefined ? [] : names.map((subject) => ({ subject, reason: missing })),
    notes: () => [
      ...sets.map((set) => `${set}: ${size[set]!.vectors} vectors, ${size[set]!.queries} queries.`),
      ...notes.values(),
    ],
  };
}

async function prepareData(
  size: QuantisationBenchSize,
  data: Map<DataSetName, DataSet>,
): Promise<void> {
  if (data.size > 0) return;
  const root = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
  try {
    for (const [set, each] of Object.entries(size) as [DataSetName, DataSize][]) {
      data.set(set, readDataSet(await makeDataSet(set, each, root)));
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Of all threads of the process. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function measure(data: DataSet, makeCodes: MakeCodes): Promise<Measurements> {
  const { dimensions } = data;
  const count = data.vectors.length / dimensions;
  const vectors = Array.from({ length: count }, (_, at) => rowOf(data.vectors, dimensions, at));
  const started = cpuSeconds();
  const codes = await makeCodes(vectors);
  const train = cpuSeconds() - started;
  const compared = compareAll(data, vectors, codes);
  return { ...compared, train, ...walkGraph(data, vectors.slice(0, count * linkedPart), codes) };
}

/** What is not linked is compared one by one: recall of the codes alone, and rescored as by default. */
function compareAll(data: DataSet, vectors: readonly Float32Array[], codes: Codes): Measurements {
  const index = HnswIndex.create({ dimensions: data.dimensions, codes });
  try {
    for (const [at, vector] of vectors.entries()) index.put(String(at), vector);
    const truth = Array.from({ length: queriesOf(data) }, (_, at) =>
      Array.from(data.truth.subarray(at * NEAREST, (at + 1) * NEAREST), String),
    );
    const alone = sweepOne(index, data, truth, { limit: NEAREST, rescore: 0 });
    const rescored = sweepOne(index, data, truth, { limit: NEAREST });
    const bytes = index.describe().codeBytes;
    return { bytes, recall: alone.recall, rescored: rescored.recall };
  } finally {
    index.close();
  }
}

/** Seconds of coding and linking, and the queries a second at the recall wanted. */
function walkGraph(data: DataSet, vectors: readonly Float32Array[], codes: Codes): Measurements {
  const { dimensions, queries } = data;
  const options = { dimensions, neighbours: NEIGHBOURS, buildBreadth: BUILD_BREADTH, codes };
  const index = HnswIndex.create(options);
  try {
    const before = cpuSeconds();
    for (const [at, vector] of vectors.entries()) index.put(String(at), vector);
    index.link(vectors.length);
    const build = cpuSeconds() - before;
    const truth = Array.from({ length: queriesOf(data) }, (_, at) => {
      const query = rowOf(queries, dimensions, at);
      return index.search(query, { limit: NEAREST, exact: true }).map(({ id }) => id);
    });
    for (const breadth of breadths) {
      const rescore = Math.ceil(breadth / NEAREST);
      const swept = sweepOne(index, data, truth, { limit: NEAREST, breadth, rescore });
      if (swept.recall >= recallWanted) return { build, queries: swept.queries, breadth };
    }
    return { build };
  } finally {
    index.close();
  }
}

function queriesOf({ queries, dimensions }: DataSet): number {
  return queries.length / dimensions;
}

function sweepOne(
  index: HnswIndex,
  { queries, dimensions }: DataSet,
  truth: readonly (readonly string[])[],
  options: HnswSearchOptions,
): { readonly recall: number; readonly queries: number } {
  const count = truth.length;
  index.search(rowOf(queries, dimensions, 0), options);
  const before = cpuSeconds();
  const found = truth.map((_, at) => index.search(rowOf(queries, dimensions, at), options));
  const seconds = cpuSeconds() - before;
  const right = found.map((hits, at) => hits.filter(({ id }) => truth[at]!.includes(id)).length);
  const all = right.reduce((sum, each) => sum + each, 0);
  return { recall: all / (count * NEAREST), queries: count / seconds };
}
