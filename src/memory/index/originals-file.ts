/**
 * Originals that lie in a file instead of the memory of a kernel that cannot map it: WebAssembly and
 * JavaScript. Each is read when it is needed; those that came later are kept here.
 */
import type { OpenFile } from './open-file.js';

export class OriginalsFile {
  readonly #file: OpenFile;
  readonly #start: number;
  readonly #later = new Map<number, Uint8Array>();

  /** The originals begin at `start` of the file, in the order of slots. */
  constructor(file: OpenFile, start: number) {
    this.#file = file;
    this.#start = start;
  }

  /** Fills `out` with the original of a slot. Throws what reading throws, and `damaged` behind the end. */
  load(slot: number, out: Uint8Array): void {
    const later = this.#later.get(slot);
    if (later === undefined) this.#file.read(out, this.#start + slot * out.length);
    else out.set(later);
  }

  store(slot: number, bytes: Uint8Array): void {
    this.#later.set(slot, bytes.slice());
  }

  /** Bytes that are kept in memory. */
  get bytes(): number {
    const [first] = this.#later.values();
    return this.#later.size * (first?.length ?? 0);
  }

  close(): void {
    this.#file.close();
  }
}
