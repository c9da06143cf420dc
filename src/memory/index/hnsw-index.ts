/** Nearest vectors by name: names and slots, checks of what the caller gives, snapshots. */
import { isOperational, MemoryError } from '../errors.js';
import { NAME_CHARACTERS_MAX, VECTOR_DIMENSIONS_MAX } from '../limits.js';
import { Codebook } from './codebook.js';
import { areCodes, CODE_NAMES, rescoreDefault, type Codes } from './codes.js';
import {
  checked,
  describeKernel,
  METRICS,
  type Description,
  type Kernel,
  type KernelSettings,
  type Metric,
} from './kernel.js';
import {
  BATCH_LINKED_MIN,
  BREADTH_MAX,
  BUILD_BREADTH_DEFAULT,
  NEIGHBOURS_DEFAULT,
  NEIGHBOURS_MAX,
  QUERIES_MAX,
  LINK_SLICE_MS,
  RESCORE_MAX,
  SEARCH_BREADTH_DEFAULT,
  THREADS_MAX,
} from './limits.js';
import { IdTable, keyOfName } from './id-table.js';
import { OpenFile } from './open-file.js';
import { createKernel } from './rung.js';
import { nextTurn } from '../pace.js';

export interface HnswOptions {
  /** Components of each vector, 1 to 4,096. */
  readonly dimensions: number;
  /** `cosine` unless given. */
  readonly metric?: Metric;
  /** M: links of a node on each upper level, twice as many on the lowest; 2 to 64, 16 unless given. */
  readonly neighbours?: number;
  /** efConstruction: candidates of an insertion, from M to 4,096, 200 unless given. */
  readonly buildBreadth?: number;
  /**
   * What is kept of each vector to be compared by: `int8` unless given, `float16`, `rabitq4`, `rabitq2`,
   * `rabitq1`, or a codebook of `trainCodebook`. docs/quantisation.md has what each costs and finds.
   */
  readonly codes?: Codes;
  /**
   * A folder for a file without a name, where the float32 originals go instead of memory; they are
   * searched by way of the codes, which stay in memory. Where it cannot be made they are in memory.
   */
  readonly originalsIn?: string;
}

export interface HnswSearchOptions {
  /** Hits wanted, 1 to 4,096. */
  readonly limit: number;
  /** efSearch: candidates of the search, up to 4,096, 50 unless given. At least `limit` are used. */
  readonly breadth?: number;
  /**
   * Candidates for each hit that are compared again by their originals, up to 4,096; 2 of int8 and
   * float16 unless given, more of narrower codes. The search has at least as many candidates, but of int8
   * only where this is given. 0 compares none: then scores are those of the codes.
   */
  readonly rescore?: number;
  /** Compares the originals of all vectors instead of walking the graph. */
  readonly exact?: boolean;
  /** A bit a slot, lowest first, of those that may be found: see `HnswIndex.filter`. */
  readonly filter?: Uint8Array;
}

export interface LinkAllOptions {
  /** 1 to 64, 2 unless given. */
  readonly threads?: number;
  /** Ends it between two batches of vectors. */
  readonly signal?: AbortSignal;
  /** Told how many are left. */
  readonly onProgress?: (left: number) => void;
}

export interface HnswHit {
  readonly id: string;
  /** Cosine or inner product, higher is nearer; with `euclidean` the distance, lower is nearer. */
  readonly score: number;
}

function outOfRange(what: string, value: unknown, least: number, most: number): MemoryError {
  return new MemoryError('invalid', `${what} is ${String(value)}; it may be ${least} to ${most}`);
}

function checkNumber(what: string, value: number, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw outOfRange(what, value, least, most);
  }
  return value;
}

/** Settings with the defaults in place. Throws `invalid` where one is out of range. */
function kernelSettings(options: HnswOptions): KernelSettings {
  const { dimensions, metric = 'cosine' } = options;
  const { neighbours = NEIGHBOURS_DEFAULT, buildBreadth = BUILD_BREADTH_DEFAULT } = options;
  const { codes = 'int8' } = options;
  if (!METRICS.includes(metric)) {
    const names = METRICS.join(', ');
    throw new MemoryError('invalid', `there is no metric ${String(metric)}; there are ${names}`);
  }
  checkNumber('the number of dimensions', dimensions, 1, VECTOR_DIMENSIONS_MAX);
  checkNumber('the number of neighbours', neighbours, 2, NEIGHBOURS_MAX);
  checkNumber('the breadth of insertions', buildBreadth, neighbours, BREADTH_MAX);
  checkCodes(codes, dimensions, metric);
  return { dimensions, metric, neighbours, breadth: buildBreadth, codes };
}

function checkCodes(codes: Codes, dimensions: number, metric: Metric): void {
  if (!areCodes(codes)) {
    const names = CODE_NAMES.filter((name) => name !== 'product').join(', ');
    const given = typeof codes === 'string' ? codes : typeof codes;
    throw new MemoryError('invalid', `there are no codes ${given}; there are ${names}, codebooks`);
  }
  if (!(codes instanceof Codebook)) return;
  if (codes.dimensions !== dimensions || codes.metric !== metric) {
    throw new MemoryError(
      'invalid',
      `the codebook was trained for ${codes.dimensions} dimensions and ${codes.metric}, ` +
        `the index is of ${dimensions} and ${metric}; train one for it`,
    );
  }
}

/**
 * An approximate index by HNSW over codes, whose best results are compared again by their
 * float32 originals. A vector is found as soon as it was put; `link` brings it into the graph.
 */
export class HnswIndex {
  readonly settings: KernelSettings;
  readonly #kernel: Kernel;
  readonly #ids: IdTable;
  #version = 0;
  /** `linkAll` is at work. */
  #isLinking = false;
  #isClosed = false;

  private constructor(settings: KernelSettings, kernel: Kernel, ids: IdTable) {
    this.settings = settings;
    this.#kernel = kernel;
    this.#ids = ids;
  }

  /** An empty index. Throws `invalid` for settings out of range. */
  static create(options: HnswOptions): HnswIndex {
    const settings = kernelSettings(options);
    const kernel = createKernel(settings);
    if (options.originalsIn !== undefined) useScratch(kernel, options.originalsIn);
    return new HnswIndex(settings, kernel, new IdTable());
  }

  /** An index of what a snapshot holds; the kernel has checked it. */
  static restore(settings: KernelSettings, kernel: Kernel, ids: IdTable): HnswIndex {
    return new HnswIndex(settings, kernel, ids);
  }

  get size(): number {
    return this.#ids.size;
  }

  /** Counts and sizes, for statistics and snapshots. */
  describe(): Description {
    return describeKernel(this.#kernel);
  }

  has(id: string): boolean {
    return this.#ids.slotOf(id) !== undefined;
  }

  /** The vector as it is kept, of length 1 for cosine. */
  get(id: string): Float32Array | undefined {
    const slot = this.#ids.slotOf(id);
    if (slot === undefined) return undefined;
    const values = new Float32Array(this.settings.dimensions);
    checked(this.#kernel.vector(slot, values));
    return values;
  }

  /**
   * Adds or replaces a vector. It is found from now on, by scanning until `link` has linked it.
   * Throws `invalid`, and changes nothing, for a wrong length, a component that is not finite or too
   * large, and with cosine for the zero vector.
   */
  put(id: string, values: Float32Array): void {
    if (typeof id !== 'string' || id.length === 0 || id.length > NAME_CHARACTERS_MAX) {
      const range = `1 to ${NAME_CHARACTERS_MAX} characters`;
      throw new MemoryError('invalid', `an id is a text of ${range}`);
    }
    this.#checkLength(values, 1);
    this.#checkIdle();
    const slot = checked(this.#kernel.add(values, keyOfName(id)));
    let before: number | undefined;
    try {
      before = this.#ids.put(id, slot);
    } catch (error) {
      checked(this.#kernel.remove(slot));
      throw error;
    }
    this.#version += 1;
    if (before !== undefined) checked(this.#kernel.remove(before));
  }

  /** Removes a vector; the graph around it is repaired step by step by later writes. */
  delete(id: string): boolean {
    this.#checkIdle();
    const slot = this.#ids.delete(id);
    if (slot === undefined) return false;
    this.#version += 1;
    checked(this.#kernel.remove(slot));
    return true;
  }

  /**
   * Links up to so many vectors that were put. Answers how many are left. Of narrow codes throws
   * `damaged` where an original in the file of the snapshot is not what was saved.
   */
  link(vectors: number): number {
    this.#checkIdle();
    return checked(this.#kernel.link(checkNumber('the number to link', vectors, 0, 0xffffffff)));
  }

  /**
   * Links all vectors that were put, by several threads where the kernel is native, else in slices of 2 ms;
   * the event loop goes on. Until it settles the index may be searched and closed, and everything that
   * would change or save it throws `invalid`. The graph does not depend on the number of threads. Throws
   * the reason of the signal, and `invalid` when the index is closed; what was linked until then stays.
   */
  async linkAll({ threads = 2, signal, onProgress }: LinkAllOptions = {}): Promise<void> {
    checkNumber('the number of threads', threads, 1, THREADS_MAX);
    this.#checkIdle();
    this.#isLinking = true;
    try {
      for (let left = this.describe().pendingCount; left > 0;) {
        signal?.throwIfAborted();
        left = (await this.#kernel.linkBatch(threads)) ?? (await linkSlice(this.#kernel));
        if (this.#isClosed)
          throw new MemoryError('invalid', 'the index was closed while it linked');
        onProgress?.(left);
      }
    } finally {
      this.#isLinking = false;
    }
  }

  #checkIdle(): void {
    if (!this.#isLinking) return;
    throw new MemoryError('invalid', 'the index is being linked; wait until linkAll has settled');
  }

  /** Another number after each change of what a filter says. */
  get version(): number {
    return this.#version;
  }

  /** In no particular order. */
  ids(): IterableIterator<string> {
    return this.#ids.ids();
  }

  /** A filter for `search` of the ids given; others than those of the index do not matter. */
  filterOf(ids: Iterable<string>): Uint8Array {
    const bits = new Uint8Array((this.#ids.slotCount + 7) >> 3);
    for (const id of ids) {
      const slot = this.#ids.slotOf(id);
      if (slot !== undefined) bits[slot >> 3]! |= 1 << (slot & 7);
    }
    return bits;
  }

  /** A filter for `search` of all but the ids given. */
  filterWithout(ids: Iterable<string>): Uint8Array {
    const bits = new Uint8Array((this.#ids.slotCount + 7) >> 3).fill(0xff);
    for (const id of ids) {
      const slot = this.#ids.slotOf(id);
      if (slot !== undefined) bits[slot >> 3]! &= ~(1 << (slot & 7));
    }
    return bits;
  }

  /** A filter for `search` of those whose id passes. It is for the index as it is now. */
  filter(passes: (id: string) => boolean): Uint8Array {
    const { slotCount } = this.#ids;
    const bits = new Uint8Array((slotCount + 7) >> 3);
    for (let slot = 0; slot < slotCount; slot += 1) {
      const id = this.#ids.idAt(slot);
      if (id !== undefined && passes(id)) bits[slot >> 3]! |= 1 << (slot & 7);
    }
    return bits;
  }

  /** The nearest, best first; of equal scores by id. Throws `invalid`: see `put`. */
  search(query: Float32Array, options: HnswSearchOptions): HnswHit[] {
    this.#checkLength(query, 1);
    return this.searchMany(query, options)[0] ?? [];
  }

  /** One list a query; the queries lie one behind the other. One crossing into the kernel for all. */
  searchMany(queries: Float32Array, options: HnswSearchOptions): HnswHit[][] {
    const { limit, breadth = SEARCH_BREADTH_DEFAULT, exact = false, filter } = options;
    const count = queries instanceof Float32Array ? queries.length / this.settings.dimensions : 0;
    checkNumber('the number of queries', count, 1, QUERIES_MAX);
    checkNumber('the number of hits', limit, 1, BREADTH_MAX);
    checkNumber('the breadth of a search', breadth, 1, BREADTH_MAX);
    if (filter !== undefined && !(filter instanceof Uint8Array)) {
      throw new MemoryError('invalid', 'a filter is a Uint8Array with a bit for each slot');
    }
    const slots = new Uint32Array(count * limit);
    const scores = new Float64Array(count * limit);
    const counts = new Uint32Array(count);
    const rescored = this.#rescored(limit, options.rescore);
    const isWidened = options.rescore !== undefined || this.settings.codes !== 'int8';
    const walked = exact ? 0 : Math.max(breadth, isWidened ? rescored : 0);
    const allowed = filter ?? null;
    checked(
      this.#kernel.search(queries, count, limit, walked, rescored, allowed, slots, scores, counts),
    );
    return Array.from(counts, (found, query) => {
      const hits: HnswHit[] = [];
      for (let at = query * limit; at < query * limit + found; at += 1) {
        const score = this.settings.metric === 'euclidean' ? distance(scores[at]!) : scores[at]!;
        hits.push({ id: this.#ids.idAt(slots[at]!)!, score });
      }
      return orderLevelScores(hits);
    });
  }

  /** How many candidates are compared by their originals, 0 for none. */
  #rescored(limit: number, rescore = rescoreDefault(this.settings.codes)): number {
    checkNumber('the number to rescore for a hit', rescore, 0, RESCORE_MAX);
    if (rescore === 0) return 0;
    // A few hits more than wanted cost little and put right what rounding put behind them.
    return Math.min(BREADTH_MAX, Math.max(limit * rescore, limit + 16));
  }

  /** Frees the memory. Nothing else may follow. */
  close(): void {
    this.#isClosed = true;
    this.#kernel.destroy();
  }

  /** For `snapshot-file.ts`: the kernel, and the id of each slot. */
  parts(): { readonly kernel: Kernel; readonly ids: IdTable } {
    this.#checkIdle();
    return { kernel: this.#kernel, ids: this.#ids };
  }

  #checkLength(values: Float32Array, count: number): void {
    const { dimensions } = this.settings;
    if (!(values instanceof Float32Array) || values.length !== dimensions * count) {
      const given = values instanceof Float32Array ? `one of ${values.length}` : typeof values;
      throw new MemoryError(
        'invalid',
        `this index takes Float32Arrays of ${dimensions} components, not ${given}`,
      );
    }
  }
}

/** Links for 2 ms, and lets the event loop go on. A graph that becomes large enough for threads is left. */
async function linkSlice(kernel: Kernel): Promise<number> {
  const endMs = performance.now() + LINK_SLICE_MS;
  const { linkedCount, pendingCount } = describeKernel(kernel);
  const most = linkedCount < BATCH_LINKED_MIN ? BATCH_LINKED_MIN - linkedCount : pendingCount;
  let left = pendingCount;
  for (let linked = 0; linked < most && left > 0 && performance.now() < endMs; linked += 1) {
    left = checked(kernel.link(1));
  }
  await nextTurn();
  return left;
}

function useScratch(kernel: Kernel, folder: string): void {
  let file: OpenFile;
  try {
    file = OpenFile.scratch(folder);
  } catch (error) {
    if (!isOperational(error)) throw error;
    return;
  }
  kernel.useScratch(file);
  if (!kernel.keepsFiles) file.close();
}

/** The kernel scores by the squared distance with a minus. */
function distance(score: number): number {
  return Math.sqrt(Math.max(0, -score));
}

/** Hits come in the order of scores; those of one score are put in the order of their ids. */
function orderLevelScores(hits: HnswHit[]): HnswHit[] {
  for (let i = 1; i < hits.length; i += 1) {
    const hit = hits[i]!;
    let j = i;
    for (; j > 0 && hits[j - 1]!.score === hit.score && hits[j - 1]!.id > hit.id; j -= 1) {
      hits[j] = hits[j - 1]!;
    }
    hits[j] = hit;
  }
  return hits;
}
