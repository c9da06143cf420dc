/** The kernel in plain JavaScript: the last rung, where neither the addon nor WebAssembly can run. */
import {
  FAILURE,
  type Description,
  type Kernel,
  type KernelSettings,
  type Part,
} from '../kernel.js';
import { Arena } from './arena.js';
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
    return this.#arena.add(values, key);
  }

  link(nodes: number): number {
    return linkPending(this.#arena, nodes);
  }

  remove(slot: number): number {
    return removeVector(this.#arena, slot);
  }

  vector(slot: number, out: Float32Array): number {
    const x = this.#arena;
    const state = slot < x.slotCount ? x.stateOf(slot) : 0;
    if (state !== 1 && state !== 2) return FAILURE.noSuchSlot;
    const at = (slot + 1) * x.floats;
    out.set(x.originals.subarray(at, at + x.dimensions));
    return 0;
  }

  search(...search: Parameters<Kernel['search']>): number {
    return searchBatch(this.#arena, ...search);
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
      bytesLow: bytes % 0x1_0000_0000,
      bytesHigh: Math.floor(bytes / 0x1_0000_0000),
    };
    out.set(Object.values(description));
  }

  read(part: Part, from: number, count: number, out: Uint8Array): number {
    return readPart(this.#arena, part, from, count, out);
  }

  beginImport(slots: number, rows: number): number {
    return beginImport(this.#arena, slots, rows);
  }

  write(part: Part, from: number, count: number, bytes: Uint8Array): number {
    return writePart(this.#arena, part, from, count, bytes);
  }

  finishImport(entry: number, topLevel: number): number {
    return finishImport(this.#arena, entry, topLevel);
  }

  checksum(bytes: Uint8Array, seed: number): number {
    return xxh32(bytes, seed);
  }

  /** Nothing to do: the garbage collector takes it. */
  destroy(): void {}
}
