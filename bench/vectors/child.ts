/** One index over one data set, in a process of its own: child.js INDEX FILES-AS-JSON FOLDER. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { answerParent } from '../transport/child.js';
import { NEAREST, readDataSet, rowOf, type DataSetFiles } from './data.js';
import { INDEXES } from './indexes.js';
import type { Found, MeasuredIndex } from './measured-index.js';
import { peersRequire } from './peers.js';
import { growthSince, resident, type Resident } from './resident.js';

const [, , name = '', files = '{}', folder = ''] = process.argv;
const kind = INDEXES[name]!;
const data = readDataSet(JSON.parse(files) as DataSetFiles);
const place = { dimensions: data.dimensions, folder };
const queryCount = data.queries.length / data.dimensions;
let index: MeasuredIndex | undefined;

export interface Built {
  readonly cpuSeconds: number;
  /** What the process has grown by. */
  readonly grown: Resident;
  /** Of all that was saved; undefined if the index keeps no files. */
  readonly diskBytes: number | undefined;
}

export interface Opened {
  /** Until the first query was answered; what the operating system has of the files is warm. */
  readonly ms: number;
  /** What the process has grown by with all queries asked. */
  readonly grown: Resident;
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
  | { readonly do: 'build' }
  | { readonly do: 'open'; readonly breadth: number }
  | { readonly do: 'sweep'; readonly breadths: number[] }
  | { readonly do: 'filters'; readonly breadths: number[]; readonly recall: number };

type Search = (query: Float32Array, breadth: number) => Found | Promise<Found>;

/** Of all threads of the process. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function build(): Promise<Built> {
  const before = resident();
  load();
  const startSeconds = cpuSeconds();
  index = await kind.make(place);
  await index.build(data.vectors);
  const seconds = cpuSeconds() - startSeconds;
  const grown = growthSince(before);
  await index.save?.();
  const diskBytes = index.save === undefined ? undefined : bytesOf(folder);
  return { cpuSeconds: seconds, grown, diskBytes };
}

function load(): void {
  kind.load?.();
  if (kind.from !== undefined) peersRequire(kind.from);
}

function bytesOf(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, entry) => sum + bytesOf(join(path, entry)), 0);
}

async function open(breadth: number): Promise<Opened> {
  const before = resident();
  // Of the library only the memory is measured, not the time: what is opened is the index.
  load();
  const startedMs = performance.now();
  index = await kind.open!(place);
  await index.search(rowOf(data.queries, data.dimensions, 0), breadth);
  const ms = performance.now() - startedMs;
  await askAll(searchAll, breadth);
  return { ms, grown: growthSince(before) };
}

async function askAll(search: Search, breadth: number): Promise<Found[]> {
  const found: Found[] = [];
  for (let at = 0; at < queryCount; at += 1) {
    const answer = search(rowOf(data.queries, data.dimensions, at), breadth);
    found.push(answer instanceof Promise ? await answer : answer);
  }
  return found;
}

async function sweepOne(search: Search, truths: readonly Found[], breadth: number): Promise<Swept> {
  // The first query of a breadth may load or compile.
  await search(rowOf(data.queries, data.dimensions, 0), breadth);
  const before = cpuSeconds();
  const found = await askAll(search, breadth);
  const seconds = cpuSeconds() - before;
  let right = 0;
  let wanted = 0;
  for (const [at, ids] of found.entries()) {
    const truth = new Set(Array.from(truths[at]!));
    wanted += truth.size;
    right += Array.from(ids).filter((id) => truth.has(id)).length;
  }
  return { breadth, recall: right / wanted, queriesPerCpuSecond: queryCount / seconds };
}

function built(): MeasuredIndex {
  if (index === undefined) throw new Error('the index has to be built first');
  return index;
}

function searchAll(query: Float32Array, breadth: number): Found | Promise<Found> {
  return built().search(query, breadth);
}

async function sweep(breadths: readonly number[]): Promise<Swept[]> {
  const truths = Array.from({ length: queryCount }, (_, at) =>
    data.truth.subarray(at * NEAREST, (at + 1) * NEAREST),
  );
  const swept: Swept[] = [];
  for (const breadth of breadths) swept.push(await sweepOne(searchAll, truths, breadth));
  return swept;
}

/** By the part of the vectors that is allowed; made once. */
const filteredTruths = new Map<number, Found[]>();

/** Against a comparison with all that the filter allows. Undefined for an index without filters. */
async function sweepFilters(
  breadths: readonly number[],
  recall: number,
): Promise<Filtered[] | undefined> {
  const { filtered } = built();
  if (filtered === undefined) return undefined;
  const results: Filtered[] = [];
  for (const every of [2, 10, 100]) {
    const search = filtered(every);
    const truths = filteredTruths.get(every) ?? (await askAll(search, 0));
    filteredTruths.set(every, truths);
    let enough: Swept | undefined;
    for (const breadth of breadths) {
      const swept = await sweepOne(search, truths, breadth);
      if (swept.recall < recall) continue;
      enough = swept;
      break;
    }
    results.push({ every, enough });
  }
  return results;
}

answerParent(async (request) => {
  const asked = request as Request;
  switch (asked.do) {
    case 'build':
      return build();
    case 'open':
      return open(asked.breadth);
    case 'sweep':
      return sweep(asked.breadths);
    case 'filters':
      return sweepFilters(asked.breadths, asked.recall);
  }
});
