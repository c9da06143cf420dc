/** The kernel as WebAssembly with SIMD: one instance an index, in a memory of its own. */
import { readFileSync } from 'node:fs';
import { Codebook } from './codebook.js';
import { BREADTH_MAX } from './limits.js';
import type { OpenFile } from './open-file.js';
import { OriginalsFile } from './originals-file.js';
import {
  checked,
  describeKernel,
  DESCRIPTION_NUMBERS,
  FAILURE,
  PART,
  settingNumbers,
  type ImportedFile,
  type Kernel,
  type KernelSettings,
  type Part,
} from './kernel.js';

/** What is used of WebAssembly's own interface, which the types of Node 20 leave out. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: { readonly host: Host },
  ) => { readonly exports: unknown };
};
export type WasmModule = object;

/** What the kernel asks for: an original that lies outside, at an address of its memory. */
interface Host {
  readonly loadOriginal: (slot: number, out: number) => void;
  readonly storeOriginal: (slot: number, from: number) => void;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Memory for what passes in and out; it is never given back. 0 where there is none. */
  buffer(bytes: number): number;
  create(...settings: ReturnType<typeof settingNumbers>): number;
  setCodebook(index: number, centroids: number): number;
  encode(index: number, values: number, count: number, out: number): number;
  add(index: number, values: number, key: number): number;
  link(index: number, nodes: number): number;
  remove(index: number, slot: number): number;
  vector(index: number, slot: number, out: number): number;
  search(
    index: number,
    queries: number,
    queryCount: number,
    k: number,
    breadth: number,
    rescored: number,
    filter: number,
    filterBytes: number,
    slots: number,
    scores: number,
    counts: number,
  ): number;
  describe(index: number, out: number): void;
  read(index: number, part: number, from: number, count: number, out: number): number;
  keepOutside(index: number): number;
  beginImport(index: number, slots: number, rows: number, hasSums: number): number;
  write(index: number, part: number, from: number, count: number, bytes: number): number;
  sum(index: number, part: number, from: number, count: number, seed: number, out: number): number;
  checkImport(index: number, steps: number): number;
  finishImport(
    index: number,
    entry: number,
    topLevel: number,
    found: number,
    foundBytes: number,
  ): number;
  checksum(bytes: number, length: number, seed: number): number;
}

/** Queries of one call, which bounds the memory that passes them. */
const QUERIES_PER_CALL = 64;
const BUFFER_BYTES_FIRST = 65_536;

/** Compiles the kernel; throws where the file or SIMD is missing. */
export function compileWasm(): WasmModule {
  const path = new URL('../../../../native/kernel.wasm', import.meta.url);
  return new WebAssembly.Module(readFileSync(path));
}

export class WasmKernel implements Kernel {
  readonly #exports: Exports;
  readonly #index: number;
  readonly #dimensions: number;
  readonly #subvectors: number;
  readonly #outside: { file?: OriginalsFile };
  #buffer = 0;
  #bufferBytes = 0;

  private constructor(
    exports: Exports,
    index: number,
    { dimensions, codes }: KernelSettings,
    outside: { file?: OriginalsFile },
  ) {
    this.#exports = exports;
    this.#index = index;
    this.#dimensions = dimensions;
    this.#subvectors = codes instanceof Codebook ? codes.subvectors : 0;
    this.#outside = outside;
  }

  static create(module: WasmModule, settings: KernelSettings): WasmKernel | undefined {
    const outside: { file?: OriginalsFile } = {};
    // Padded as in native/index.h.
    const bytes = Math.ceil(settings.dimensions / 16) * 64;
    const original = (at: number) => new Uint8Array(exports.memory.buffer, at >>> 0, bytes);
    const host: Host = {
      loadOriginal: (slot, out) => outside.file?.load(slot >>> 0, original(out)),
      storeOriginal: (slot, from) => outside.file?.store(slot >>> 0, original(from)),
    };
    const instance = new WebAssembly.Instance(module, { host });
    const exports = instance.exports as Exports;
    const index = exports.create(...settingNumbers(settings));
    if (index === 0) return undefined;
    const kernel = new WasmKernel(exports, index, settings, outside);
    if (settings.codes instanceof Codebook) {
      const at = kernel.#pass(settings.codes.centroids);
      checked(at === 0 ? FAILURE.noMemory : exports.setCodebook(index, at));
    }
    return kernel;
  }

  encode(values: Float32Array, count: number, out: Uint8Array): number {
    const codeBytes = count * this.#subvectors;
    if (!(values.length === count * this.#dimensions && out.length >= codeBytes)) {
      return FAILURE.outOfRange;
    }
    const at = this.#room(values.byteLength + codeBytes);
    if (at === 0) return FAILURE.noMemory;
    new Float32Array(this.#exports.memory.buffer, at, values.length).set(values);
    const codesAt = at + values.byteLength;
    const answer = this.#exports.encode(this.#index, at, count, codesAt);
    if (answer >= 0) out.set(new Uint8Array(this.#exports.memory.buffer, codesAt, codeBytes));
    return answer;
  }

  add(values: Float32Array, key: number): number {
    if (values.length !== this.#dimensions) return FAILURE.outOfRange;
    const at = this.#pass(values);
    return at === 0 ? FAILURE.noMemory : this.#exports.add(this.#index, at, key);
  }

  link(nodes: number): number {
    return this.#exports.link(this.#index, nodes);
  }

  /** There is one thread. */
  linkBatch(): null {
    return null;
  }

  remove(slot: number): number {
    return this.#exports.remove(this.#index, slot);
  }

  vector(slot: number, out: Float32Array): number {
    if (out.length !== this.#dimensions) return FAILURE.outOfRange;
    const at = this.#room(out.byteLength);
    if (at === 0) return FAILURE.noMemory;
    const answer = this.#exports.vector(this.#index, slot, at);
    if (answer >= 0) out.set(new Float32Array(this.#exports.memory.buffer, at, out.length));
    return answer;
  }

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
  ): number {
    const dimensions = this.#dimensions;
    if (queries.length !== queryCount * dimensions) return FAILURE.outOfRange;
    if (!(k >= 1 && k <= BREADTH_MAX)) return FAILURE.outOfRange;
    for (let from = 0; from < queryCount; from += QUERIES_PER_CALL) {
      const count = Math.min(QUERIES_PER_CALL, queryCount - from);
      const places = count * k;
      const filterBytes = filter?.length ?? 0;
      const queryBytes = count * dimensions * 4;
      const at = this.#room(places * 12 + count * 4 + queryBytes + Math.max(1, filterBytes) + 16);
      if (at === 0) return FAILURE.noMemory;
      const scoresAt = at;
      const slotsAt = scoresAt + places * 8;
      const countsAt = slotsAt + places * 4;
      const queriesAt = countsAt + count * 4;
      const filterAt = queriesAt + queryBytes;
      const before = this.#exports.memory.buffer;
      const batch = queries.subarray(from * dimensions, (from + count) * dimensions);
      new Float32Array(before, queriesAt, batch.length).set(batch);
      if (filter !== null) new Uint8Array(before, filterAt, filterBytes).set(filter);
      const answer = this.#exports.search(
        this.#index,
        queriesAt,
        count,
        k,
        breadth,
        rescored,
        filter === null ? 0 : filterAt,
        filterBytes,
        slotsAt,
        scoresAt,
        countsAt,
      );
      if (answer < 0) return answer;
      const after = this.#exports.memory.buffer;
      slots.set(new Uint32Array(after, slotsAt, places), from * k);
      scores.set(new Float64Array(after, scoresAt, places), from * k);
      counts.set(new Uint32Array(after, countsAt, count), from);
    }
    return 0;
  }

  describe(out: Uint32Array): void {
    const at = this.#room(DESCRIPTION_NUMBERS * 4);
    if (at === 0) return;
    this.#exports.describe(this.#index, at);
    out.set(new Uint32Array(this.#exports.memory.buffer, at, DESCRIPTION_NUMBERS));
  }

  read(part: Part, from: number, count: number, out: Uint8Array): number {
    if (out.length < count * this.#elementBytes(part)) return FAILURE.outOfRange;
    const at = this.#room(out.length);
    if (at === 0) return FAILURE.noMemory;
    const answer = this.#exports.read(this.#index, part, from, count, at);
    if (answer >= 0) out.set(new Uint8Array(this.#exports.memory.buffer, at, out.length));
    return answer;
  }

  beginImport(slots: number, rows: number, from: ImportedFile | null): number {
    if (from === null) return this.#exports.beginImport(this.#index, slots, rows, 0);
    const failure = this.#exports.keepOutside(this.#index);
    if (failure < 0) return failure;
    const answer = this.#exports.beginImport(this.#index, slots, rows, 1);
    if (answer < 0) return answer;
    this.#outside.file = new OriginalsFile();
    this.#outside.file.use(from.file, from.originalsAt);
    return answer;
  }

  useScratch(file: OpenFile): void {
    if (this.#exports.keepOutside(this.#index) >= 0) this.#outside.file = new OriginalsFile(file);
  }

  useOriginals(file: OpenFile, start: number): boolean {
    this.#outside.file?.use(file, start);
    return false;
  }

  /** Originals are read one by one when they are needed. */
  get mapped(): readonly Part[] {
    return this.keepsFiles ? [PART.originals] : [];
  }

  get keepsFiles(): boolean {
    return this.#outside.file !== undefined;
  }

  write(part: Part, from: number, count: number, bytes: Uint8Array): number {
    if (bytes.length < count * this.#elementBytes(part)) return FAILURE.outOfRange;
    const at = this.#pass(bytes);
    return at === 0 ? FAILURE.noMemory : this.#exports.write(this.#index, part, from, count, at);
  }

  sum(part: Part, from: number, count: number, seed: number, out: Uint32Array): number {
    const at = this.#room(out.byteLength);
    if (at === 0) return FAILURE.noMemory;
    const answer = this.#exports.sum(this.#index, part, from, count, seed, at);
    out[0] = new Uint32Array(this.#exports.memory.buffer, at, 1)[0]!;
    return answer;
  }

  checkImport(steps: number): number {
    return this.#exports.checkImport(this.#index, steps);
  }

  finishImport(entry: number, topLevel: number, found: Uint8Array): number {
    const at = this.#pass(found);
    if (at === 0) return FAILURE.noMemory;
    return this.#exports.finishImport(this.#index, entry, topLevel, at, found.length);
  }

  checksum(bytes: Uint8Array, seed: number): number {
    const at = this.#pass(bytes);
    if (at === 0) throw new RangeError('there is no memory for a checksum');
    return this.#exports.checksum(at, bytes.length, seed) >>> 0;
  }

  /** The memory goes with the instance. */
  destroy(): void {
    this.#outside.file?.close();
  }

  #elementBytes(part: Part): number {
    const { blockBytes, originalBytes, rowBytes } = describeKernel(this);
    return [blockBytes, originalBytes, rowBytes, 4][part] ?? Infinity;
  }

  #pass(values: Float32Array | Uint8Array): number {
    const at = this.#room(values.byteLength);
    if (at === 0) return 0;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(this.#exports.memory.buffer, at, bytes.length).set(bytes);
    return at;
  }

  /** The buffer, as large as asked for; 0 where there is no memory. */
  #room(bytes: number): number {
    if (this.#buffer === 0 || bytes > this.#bufferBytes) {
      let grown = Math.max(BUFFER_BYTES_FIRST, this.#bufferBytes);
      while (grown < bytes) grown *= 2;
      // An address from 2 GB on comes as a negative number.
      const at = this.#exports.buffer(grown) >>> 0;
      if (at === 0) return 0;
      this.#buffer = at;
      this.#bufferBytes = grown;
    }
    return this.#buffer;
  }
}
