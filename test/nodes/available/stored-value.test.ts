import { describe, expect, it } from 'vitest';

import { MEMORY_BYTES_MAX } from '../../../nodes/available/limits.js';
import { namespaceFrames } from '../../../nodes/available/namespace-file.js';
import { readRecords } from '../../../nodes/available/namespace-records.js';
import {
  conflicting,
  decodeStored,
  encodeStored,
  expiryOf,
  isLive,
} from '../../../nodes/available/stored-value.js';
import type { StoredValue } from '../../../nodes/available/stored-value.js';

const VALUE: StoredValue = {
  content: 'é',
  metadata: { a: 1 },
  by: 'p',
  atMs: 7,
  vector: { model: 'm', values: Float32Array.of(1, -0.5) },
};
/** Of version 1. */
const GOLDEN = {
  value:
    '01410000007b22636f6e74656e74223a22c3a9222c226d65746164617461223a7b2261223a317d2c226279223a2270222c2261744d73223a372c226d6f64656c223a226d227d0000803f000000bf',
  expiring:
    '01510000007b22636f6e74656e74223a22c3a9222c226d65746164617461223a7b2261223a317d2c226279223a2270222c2261744d73223a372c226578706972657341744d73223a392c226d6f64656c223a226d227d0000803f000000bf',
  file: '414661766169310a02000000c3a9',
};

describe('a stored value', () => {
  it('has the bytes of version 1', () => {
    const bytes = encodeStored(VALUE);
    expect(Buffer.from(bytes).toString('hex')).toBe(GOLDEN.value);
    expect(decodeStored(bytes)).toEqual(VALUE);
    const expiring = { ...VALUE, expiresAtMs: 9 };
    expect(Buffer.from(encodeStored(expiring)).toString('hex')).toBe(GOLDEN.expiring);
    expect(decodeStored(encodeStored(expiring))).toEqual(expiring);
    expect([expiryOf(encodeStored(expiring)), expiryOf(bytes), expiryOf('x')]).toEqual([
      9,
      Infinity,
      Infinity,
    ]);
    expect([8, 9].map((nowMs) => isLive(expiring, nowMs))).toEqual([true, false]);
    const bare = { ...VALUE, vector: null };
    expect(decodeStored(encodeStored(bare))).toEqual(bare);
  });

  it('is none when its bytes are cut, of another version, or no vector', () => {
    const bytes = encodeStored(VALUE);
    const json = 5 + Buffer.from(bytes).readUInt32LE(1);
    for (let end = 0; end < bytes.length; end += 1) {
      const read = decodeStored(bytes.slice(0, end));
      const isWhole = end >= json && (end - json) % 4 === 0;
      if (isWhole) expect(read?.content).toBe('é');
      else expect(read).toBeUndefined();
    }
    for (const [at, byte] of [
      [0, 2],
      [4, 0xff],
      [5, 0],
    ] as const) {
      const other = bytes.slice();
      other[at] = byte;
      expect(decodeStored(other)).toBeUndefined();
    }
    const infinite = { ...VALUE, vector: { model: 'm', values: Float32Array.of(NaN) } };
    expect(decodeStored(encodeStored(infinite))?.vector).toBeNull();
    for (const other of [null, 'text', 3, new Uint8Array()]) {
      expect(decodeStored(other)).toBeUndefined();
    }
  });

  it('is refused when it is too large', () => {
    expect(() => encodeStored({ ...VALUE, content: 'x'.repeat(MEMORY_BYTES_MAX) })).toThrow(
      /at most 65536 bytes with its vector, and this one has/,
    );
  });

  it('is in conflict with what says something else, the latest first, in one order everywhere', () => {
    const of = (content: string, atMs: number, by = 'a'): StoredValue => {
      return { ...VALUE, content, atMs, by };
    };
    const values = [of('old', 1), of('same', 3, 'b'), of('same', 3), of('new', 5), of('other', 3)];
    const contents = conflicting(values).map(({ content }) => content);
    expect(contents).toEqual(['new', 'other', 'same', 'old']);
    expect(conflicting(values.toReversed())).toEqual(conflicting(values));
    expect(conflicting([])).toEqual([]);
  });
});

describe('the file of a namespace', () => {
  it('has the bytes of version 1, and says what the last snapshot and what follows say', () => {
    const header = namespaceFrames.encodeHeader('é');
    const frame = namespaceFrames.encodeFrame([
      { kind: 'replica', bytes: Buffer.from('1.a') },
      { kind: 'update', bytes: Uint8Array.of(9) },
      { kind: 'snapshot', bytes: Uint8Array.of(1, 2) },
      { kind: 'update', bytes: Uint8Array.of(3) },
      { kind: 'replica', bytes: Buffer.from('1.b') },
    ]);
    expect(header.subarray(0, -4).toString('hex')).toBe(GOLDEN.file);
    expect(frame.subarray(8).toString('hex')).toBe(
      '0103000000312e61030100000009020200000001020301000000030103000000312e62',
    );
    const { name, records } = namespaceFrames.decode(Buffer.concat([header, frame]), 'x');
    expect(name).toBe('é');
    expect(readRecords(records)).toEqual({
      replica: '1.b',
      snapshot: Uint8Array.of(1, 2),
      updates: [Uint8Array.of(3)],
    });
    expect(readRecords([])).toEqual({ replica: undefined, snapshot: null, updates: [] });
  });

  it('is told from that of a document, and from a newer one', () => {
    const file = namespaceFrames.encodeHeader('n');
    file[6] = 0x32;
    expect(() => namespaceFrames.decode(file, 'x')).toThrow(/a newer release wrote it/);
    const other = Buffer.from('AFydoc1\n0000000000');
    expect(() => namespaceFrames.decode(other, 'x')).toThrow(/no file of an available namespace/);
  });
});
