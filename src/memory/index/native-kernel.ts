/** The kernel as a Node addon, where the install step could build it. */
import { createRequire } from 'node:module';
import { Codebook } from './codebook.js';
import {
  checked,
  PART,
  settingNumbers,
  type ImportedFile,
  type Kernel,
  type KernelSettings,
  type Part,
} from './kernel.js';

import type { OpenFile } from './open-file.js';

type Handle = object;

export interface Addon {
  create(...settings: ReturnType<typeof settingNumbers>): Handle | null;
  setCodebook(handle: Handle, centroids: Float32Array): number;
  encode(handle: Handle, values: Float32Array, count: number, out: Uint8Array): number;
  destroy(handle: Handle): void;
  add(handle: Handle, values: Float32Array, key: number): number;
  link(handle: Handle, nodes: number): number;
  linkBatch(handle: Handle, threads: number): Promise<number> | null;
  remove(handle: Handle, slot: number): number;
  vector(handle: Handle, slot: number, out: Float32Array): number;
  search(handle: Handle, ...search: Parameters<Kernel['search']>): number;
  describe(handle: Handle, out: Uint32Array): void;
  read(handle: Handle, part: number, from: number, count: number, out: Uint8Array): number;
  beginImport(handle: Handle, slots: number, rows: number, hasSums: number): number;
  useScratch(handle: Handle, file: number): boolean;
  map(handle: Handle, part: number, file: number, start: number): boolean;
  moveOriginals(handle: Handle, file: number, start: number, step: number): boolean;
  write(handle: Handle, part: number, from: number, count: number, bytes: Uint8Array): number;
  sum(handle: Handle, ...sum: Parameters<Kernel['sum']>): number;
  checkImport(handle: Handle, steps: number): number;
  finishImport(handle: Handle, entry: number, topLevel: number, found: Uint8Array): number;
  checksum(bytes: Uint8Array, seed: number): number;
  instructions(): string;
  /** 0 plain, 1 AVX2, 2 the best. */
  use(build: number): boolean;
}

const ADDON_PATH = '../../../../native/build/Release/vector_kernel.node';

/** The addon; throws where it was not built. */
export function loadAddon(): Addon {
  return createRequire(import.meta.url)(ADDON_PATH) as Addon;
}

export class NativeKernel implements Kernel {
  readonly #addon: Addon;
  readonly #handle: Handle;
  readonly mapped: Part[] = [];

  private constructor(addon: Addon, handle: Handle) {
    this.#addon = addon;
    this.#handle = handle;
  }

  static create(addon: Addon, settings: KernelSettings): NativeKernel | undefined {
    const handle = addon.create(...settingNumbers(settings));
    if (handle === null) return undefined;
    if (settings.codes instanceof Codebook) {
      checked(addon.setCodebook(handle, settings.codes.centroids));
    }
    return new NativeKernel(addon, handle);
  }

  encode(values: Float32Array, count: number, out: Uint8Array): number {
    return this.#addon.encode(this.#handle, values, count, out);
  }

  add(values: Float32Array, key: number): number {
    return this.#addon.add(this.#handle, values, key);
  }

  link(nodes: number): number {
    return this.#addon.link(this.#handle, nodes);
  }

  linkBatch(threads: number): Promise<number> | null {
    return this.#addon.linkBatch(this.#handle, threads);
  }

  remove(slot: number): number {
    return this.#addon.remove(this.#handle, slot);
  }

  vector(slot: number, out: Float32Array): number {
    return this.#addon.vector(this.#handle, slot, out);
  }

  search(...search: Parameters<Kernel['search']>): number {
    return this.#addon.search(this.#handle, ...search);
  }

  describe(out: Uint32Array): void {
    this.#addon.describe(this.#handle, out);
  }

  read(part: Part, from: number, count: number, out: Uint8Array): number {
    return this.#addon.read(this.#handle, part, from, count, out);
  }

  beginImport(slots: number, rows: number, from: ImportedFile | null): number {
    const answer = this.#addon.beginImport(this.#handle, slots, rows, Number(from !== null));
    if (answer < 0 || from === null) return answer;
    const { blocksAt, originalsAt } = from;
    const file = from.file.descriptor;
    if (blocksAt !== undefined && this.#addon.map(this.#handle, PART.blocks, file, blocksAt)) {
      this.mapped.push(PART.blocks);
    }
    if (this.#addon.map(this.#handle, PART.originals, file, originalsAt)) {
      this.mapped.push(PART.originals);
    }
    return answer;
  }

  useScratch(file: OpenFile): void {
    this.#addon.useScratch(this.#handle, file.descriptor);
  }

  useOriginals(file: OpenFile, start: number, step: number): boolean {
    return this.#addon.moveOriginals(this.#handle, file.descriptor, start, step);
  }

  /** A mapping does not need the file, and of the scratch file the addon has a descriptor of its own. */
  get keepsFiles(): boolean {
    return false;
  }

  write(part: Part, from: number, count: number, bytes: Uint8Array): number {
    return this.#addon.write(this.#handle, part, from, count, bytes);
  }

  sum(...sum: Parameters<Kernel['sum']>): number {
    return this.#addon.sum(this.#handle, ...sum);
  }

  checkImport(steps: number): number {
    return this.#addon.checkImport(this.#handle, steps);
  }

  finishImport(entry: number, topLevel: number, found: Uint8Array): number {
    return this.#addon.finishImport(this.#handle, entry, topLevel, found);
  }

  checksum(bytes: Uint8Array, seed: number): number {
    return this.#addon.checksum(bytes, seed);
  }

  destroy(): void {
    this.#addon.destroy(this.#handle);
  }
}
