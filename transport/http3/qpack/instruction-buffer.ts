import { Http3Error, type Http3ErrorCode } from '../http3-error.js';
import { QPACK_INSTRUCTION_BYTES_MAX } from '../limits.js';
import { concat, copyOf } from '../bytes.js';
import { PrimitiveReader } from './primitives.js';

/** Cuts an encoder or decoder stream into instructions, which may come in any pieces. */
export class InstructionBuffer {
  readonly #code: Http3ErrorCode;
  #rest: Uint8Array = new Uint8Array();

  constructor(code: Http3ErrorCode) {
    this.#code = code;
  }

  /**
   * Runs `read` for each whole instruction; it returns false when the instruction is not whole, and
   * has then done nothing. Throws `Http3Error` with the code of the stream.
   */
  receive(bytes: Uint8Array, read: (reader: PrimitiveReader) => boolean): void {
    let rest = this.#rest.length === 0 ? bytes : concat(this.#rest, bytes);
    while (rest.length > 0) {
      const reader = new PrimitiveReader(rest, this.#code, QPACK_INSTRUCTION_BYTES_MAX);
      if (!read(reader)) break;
      rest = rest.subarray(reader.at);
    }
    if (rest.length > QPACK_INSTRUCTION_BYTES_MAX) {
      throw new Http3Error(
        this.#code,
        `an instruction has more than ${QPACK_INSTRUCTION_BYTES_MAX} bytes`,
      );
    }
    this.#rest = copyOf(rest);
  }
}
