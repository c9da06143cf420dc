/** A file that is open for reading, closed once by whoever needs it last. */
import { closeSync, openSync, readSync } from 'node:fs';
import { MemoryError } from '../errors.js';

export class OpenFile {
  /** The descriptor, while it is open. */
  readonly descriptor: number;
  #isOpen = true;

  /** Throws what opening a file throws. */
  constructor(path: string) {
    this.descriptor = openSync(path, 'r');
    closeWhenForgotten.register(this, this.descriptor, this);
  }

  /** Fills `out` from a place on. Throws what reading throws, and `damaged` where the file ends before. */
  read(out: Uint8Array, start: number): void {
    for (let done = 0; done < out.length;) {
      const read = readSync(this.descriptor, out, done, out.length - done, start + done);
      if (read === 0) throw new MemoryError('damaged', 'it ends early');
      done += read;
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeWhenForgotten.unregister(this);
    closeSync(this.descriptor);
  }
}

/** An index that nobody closed must not keep its file. */
const closeWhenForgotten = new FinalizationRegistry<number>((file) => closeSync(file));
