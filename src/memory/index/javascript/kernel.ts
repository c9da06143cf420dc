/** The kernel in plain JavaScript: the last rung, where neither the addon nor WebAssembly can run. */
import {
  FAILURE,
  NONE,
  PART,
  type Description,
  type ImportedFile,
  type Kernel,
  type KernelSettings,
  type Part,
} from '../kernel.js';
import type { OpenFile } from '../open-file.js';
import { OriginalsFile } from '../originals-file.js';
import { Arena, STATE } from './arena.js';
import { linkPending, removeVector } from './graph.js';
import { beginImport, checkImport, finishImport, readPart, sumPart, writePart } from './parts.js';
import { searchBatch } from './search.js';
import { addVector, encodeVectors } from './store.js';
import { xxh32 } from './xxhash.js';

export class JavaScriptKernel implements Kernel {
  readonly #arena: Arena;

  constructor(settings: KernelSettings) {
    this.#arena = new Arena(settings);
  }

  add(values: Float32Array, key: number): number {
    const x = this.#arena;
    return this.#refuses([], values, x.dimensions) ? FAILURE.outOfRange : addVector(x, values, key);
  }

  link(nodes: number): number {
    const x = this.#arena;
    if (this.#refuses([nodes])) return FAILURE.outOfRange;
    const left = linkPending(x, nodes);
    return x.isDamaged ? FAILURE.damaged : left;
  }

  /** There is one thread. */
  linkBatch(): null {
    return null;
  }

  remove(slot: number): number {
    const x = this.#arena;
    if (this.#refuses([slot])) return FAILURE.outOfRange;
    const result = removeVector(x, slot);
    return x.isDamaged ? FAILURE.damaged : result;
  }

  vector(slot: number, out: Float32Array): number {
    const x = this.#arena;
    if (this.#refuses([slot], out, x.dimensions)) return FAILURE.outOfRange;
    const state = slot < x.slotCount ? x.stateOf(slot) : STATE.free;
    if (state === STATE.free || state >= STATE.dead) return FAILURE.noSuchSlot;
    const at = x.originalFor(slot);
    if (at < 0) return FAILURE.damaged;
    out.set(x.originals.subarray(at, at + x.dimensions));
    return 0;
  }

  encode(values: Float32Array, count: number, out: Uint8Array): number {
    const x = this.#arena;
    if (this.#refuses([count], values, count * x.dimensions)) return FAILURE.outOfRange;
    return encodeVectors(x, values, count, out);
  }

  search(...search: Parameters<Kernel['search']>): number {
    const x = this.#arena;
    const [queries, queryCount, k, breadth, rescored] = search;
    if (this.#refuses([queryCount, k, breadth, rescored], queries, queryCount * x.dimensions)) {
      return FAILURE.outOfRange;
    }
    return searchBatch(x, ...search);
  }

  describe(out: Uint32Array): void {
    const x = this.#arena;
    const bytes =
      x.codes.byteLength +
      x.originals.byteLength +
      x.rows.byteLength +
      x.sums.byteLength +
      (x.outside?.bytes ?? 0) +
      x.slotCapacity * (2 + 1 / 8 + 1 / 8 + 4 + 4 + 8);
    const description: Description = {
      slotCount: x.slotCount,
      rowCount: x.rowCount,
      linkedCount: x.linked,
      pendingCount: x.pending,
      deadCount: x.dead,
      entry: x.entry,
      topLevel: x.topLevel,
      blockBytes: x.strideBytes,
      originalBytes: x.floats * 4,
      rowBytes: x.rowWords * 4,
      codeBytes: x.codeBytes,
      bytesLow: bytes % 0x1_0000_0000,
      bytesHigh: Math.floor(bytes / 0x1_0000_0000),
      isImporting: Number(x.isImporting),
      slotCapacity: x.slotCapacity,
    };
    out.set(Object.values(description));
  }

  read(part: Part, from: number, count: number, out: Uint8Array): number {
    if (this.#refuses([part, from, count])) return FAILURE.outOfRange;
    return readPart(this.#arena, part, from, count, out);
  }

  beginImport(slots: number, rows: number, from: ImportedFile | null): number {
    const x = this.#arena;
    if (this.#refuses([slots, rows]) || x.slotCount !== 0) return FAILURE.outOfRange;
    if (from !== null) {
      x.keepOutside(new OriginalsFile());
      x.outside?.use(from.file, from.originalsAt);
    }
    return beginImport(x, slots, rows, from !== null);
  }

  /** Originals are read one by one when they are needed. */
  get mapped(): readonly Part[] {
    return this.keepsFiles ? [PART.originals] : [];
  }

  useScratch(file: OpenFile): void {
    if (this.#arena.slotCount === 0) this.#arena.keepOutside(new OriginalsFile(file));
  }

  useOriginals(file: OpenFile, start: number): boolean {
    this.#arena.outside?.use(file, start);
    return false;
  }

  get keepsFiles(): boolean {
    return this.#arena.outside !== undefined;
  }

  write(part: Part, from: number, count: number, bytes: Uint8Array): number {
    if (!areCounts([part, from, count])) return FAILURE.outOfRange;
    return writePart(this.#arena, part, from, count, bytes);
  }

  sum(part: Part, from: number, count: number, seed: number, out: Uint32Array): number {
    if (!areCounts([part, from, count, seed])) return FAILURE.outOfRange;
    return sumPart(this.#arena, part, from, count, seed, out);
  }

  checkImport(steps: number): number {
    return areCounts([steps]) ? checkImport(this.#arena, steps) : FAILURE.outOfRange;
  }

  finishImport(entry: number, topLevel: number, found: Uint8Array): number {
    if (!areCounts([entry, topLevel])) return FAILURE.outOfRange;
    return finishImport(this.#arena, entry, topLevel, found);
  }

  checksum(bytes: Uint8Array, seed: number): number {
    return xxh32(bytes, seed);
  }

  /** The garbage collector takes the memory. */
  destroy(): void {
    this.#arena.outside?.close();
  }

  /** Whether a call has to be refused: during an import, and with arguments that could do harm. */
  #refuses(counts: readonly number[], values?: Float32Array, length = 0): boolean {
    if (this.#arena.isImporting || !areCounts(counts)) return true;
    return values !== undefined && !(values instanceof Float32Array && values.length === length);
  }
}

function areCounts(values: readonly number[]): boolean {
  return values.every((value) => Number.isInteger(value) && value >= 0 && value <= NONE);
}
