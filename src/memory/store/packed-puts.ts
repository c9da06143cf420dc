/**
 * Puts as one block of bytes: it is handed to the thread of a store without a copy, and is what the log of
 * puts keeps.
 *
 *   vectors (4 bytes), components of each (4), the vectors, JSON of [model, [put, ...]]
 *
 * Numbers are little-endian. A put is [key, content, metadata, time, expiry, 1 if it has a vector].
 */
import { assert } from '../errors.js';
import type { PutOperation } from './operations.js';
import { bytesOfVector, vectorOfBytes } from '../vector-bytes.js';

const HEAD_BYTES = 8;

/** All puts of one write. */
export interface PackedPuts {
  readonly block: Uint8Array<ArrayBuffer>;
  readonly count: number;
}

type PutParts = readonly [
  key: string,
  content: string,
  metadata: string,
  timestampMs: number,
  expiresAtMs: number | null,
  hasVector: 0 | 1,
];

/** The vectors are of one model and length, as those of a store are. The block has a buffer of its own. */
export function packPuts(puts: readonly PutOperation[]): PackedPuts {
  const vectors = puts.flatMap(({ vector }) => (vector === null ? [] : [vector]));
  const [first] = vectors;
  const dimensions = first?.values.length ?? 0;
  const parts = puts.map(
    ({ key, content, metadata, timestampMs, expiresAtMs, vector }): PutParts => {
      return [key, content, metadata, timestampMs, expiresAtMs, vector === null ? 0 : 1];
    },
  );
  const texts = Buffer.from(JSON.stringify([first?.model ?? null, parts]));
  const textsAt = HEAD_BYTES + vectors.length * dimensions * 4;
  const block = new Uint8Array(textsAt + texts.length);
  const head = new DataView(block.buffer);
  head.setUint32(0, vectors.length, true);
  head.setUint32(4, dimensions, true);
  for (const [at, { model, values }] of vectors.entries()) {
    const isOne = model === first?.model && values.length === dimensions;
    assert(isOne, 'the vectors of a store are of one model and length');
    block.set(bytesOfVector(values), HEAD_BYTES + at * dimensions * 4);
  }
  block.set(texts, textsAt);
  return { block, count: puts.length };
}

/** The puts of a block that `packPuts` made. Throws if it is none. */
export function unpackPuts(block: Uint8Array): PutOperation[] {
  const head = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const [count, dimensions] = [head.getUint32(0, true), head.getUint32(4, true)];
  const textsAt = HEAD_BYTES + count * dimensions * 4;
  assert(textsAt <= block.length, 'a block of puts holds its vectors');
  // One copy of all of them: the block may begin anywhere.
  const values = vectorOfBytes(block.subarray(HEAD_BYTES, textsAt));
  const texts = Buffer.from(block.buffer, block.byteOffset + textsAt, block.length - textsAt);
  const [model, parts] = JSON.parse(texts.toString()) as [string | null, PutParts[]];
  let vector = 0;
  return parts.map(([key, content, metadata, timestampMs, expiresAtMs, hasVector]) => {
    const put = { type: 'put', key, content, metadata, timestampMs, expiresAtMs } as const;
    if (hasVector === 0 || model === null) return { ...put, vector: null };
    assert(vector < count, 'a block of puts has a vector for each put that says so');
    const from = vector * dimensions;
    vector += 1;
    return { ...put, vector: { model, values: values.subarray(from, from + dimensions) } };
  });
}
