/** One index over one data set, in a process of its own: child.js INDEX FILES-AS-JSON. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { answerParent } from '../transport/child.js';
import { NEAREST, readDataSet, rowOf, type DataSetFiles } from './data.js';
import { INDEXES, type MeasuredIndex } from './indexes.js';

const [, , name = '', files = '{}'] = process.argv;
const place = JSON.parse(files) as DataSetFiles;
const data = readDataSet(place);
const queryCount = data.queries.length / data.dimensions;
let index: MeasuredIndex | undefined;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

export interface Built {
  readonly cpuSeconds: number;
  /** What the process has grown by, garbage collected. */
  readonly megabytes: number;
}

export interface Swept {
  readonly breadth: number;
  readonly recall: number;
  readonly queriesPerCpuSecond: number;
}

export interface Filtered {
  /** One of so many vectors is allowed. */
  readonly every: number;
  /** The first breadth with the recall asked for. */
  readonly enough: Swept | undefined;
}

export type Request =
  | { readonly do: 'build' | 'reopen' }
  | { readonly do: 'sweep'; readonly breadths: number[] }
  | { readonly do: 'filters'; readonly breadths: number[]; readonly recall: number };

type Search = (query: Float32Array, breadth: number) => ArrayLike<number>;

/** Of all threads of the process. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function residentMegabytes(): number {
  collectGarbage();
  return process.memoryUsage.rss() / 2 ** 20;
}

function build(): Built {
  const megabytesBefore = residentMegabytes();
  const before = cpuSeconds();
  index = INDEXES[name]!.make(data.dimensions, place.folder);
  index.build(data.vectors);
  const seconds = cpuSeconds() - before;
  return { cpuSeconds: seconds, megabytes: residentMegabytes() - megabytesBefore };
}

function built(): MeasuredIndex {
  if (index === undefined) throw new Error('the index has to be built first');
  return index;
}

function askAll(search: Search, breadth: number): ArrayLike<number>[] {
  return Array.from({ length: queryCount }, (_, at) =>
    search(rowOf(data.queries, data.dimensions, at), breadth),
  );
}

function sweepOne(search: Search, truths: readonly ArrayLike<number>[], breadth: number): Swept {
  // The first query of a breadth may load or compile.
  search(rowOf(data.queries, data.dimensions, 0), breadth);
  const before = cpuSeconds();
  const found = askAll(search, breadth);
  const seconds = cpuSeconds() - before;
  let right = 0;
  let wanted = 0;
  for (const [at, ids] of found.entries()) {
    const truth = new Set(Array.from(truths[at]!));
    wanted += truth.size;
    right += Array.from(ids).filter((id) => truth.has(id)).length;
  }
  const recall = right / wanted;
  return { breadth, recall, queriesPerCpuSecond: queryCount / seconds };
}

function searchAll(query: Float32Array, breadth: number): ArrayLike<number> {
  return built().search(query, breadth);
}

function sweep(breadths: readonly number[]): Swept[] {
  const truths = Array.from({ length: queryCount }, (_, at) =>
    data.truth.subarray(at * NEAREST, (at + 1) * NEAREST),
  );
  return breadths.map((breadth) => sweepOne(searchAll, truths, breadth));
}

/** By the part of the vectors that is allowed; made once. */
const filteredTruths = new Map<number, ArrayLike<number>[]>();

/** Against a comparison with all that the filter allows. Undefined for an index without filters. */
function sweepFilters(breadths: readonly number[], recall: number): Filtered[] | undefined {
  const { filtered } = built();
  if (filtered === undefined) return undefined;
  return [2, 10, 100].map((every) => {
    const search = filtered(every);
    const truths = filteredTruths.get(every) ?? askAll(search, 0);
    filteredTruths.set(every, truths);
    for (const breadth of breadths) {
      const swept = sweepOne(search, truths, breadth);
      if (swept.recall >= recall) return { every, enough: swept };
    }
    return { every, enough: undefined };
  });
}

answerParent(async (request) => {
  const asked = request as Request;
  switch (asked.do) {
    case 'build':
      return build();
    case 'reopen':
      return built().reopen?.(rowOf(data.queries, data.dimensions, 0));
    case 'sweep':
      return sweep(asked.breadths);
    case 'filters':
      return sweepFilters(asked.breadths, asked.recall);
  }
});
