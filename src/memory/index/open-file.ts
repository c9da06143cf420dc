/** Files of an index: closed once, by whoever needs them last, or when nobody does. */
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryError } from '../errors.js';

export class OpenFile {
  /** Valid while it is open. */
  readonly descriptor: number;
  #isOpen = true;

  private constructor(descriptor: number) {
    this.descriptor = descriptor;
    closeWhenForgotten.register(this, descriptor, this);
  }

  /** For reading. Throws what opening a file throws. */
  static read(path: string): OpenFile {
    return new OpenFile(openSync(path, 'r'));
  }

  /** A new file without a name, which goes with the process. Throws what opening a file throws. */
  static scratch(folder: string): OpenFile {
    const path = join(folder, `.agentic-flow-${randomUUID()}.scratch`);
    const descriptor = openSync(path, 'wx+', 0o600);
    rmSync(path);
    return new OpenFile(descriptor);
  }

  /** Fills `out` from a place on. Throws what reading throws, and `damaged` where the file ends before. */
  fill(out: Uint8Array, start: number): void {
    for (let done = 0; done < out.length;) {
      const read = readSync(this.descriptor, out, done, out.length - done, start + done);
      if (read === 0) throw new MemoryError('damaged', 'it ends early');
      done += read;
    }
  }

  /** Throws what writing throws. */
  write(bytes: Uint8Array, start: number): void {
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.descriptor, bytes, done, bytes.length - done, start + done);
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
