/** The kernel in plain JavaScript: the last rung, where neither the addon nor WebAssembly can run. */
import {
  FAILURE,
  NONE,
  type Description,
  type Kernel,
  type KernelSettings,
  type Part,
} from '../kernel.js';
import { Arena, STATE } from './arena.js';
import { linkPending, removeVector } from './graph.js';
import { beginImport, finishImport, readPart, writePart } from './parts.js';
import { searchBatch } from './search.js';
import { xxh32 } from './xxhash.js';

export class JavaScriptKernel implements Kernel {
  readonly #arena: Arena;

  constructor(settings: KernelSettings) {
    this.#arena = new Arena(settings);
  }

  add(values: Float32Array, key: number): number {
    const x = this.#arena;
    return this.#refuses([], values, x.dimensions) ? FAILURE.outOfRange : x.add(values, key);
  }

  link(nodes: number): number {
    return this.#refuses([nodes]) ? FAILURE.outOfRange : linkPending(this.#arena, nodes);
  }

  remove(slot: number): number {
    return this.#refuses([slot]) ? FAILURE.outOfRange : removeVector(this.#arena, slot);
  }

  vector(slot: number, out: Float32Array): number {
    const x = this.#arena;
    if (this.#refuses([slot], out, x.dimensions)) return FAILURE.outOfRange;
    const state = slot < x.slotCount ? x.stateOf(slot) : STATE.free;
    if (state === STATE.free || state >= STATE.dead) return FAILURE.noSuchSlot;
    const at = (slot + 1) * x.floats;
    out.set(x.originals.subarray(at, at + x.dimensions));
    return 0;
  }

  encode(values: Float32Array, count: number, out: Uint8Array): number {
    const x = this.#arena;
    if (this.#refuses([count], values, count * x.dimensions)) return FAILURE.outOfRange;
    return x.encode(values, count, out);
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
    };
    out.set(Object.values(description));
  }

  read(part: Part, from: number, count: number, out: Uint8Array): number {
    if (this.#refuses([part, from, count])) return FAILURE.outOfRange;
    return readPart(this.#arena, part, from, count, out);
  }

  beginImport(slots: number, rows: number): number {
    if (this.#refuses([slots, rows])) return FAILURE.outOfRange;
    return beginImport(this.#arena, slots, rows);
  }

  write(part: Part, from: number, count: number, bytes: Uint8Array): number {
    if (!areCounts([part, from, count])) return FAILURE.outOfRange;
    return writePart(this.#arena, part, from, count, bytes);
  }

  finishImport(entry: number, topLevel: number): number {
    if (!areCounts([entry, topLevel])) return FAILURE.outOfRange;
    return finishImport(this.#arena, entry, topLevel);
  }

  checksum(bytes: Uint8Array, seed: number): number {
    return xxh32(bytes, seed);
  }

  /** Nothing to do: the garbage collector takes it. */
  destroy(): void {}

  /** Whether a call has to be refused: during an import, and with arguments that could do harm. */
  #refuses(counts: readonly number[], values?: Float32Array, length = 0): boolean {
    if (this.#arena.isImporting || !areCounts(counts)) return true;
    return values !== undefined && !(values instanceof Float32Array && values.length === length);
  }
}

function areCounts(values: readonly number[]): boolean {
  return values.every((value) => Number.isInteger(value) && value >= 0 && value <= NONE);
}
