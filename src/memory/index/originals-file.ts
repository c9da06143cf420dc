/**
 * Originals that lie in files instead of the memory of a kernel that cannot map them: WebAssembly and
 * JavaScript. Each is read when it is needed.
 */
import type { OpenFile } from './open-file.js';

export class OriginalsFile {
  /** A snapshot, and where the originals begin in it. */
  #base: { readonly file: OpenFile; readonly start: number } | undefined;
  /** Those that came later, by slot: in a file of our own, or in memory. */
  readonly #scratch: OpenFile | undefined;
  /** A bit a slot. */
  #inScratch = new Uint8Array(0);
  readonly #inMemory = new Map<number, Uint8Array>();

  constructor(scratch?: OpenFile) {
    this.#scratch = scratch;
  }

  /** `file` has the originals of all slots from `start` on. */
  use(file: OpenFile, start: number): void {
    this.#base?.file.close();
    this.#base = { file, start };
    this.#inScratch.fill(0);
    this.#inMemory.clear();
  }

  /** Fills `out` with the original of a slot. Throws what reading throws, and `damaged` behind the end. */
  load(slot: number, out: Uint8Array): void {
    const held = this.#inMemory.get(slot);
    const at = slot * out.length;
    if (held !== undefined) out.set(held);
    else if (this.#isInScratch(slot)) this.#scratch?.fill(out, at);
    else if (this.#base !== undefined) this.#base.file.fill(out, this.#base.start + at);
  }

  /** Where the file cannot be written, the original stays in memory. */
  store(slot: number, bytes: Uint8Array): void {
    this.#inMemory.delete(slot);
    try {
      if (this.#scratch !== undefined) {
        this.#scratch.write(bytes, slot * bytes.length);
        this.#setInScratch(slot, true);
        return;
      }
    } catch {
      this.#setInScratch(slot, false);
    }
    this.#inMemory.set(slot, bytes.slice());
  }

  #isInScratch(slot: number): boolean {
    return ((this.#inScratch[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  }

  #setInScratch(slot: number, isThere: boolean): void {
    if (slot >> 3 >= this.#inScratch.length) {
      const grown = new Uint8Array(Math.max(1024, 2 * this.#inScratch.length, (slot >> 3) + 1));
      grown.set(this.#inScratch);
      this.#inScratch = grown;
    }
    if (isThere) this.#inScratch[slot >> 3]! |= 1 << (slot & 7);
    else this.#inScratch[slot >> 3]! &= ~(1 << (slot & 7));
  }

  /** Bytes that are kept in memory. */
  get bytes(): number {
    const [first] = this.#inMemory.values();
    return this.#inMemory.size * (first?.length ?? 0);
  }

  close(): void {
    this.#base?.file.close();
    this.#scratch?.close();
  }
}
