/**
 * What a kernel can do, whichever rung it is built for: native, WebAssembly or plain JavaScript. The
 * three take the same calls, give the same neighbours to the last bit, and write the same bytes.
 */
import { MemoryError, type MemoryErrorCode } from '../errors.js';
import { Codebook } from './codebook.js';
import { CODE_NAMES, codeNameOf, type Codes } from './codes.js';
import type { OpenFile } from './open-file.js';
import { COMPONENT_MAX, SLOTS_MAX } from './limits.js';
import { METRICS, type Metric } from './metric.js';

export { METRICS, type Metric } from './metric.js';

/** What an index is made with; none of it changes later. */
export interface KernelSettings {
  /** Components of a vector. */
  readonly dimensions: number;
  readonly metric: Metric;
  /** M of HNSW. */
  readonly neighbours: number;
  /** efConstruction of HNSW. */
  readonly breadth: number;
  readonly codes: Codes;
}

/** Settings as the addon and WebAssembly take them. */
export function settingNumbers(
  settings: KernelSettings,
): [number, number, number, number, number, number] {
  const { dimensions, metric, neighbours, breadth, codes } = settings;
  const kind = CODE_NAMES.indexOf(codeNameOf(codes));
  const subvectors = codes instanceof Codebook ? codes.subvectors : 0;
  return [dimensions, METRICS.indexOf(metric), neighbours, breadth, kind, subvectors];
}

/** Parts of an index as they are written to a file. */
export const PART = { blocks: 0, originals: 1, rows: 2, sums: 3 } as const;
export type Part = (typeof PART)[keyof typeof PART];

/** No slot, or no row. */
export const NONE = 0xffffffff;

/** A file that is open for reading, and where parts of an index begin in it. */
export interface ImportedFile {
  readonly file: OpenFile;
  /** Undefined where they are not as the kernel has them, and must be written. */
  readonly blocksAt: number | undefined;
  readonly originalsAt: number;
}

/** The calls of one index. Counts and slots are 0 or more, failures negative: see `checked`. */
export interface Kernel {
  /** Originals go to this file from here on instead of memory, where that can be. For an empty index. */
  useScratch(file: OpenFile): void;
  /**
   * The file has all originals as they are, from `start` on: they may lie there from here on. In steps from 0
   * on, as long as it answers true; between two of them the index may be searched.
   */
  useOriginals(file: OpenFile, start: number, step: number): boolean;
  /** Stores a vector, found from now on by scanning. `key` decides its level. Answers its slot. */
  add(values: Float32Array, key: number): number;
  /** Links up to so many stored vectors into the graph. Answers how many are left. */
  link(nodes: number): number;
  /**
   * Links some of the stored vectors by so many threads, where there are any. Answers how many are left;
   * null where `link` has to be used. Until then only searches, `vector`, `describe` and `destroy` may be
   * called; the graph does not depend on the number of threads.
   */
  linkBatch(threads: number): Promise<number> | null;
  remove(slot: number): number;
  vector(slot: number, out: Float32Array): number;
  /** Product codes of vectors one behind the other, a byte a subvector. Nothing is stored. */
  encode(values: Float32Array, count: number, out: Uint8Array): number;
  /**
   * The `k` best of each query, best first; `breadth` 0 compares the originals of all. Of the
   * candidates `rescored`, at least `k`, are compared by their originals; 0 leaves the scores that
   * the codes give. A filter has a bit a slot, lowest bit first; null allows all. Writes `k` places a query, and the places used.
   * Scores: inner product, or the squared distance with a minus.
   */
  search(
    queries: Float32Array,
    queryCount: number,
    k: number,
    breadth: number,
    rescored: number,
    filter: Uint8Array | null,
    slots: Uint32Array,
    scores: Float64Array,
    counts: Uint32Array,
  ): number;
  /** Writes the numbers of `Description`. */
  describe(out: Uint32Array): void;
  read(part: Part, from: number, count: number, out: Uint8Array): number;
  /**
   * Makes room in an empty index; only the calls below and `describe` may follow. Where a file is given,
   * parts of it are `mapped` instead of written, and its originals are compared with their checksums when
   * they are touched first; else all are checked at the end.
   */
  beginImport(slots: number, rows: number, from: ImportedFile | null): number;
  /** What lies in the file now. Nothing is ever written to it. */
  readonly mapped: readonly Part[];
  /** Whether the files that were given must stay open; `destroy` closes them then. */
  readonly keepsFiles: boolean;
  write(part: Part, from: number, count: number, bytes: Uint8Array): number;
  /** XXH32 of elements as they were written or mapped, at most 1,024 from a multiple of that; in `out[0]`. */
  sum(part: Part, from: number, count: number, seed: number, out: Uint32Array): number;
  /** Checks what was written, two steps a slot. Answers how many are left. */
  checkImport(steps: number): number;
  /** Checks the rest, and that the slots with a vector are those of `found`, a bit a slot. */
  finishImport(entry: number, topLevel: number, found: Uint8Array): number;
  /** XXH32 of the bytes. */
  checksum(bytes: Uint8Array, seed: number): number;
  destroy(): void;
}

/** Numbers of `describe`, in the order of native/kernel.h. */
const DESCRIPTION = [
  'slotCount',
  'rowCount',
  'linkedCount',
  'pendingCount',
  'deadCount',
  'entry',
  'topLevel',
  'blockBytes',
  'originalBytes',
  'rowBytes',
  'codeBytes',
  'bytesLow',
  'bytesHigh',
  'isImporting',
  'slotCapacity',
] as const;
export const DESCRIPTION_NUMBERS = DESCRIPTION.length;
export type Description = Readonly<Record<(typeof DESCRIPTION)[number], number>>;

export function describeKernel(kernel: Kernel): Description {
  const numbers = new Uint32Array(DESCRIPTION_NUMBERS);
  kernel.describe(numbers);
  const entries = DESCRIPTION.map((name, at) => [name, numbers[at]]);
  return Object.fromEntries(entries) as Description;
}

/** Failures, as in native/types.h. */
export const FAILURE = {
  notFinite: -1,
  noDirection: -2,
  tooLarge: -3,
  noMemory: -4,
  full: -5,
  noSuchSlot: -6,
  outOfRange: -7,
  damaged: -8,
} as const;

const SENTENCES: ReadonlyMap<number, readonly [MemoryErrorCode, string]> = new Map([
  [FAILURE.notFinite, ['invalid', 'a component is NaN or infinite; give finite numbers']],
  [FAILURE.noDirection, ['invalid', 'a zero vector has no direction to compare by cosine']],
  [FAILURE.tooLarge, ['invalid', `a component is beyond ${COMPONENT_MAX}; scale the vectors`]],
  [FAILURE.noMemory, ['invalid', 'there is no memory for the vector index to grow']],
  [FAILURE.full, ['invalid', `a vector index holds at most ${SLOTS_MAX} vectors`]],
  [FAILURE.noSuchSlot, ['invalid', 'there is no such vector']],
  [FAILURE.outOfRange, ['invalid', 'a count of a search or of a part is out of range']],
  [FAILURE.damaged, ['damaged', 'the parts of the vector index contradict one another']],
]);

/** The answer of a call, or its failure as an error. */
export function checked(answer: number): number {
  if (answer >= 0) return answer;
  const known = SENTENCES.get(answer);
  if (known === undefined) throw new Error(`the vector kernel failed with ${answer}`);
  throw new MemoryError(...known);
}
