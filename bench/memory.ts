import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, type Bench, type Measurements } from './harness.js';
import { Child } from './transport/child.js';
import type { Built, Filtered, Request, Swept } from './vectors/child.js';
import {
  makeDataSet,
  missingPackage,
  packageOf,
  type DataSetFiles,
  type DataSetName,
  type DataSize,
} from './vectors/data.js';
import { INDEXES } from './vectors/indexes.js';

/** What is built and asked, by data set. */
export type MemoryBenchSize = Readonly<Partial<Record<DataSetName, DataSize>>>;

const usual: MemoryBenchSize = {
  glove: { vectors: 50_000, queries: 300 },
  mnist: { vectors: 10_000, queries: 200 },
};
/** efSearch. */
const breadths = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
const recallWanted = 0.98;
/** Plain JavaScript takes minutes where the others take seconds. */
const buildMsMax = 900_000;
const sweepMsMax = 300_000;

/**
 * Vector indexes over real data, compared by cosine: each in a process of its own, built once with M 16
 * and efConstruction 200, then swept over efSearch in rounds that take turns. `queries` are those of
 * the smallest efSearch whose recall@10 is at least 0.98, a second of processor time of all threads;
 * `filtered` the same where 50, 10 or 1 % of the vectors are allowed; `open` the reading of a snapshot
 * and the first query; `memory` what the process grew by.
 */
export function memoryBench(
  size: MemoryBenchSize = usual,
  names: readonly string[] = Object.keys(INDEXES),
): Bench {
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
  const prepareData = (): void => {
    if (root.folder !== '') return;
    root.folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
    for (const set of sets) files.set(set, makeDataSet(set, size[set]!, root.folder));
  };
  return {
    description:
      'recall@10 and queries a CPU second of vector indexes, ours and others, on real data',
    roundsDefault: 5,
    metrics: Object.fromEntries(
      sets.flatMap((set) => [
        [`${set}-queries`, 'a CPU second'],
        [`${set}-recall`, ''],
        [`${set}-build`, 'CPU seconds'],
        [`${set}-memory`, 'MB'],
        [`${set}-open`, 'ms'],
        ...[2, 10, 100].map((every) => [filteredName(set, every), 'a CPU second']),
      ]),
    ),
    subjects: subjects.map((subject, at) => ({
      name: subject.name,
      prepare: async () => {
        prepareData();
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
    ],
  };
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
    { metric: queries, subject: 'native', peer: 'usearch' },
    { metric: queries, subject: 'native', peer: 'sqlite-vec' },
    // Less is better here: at most 0.7 of zvec's processor time, and 0.3 of its memory.
    { metric: `${set}-build`, subject: 'zvec', peer: 'native', goal: 1.43 },
    { metric: `${set}-memory`, subject: 'zvec', peer: 'native', goal: 3.33 },
  ];
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
    const url = new URL('./vectors/child.js', import.meta.url);
    for (const [set, files] of this.#files) {
      const child = new Child(url, [this.name, JSON.stringify(files)]);
      this.#children.set(set, child);
      const request: Request = { do: 'build' };
      this.#built.set(set, (await child.ask(request, buildMsMax)) as Built);
      this.#swept.set(set, []);
    }
  }

  async run(): Promise<Measurements> {
    const measured: Record<string, number> = {};
    for (const [set, child] of this.#children) {
      const asked = INDEXES[this.name]!.isExact === true ? [0] : breadths;
      const request: Request = { do: 'sweep', breadths: asked };
      const swept = (await child.ask(request, sweepMsMax)) as Swept[];
      this.#swept.get(set)!.push(swept);
      const built = this.#built.get(set)!;
      measured[`${set}-build`] = built.cpuSeconds;
      measured[`${set}-memory`] = built.megabytes;
      const enough = swept.find(({ recall }) => recall >= recallWanted);
      if (enough !== undefined) {
        measured[`${set}-queries`] = enough.queriesPerCpuSecond;
        measured[`${set}-recall`] = enough.recall;
      }
      Object.assign(measured, await this.#measureOurs(set, child));
    }
    return measured;
  }

  /** What is measured of our own indexes alone. */
  async #measureOurs(set: DataSetName, child: Child): Promise<Record<string, number>> {
    const measured: Record<string, number> = {};
    const reopen: Request = { do: 'reopen' };
    const openMs = (await child.ask(reopen, sweepMsMax)) as number | undefined;
    if (openMs !== undefined) measured[`${set}-open`] = openMs;
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
