import { Http3Error } from './http3-error.js';
import { CAPSULE_BYTES_MAX } from './limits.js';
import { concat, copyOf } from './bytes.js';
import { encodeVarint, readVarint } from './varint.js';

/** A capsule (RFC 9297 3.2). */
export interface Capsule {
  readonly type: number;
  readonly value: Uint8Array;
}

export function encodeCapsule({ type, value }: Capsule): Uint8Array {
  return concat(encodeVarint(type), encodeVarint(value.length), value);
}

/**
 * Cuts a stream of capsules, whatever pieces it comes in. Capsules of other types than those known
 * are skipped, however long.
 */
export class CapsuleReader {
  readonly #known: ReadonlySet<number>;
  #rest: Uint8Array = new Uint8Array();
  #skipBytes = 0;

  constructor(known: ReadonlySet<number>) {
    this.#known = known;
  }

  /** True between capsules: only here the stream may end. */
  get isBetweenCapsules(): boolean {
    return this.#rest.length === 0 && this.#skipBytes === 0;
  }

  /** The capsules that are whole now. Throws `Http3Error` with code `datagram-error`. */
  receive(bytes: Uint8Array): Capsule[] {
    const capsules: Capsule[] = [];
    let rest = this.#rest.length === 0 ? bytes : concat(this.#rest, bytes);
    for (;;) {
      const skipped = Math.min(this.#skipBytes, rest.length);
      this.#skipBytes -= skipped;
      rest = rest.subarray(skipped);
      const type = readVarint(rest, 0);
      const length = type === undefined ? undefined : readVarint(rest, type.end);
      if (type === undefined || length === undefined) break;
      if (!this.#known.has(type.value)) {
        this.#skipBytes = length.value;
        rest = rest.subarray(length.end);
        continue;
      }
      if (length.value > CAPSULE_BYTES_MAX) {
        throw new Http3Error(
          'datagram-error',
          `a capsule of ${length.value} bytes; at most ${CAPSULE_BYTES_MAX} are taken`,
        );
      }
      const end = length.end + length.value;
      if (rest.length < end) break;
      capsules.push({ type: type.value, value: copyOf(rest.subarray(length.end, end)) });
      rest = rest.subarray(end);
    }
    this.#rest = copyOf(rest);
    return capsules;
  }
}
