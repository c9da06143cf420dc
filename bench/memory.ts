import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, type Bench, type Measurements } from './harness.js';
import { Child } from './transport/child.js';
import { readBandwidth } from './vectors/bandwidth.js';
import type { Built, Filtered, Opened, Request, Swept } from './vectors/child.js';
import {
  makeDataSet,
  packageOf,
  type DataSetFiles,
  type DataSetName,
  type DataSize,
} from './vectors/data.js';
import { INDEXES, SCAN } from './vectors/indexes.js';
import { missingPackage } from './vectors/peers.js';

/** What is built and asked, by data set. */
export type MemoryBenchSize = Readonly<Partial<Record<DataSetName, DataSize>>>;

const usualSize: MemoryBenchSize = {
  glove: { vectors: 50_000, queries: 300 },
  wordnet: { vectors: 20_000, queries: 300 },
  mnist: { vectors: 10_000, queries: 200 },
};
/**
 * The sizes that are measured where nothing is said, or the sets and the number of vectors asked for.
 *
 * @throws RangeError for a data set that there is not.
 */
export function memorySize(
  sets: readonly string[] = Object.keys(usualSize),
  vectors?: number,
): MemoryBenchSize {
  const size: Partial<Record<DataSetName, DataSize>> = {};
  for (const name of sets) {
    const usual = usualSize[name as DataSetName];
    if (usual === undefined) {
      const known = Object.keys(usualSize).join(', ');
      throw new RangeError(`there is no data set ${name}; there are: ${known}`);
    }
    size[name as DataSetName] = vectors === undefined ? usual : { ...usual, vectors };
  }
  return size;
}

/** efSearch. */
const breadths = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 288, 320, 352, 384, 448, 512];
const recallWanted = 0.98;
/** Plain JavaScript takes minutes where the others take seconds. */
const buildMsMax = 1_800_000;
const sweepMsMax = 300_000;

/**
 * Vector indexes over real data, compared by cosine: each in a process of its own, built once with M 16
 * and efConstruction 200, then swept over efSearch in rounds that take turns. `queries` are those of
 * the smallest efSearch whose recall@10 is at least 0.98, a second of processor time of all threads;
 * `filtered` the same where 50, 10 or 1 % of the vectors are allowed; `disk` all files; `open` the
 * time until a new process has answered its first query; `memory` what the process that built grew
 * by, `serving` what one grew by that opened the files and answered all queries.
 */
export function memoryBench(
  size: MemoryBenchSize = usualSize,
  names: readonly string[] = Object.keys(INDEXES),
): Bench {
  const unknown = names.find((name) => !Object.hasOwn(INDEXES, name));
  if (unknown !== undefined) {
    const known = Object.keys(INDEXES).join(', ');
    throw new RangeError(`there is no index ${unknown}; there are: ${known}`);
  }
  const root = { folder: '' };
  const sets = Object.keys(size) as DataSetName[];
  const files = new Map<DataSetName, DataSetFiles>();
  const missingData = sets.map((set) => missingPackage(packageOf(set))).find(Boolean);
  const absent = names.flatMap((subject) => {
    const { from } = INDEXES[subject]!;
    const reason = missingData ?? (from === undefined ? undefined : missingPackage(from));
    return reason === undefined ? [] : [{ subject, reason }];
  });
  const present = names.filter((name) => absent.every(({ subject }) => subject !== name));
  const subjects = present.map((name) => new IndexSubject(name, files));
  const prepareData = async (): Promise<void> => {
    if (root.folder !== '') return;
    root.folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
    for (const set of sets) files.set(set, await makeDataSet(set, size[set]!, root.folder));
  };
  return {
    description:
      'recall@10 and queries a CPU second of vector indexes, ours and others, on real data',
    roundsDefault: 5,
    metrics: Object.fromEntries(sets.flatMap(metricsOf)),
    subjects: subjects.map((subject, at) => ({
      name: subject.name,
      prepare: async () => {
        await prepareData();
        await subject.prepare();
      },
      run: () => subject.run(),
      close: () => {
        subject.close();
        if (at === 0 && root.folder !== '') rmSync(root.folder, { recursive: true, force: true });
      },
    })),
    ratios: sets.flatMap(wantedRatios).map((ratio) => ({ ...ratio, isOptional: true })),
    absent,
    notes: () => [
      `Sizes: ${sets.map((set) => `${set} ${size[set]!.vectors} vectors, ${size[set]!.queries} queries`).join('; ')}.`,
      ...subjects.flatMap((subject) => subject.notes()),
      ...limitNotes(size, subjects),
    ],
  };
}

function metricsOf(set: DataSetName): [name: string, unit: string][] {
  return [
    [`${set}-queries`, 'a CPU second'],
    [`${set}-recall`, ''],
    [`${set}-build`, 'CPU seconds'],
    [`${set}-memory`, 'MB'],
    [`${set}-memory-anonymous`, 'MB'],
    [`${set}-memory-of-files`, 'MB'],
    [`${set}-disk`, 'MB'],
    [`${set}-open`, 'ms'],
    [`${set}-serving-anonymous`, 'MB'],
    [`${set}-serving-of-files`, 'MB'],
    ...[2, 10, 100].map((every): [string, string] => [filteredName(set, every), 'a CPU second']),
  ];
}

/** Queries with a filter that allows one vector of so many. */
function filteredName(set: DataSetName, every: number): string {
  return `${set}-filtered-${100 / every}%`;
}

function wantedRatios(set: DataSetName): Bench['ratios'] {
  const queries = `${set}-queries`;
  return [
    { metric: queries, subject: 'native', peer: 'zvec', goal: 2 },
    { metric: queries, subject: 'native', peer: 'zvec-int8', goal: 2 },
    { metric: queries, subject: 'wasm', peer: 'zvec', goal: 0.9 },
    { metric: queries, subject: 'wasm', peer: 'hnswlib-node', goal: 1 },
    ...['usearch', 'lancedb', 'ruvector', 'vectorlite', 'sqlite-vec', SCAN].map((peer) => {
      return { metric: queries, subject: 'native', peer };
    }),
    // Less is better here: at most 0.7 of zvec's processor time, and 0.3 of its memory.
    { metric: `${set}-build`, subject: 'zvec', peer: 'native', goal: 1.43 },
    { metric: `${set}-memory`, subject: 'zvec', peer: 'native', goal: 3.33 },
    { metric: `${set}-memory-anonymous`, subject: 'zvec', peer: 'native', goal: 3.33 },
    { metric: `${set}-serving-anonymous`, subject: 'zvec', peer: 'native' },
    { metric: `${set}-disk`, subject: 'zvec', peer: 'native' },
  ];
}

/** The scan beside what the memory of the machine can give. */
function limitNotes(size: MemoryBenchSize, subjects: readonly IndexSubject[]): string[] {
  const scan = subjects.find(({ name }) => name === SCAN);
  if (scan === undefined) return [];
  const rates = scan.queryRates().map(([set, rate, dimensions]) => {
    const vectors = rate * size[set]!.vectors;
    const gigabytes = (vectors * dimensions) / 1e9;
    const millions = (vectors / 1e6).toFixed(1);
    return `${set} ${millions} million vectors, ${gigabytes.toFixed(1)} GB of codes`;
  });
  const memory = `memory gives one thread ${readBandwidth().toFixed(1)} GB/s (buffers of 256 MB)`;
  return [`Scan of all codes, a CPU second: ${rates.join('; ')}. The ${memory}.`];
}

class IndexSubject {
  readonly name: string;
  readonly #files: ReadonlyMap<DataSetName, DataSetFiles>;
  readonly #children = new Map<DataSetName, Child>();
  readonly #built = new Map<DataSetName, Built>();
  /** What every round swept. */
  readonly #swept = new Map<DataSetName, Swept[][]>();

  constructor(name: string, files: ReadonlyMap<DataSetName, DataSetFiles>) {
    this.name = name;
    this.#files = files;
  }

  async prepare(): Promise<void> {
    for (const [set, files] of this.#files) {
      const folder = this.#folder(files);
      mkdirSync(folder);
      const child = this.#fork(files, folder);
      this.#children.set(set, child);
      const request: Request = { do: 'build' };
      this.#built.set(set, (await child.ask(request, buildMsMax)) as Built);
      this.#swept.set(set, []);
    }
  }

  #folder({ folder }: DataSetFiles): string {
    return join(folder, this.name);
  }

  #fork(files: DataSetFiles, folder: string): Child {
    const url = new URL('./vectors/child.js', import.meta.url);
    return new Child(url, [this.name, JSON.stringify(files), folder]);
  }

  async run(): Promise<Measurements> {
    const measured: Record<string, number> = {};
    for (const [set, child] of this.#children) {
      const asked = INDEXES[this.name]!.isExact === true ? [0] : breadths;
      const request: Request = { do: 'sweep', breadths: asked };
      const swept = (await child.ask(request, sweepMsMax)) as Swept[];
      this.#swept.get(set)!.push(swept);
      const { cpuSeconds, grown, diskBytes } = this.#built.get(set)!;
      measured[`${set}-build`] = cpuSeconds;
      measured[`${set}-memory`] = grown.all;
      if (grown.anonymous !== undefined && grown.ofFiles !== undefined) {
        measured[`${set}-memory-anonymous`] = grown.anonymous;
        measured[`${set}-memory-of-files`] = grown.ofFiles;
      }
      if (diskBytes !== undefined) measured[`${set}-disk`] = diskBytes / 2 ** 20;
      const enough = swept.find(({ recall }) => recall >= recallWanted);
      if (enough !== undefined) {
        measured[`${set}-queries`] = enough.queriesPerCpuSecond;
        measured[`${set}-recall`] = enough.recall;
      }
      const breadth = (enough ?? swept.at(-1)!).breadth;
      Object.assign(measured, await this.#measureOpened(set, breadth));
      Object.assign(measured, await this.#measureFiltered(set, child));
    }
    return measured;
  }

  /** A copy of the files in a new process: the one that built may hold a lock on its own. */
  async #measureOpened(set: DataSetName, breadth: number): Promise<Record<string, number>> {
    if (INDEXES[this.name]!.open === undefined) return {};
    const files = this.#files.get(set)!;
    const folder = `${this.#folder(files)}-opened`;
    rmSync(folder, { recursive: true, force: true });
    cpSync(this.#folder(files), folder, { recursive: true });
    const child = this.#fork(files, folder);
    try {
      const request: Request = { do: 'open', breadth };
      const { ms, grown } = (await child.ask(request, sweepMsMax)) as Opened;
      const measured: Record<string, number> = { [`${set}-open`]: ms };
      if (grown.anonymous !== undefined && grown.ofFiles !== undefined) {
        measured[`${set}-serving-anonymous`] = grown.anonymous;
        measured[`${set}-serving-of-files`] = grown.ofFiles;
      }
      return measured;
    } finally {
      child.close();
    }
  }

  async #measureFiltered(set: DataSetName, child: Child): Promise<Record<string, number>> {
    const measured: Record<string, number> = {};
    const filters: Request = { do: 'filters', breadths, recall: recallWanted };
    const filtered = (await child.ask(filters, sweepMsMax)) as readonly Filtered[] | undefined;
    for (const { every, enough } of filtered ?? []) {
      if (enough !== undefined) measured[filteredName(set, every)] = enough.queriesPerCpuSecond;
    }
    return measured;
  }

  close(): void {
    for (const child of this.#children.values()) child.close();
  }

  /** Queries a CPU second at the first breadth: medians over the rounds, with the dimensions. */
  queryRates(): [set: DataSetName, rate: number, dimensions: number][] {
    return [...this.#swept].map(([set, rounds]) => {
      const rate = median(rounds.map((round) => round[0]!.queriesPerCpuSecond));
      return [set, rate, this.#files.get(set)!.dimensions];
    });
  }

  /** The sweep: medians over the rounds. */
  notes(): string[] {
    return [...this.#swept].map(([set, rounds]) => {
      const points = rounds[0]!.map(({ breadth, recall }, at) => {
        const rate = median(rounds.map((round) => round[at]!.queriesPerCpuSecond));
        return `${breadth}: ${recall.toFixed(4)} ${Math.round(rate)}/s`;
      });
      return `${set}, ${this.name}, efSearch: recall and queries a CPU second: ${points.join(', ')}.`;
    });
  }
}
