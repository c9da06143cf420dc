/**
 * Blocks as files of versions 1 and 2 have them: int8 codes padded to 64 bytes, and the whole block again.
 * Since version 3 codes are padded to 8 bytes, and blocks follow each other without a gap.
 */
import type { CodeName } from './codes.js';
import type { Description } from './kernel.js';

const STEP_BYTES = 64;

export class PaddedBlocks {
  readonly blockBytes: number;
  readonly #paddedCodeBytes: number;
  readonly #codeBytes: number;
  /** Of what follows the codes: a header and links. */
  readonly #restBytes: number;

  constructor(codes: CodeName, dimensions: number, kernel: Description) {
    this.#codeBytes = kernel.codeBytes;
    this.#restBytes = kernel.blockBytes - kernel.codeBytes;
    this.#paddedCodeBytes = codes === 'int8' ? padded(dimensions) : kernel.codeBytes;
    this.blockBytes = padded(this.#paddedCodeBytes + this.#restBytes);
  }

  /** Blocks without their padding. */
  strip(blocks: Uint8Array): Uint8Array {
    const each = this.#codeBytes + this.#restBytes;
    const count = blocks.length / this.blockBytes;
    const stripped = new Uint8Array(count * each);
    for (let i = 0; i < count; i += 1) {
      const block = blocks.subarray(i * this.blockBytes, (i + 1) * this.blockBytes);
      stripped.set(block.subarray(0, this.#codeBytes), i * each);
      const restAt = this.#paddedCodeBytes;
      const rest = block.subarray(restAt, restAt + this.#restBytes);
      stripped.set(rest, i * each + this.#codeBytes);
    }
    return stripped;
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / STEP_BYTES) * STEP_BYTES;
}
