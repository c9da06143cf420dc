/** The file of a trained reranker: what is written comes back, and nothing else is taken. */
import { readFileSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { MemoryError } from '../../../../src/memory/errors.js';
import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import { type ModelShape, weightCount } from '../../../../src/memory/rerank/architecture.js';
import { Reranker } from '../../../../src/memory/rerank/reranker.js';
import { trainReranker } from '../../../../src/memory/rerank/train.js';
import { prepare } from '../../../../src/memory/rerank/training-example.js';
import { openReranker, saveReranker } from '../../../../src/memory/rerank/weights-file.js';
import { seedOf } from '../neural/support.js';
import { scratch } from '../support.js';
import { examples, MODEL_NAME, SHAPES } from './support.js';

const tiny: ModelShape = {
  architecture: 'sage-mean',
  dimensions: 1,
  width: 1,
  heads: 1,
  experts: 0,
  active: 0,
  hops: 1,
};

function codeOf(path: string): string | undefined {
  try {
    openReranker(path);
    return undefined;
  } catch (error) {
    return error instanceof MemoryError ? error.code : `no error of ours: ${String(error)}`;
  }
}

describe('the file of a reranker', () => {
  it.each(SHAPES.map((shape) => [shape.architecture, shape] as const))(
    'brings a trained %s back',
    async (architecture, { width, heads, experts, active, hops }) => {
      const trained = await trainReranker({
        architecture,
        model: 'modèle',
        examples: examples(10),
        epochs: 1,
        shape: { width, heads, experts, active, hops },
      });
      const path = scratch('weights');
      saveReranker(trained, path);
      const opened = openReranker(path);
      expect(opened.shape).toEqual(trained.shape);
      expect(opened.model).toBe('modèle');
      expect(opened.id).toBe(trained.id);
      const { input } = prepare(examples(1, { seed: 7 })[0]!, true);
      expect(opened.scores(input)).toEqual(trained.scores(input));
    },
  );

  /** Version 1 of the format as it was released: these bytes are read for ever. */
  const golden = [
    '4146 5241 4e4b 0d0a 0100 0000 0500 0000',
    '0100 0000 0100 0000 0100 0000 0000 0000',
    '0000 0000 0100 0000 0100 0000 0400 0000',
  ];

  it('has the bytes of the released format', () => {
    const path = scratch('golden');
    saveReranker(new Reranker(tiny, 'm', Float32Array.of(1, -2, 0.5, 4)), path);
    const bytes = readFileSync(path);
    const start = Buffer.from(golden.join('').replaceAll(' ', ''), 'hex');
    expect(bytes.subarray(0, 48)).toEqual(start);
    const weights = Buffer.from('0000803f000000c00000003f00008040', 'hex');
    const sums = [crc32('m'), crc32(weights), 0];
    expect([48, 52, 56].map((at) => bytes.readUInt32LE(at))).toEqual(sums);
    expect(bytes.readUInt32LE(60)).toBe(crc32(bytes.subarray(0, 60)));
    expect(bytes.subarray(64)).toEqual(Buffer.concat([Buffer.from('m'), weights]));
    expect(bytes).toHaveLength(81);
    expect(openReranker(path).weights()).toEqual(Float32Array.of(1, -2, 0.5, 4));
  });

  it('is refused when any bit is another, or any end is missing', () => {
    const path = scratch('flipped');
    saveReranker(new Reranker(tiny, 'm', Float32Array.of(1, -2, 0.5, 4)), path);
    const whole = readFileSync(path);
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(path, bytes);
      const byte = bit >> 3;
      const expected = byte < 8 ? ['not-a-database'] : ['damaged', 'newer-version'];
      expect(expected, `bit ${bit}`).toContain(codeOf(path));
      if (byte >= 12) expect(codeOf(path)).toBe('damaged');
    }
    for (let length = 0; length < whole.length; length += 1) {
      writeFileSync(path, whole.subarray(0, length));
      expect(codeOf(path)).toBe(length < 64 ? 'not-a-database' : 'damaged');
    }
    writeFileSync(path, Buffer.concat([whole, Buffer.of(0)]));
    expect(codeOf(path)).toBe('damaged');
  });

  it('is refused with sums that are right over what is wrong', () => {
    const path = scratch('forged');
    saveReranker(new Reranker(tiny, 'm', Float32Array.of(1, -2, 0.5, 4)), path);
    const whole = readFileSync(path);
    const forged = (change: (bytes: Buffer) => void): string | undefined => {
      const bytes = Buffer.from(whole);
      change(bytes);
      bytes.writeUInt32LE(crc32(bytes.subarray(64, 65)), 48);
      bytes.writeUInt32LE(crc32(bytes.subarray(65)), 52);
      bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
      writeFileSync(path, bytes);
      return codeOf(path);
    };
    expect(forged(() => undefined)).toBeUndefined();
    // Each number of the shape, and the two lengths, as large as they can be said.
    for (let at = 12; at < 48; at += 4) {
      expect(forged((bytes) => bytes.writeUInt32LE(0xffffffff, at))).toBe('damaged');
    }
    expect(forged((bytes) => bytes.writeUInt32LE(0, 8))).toBe('damaged');
    expect(forged((bytes) => bytes.writeUInt32LE(2, 8))).toBe('newer-version');
    expect(forged((bytes) => bytes.writeFloatLE(Number.NaN, 65))).toBe('damaged');
    expect(forged((bytes) => bytes.writeUInt32LE(5, 44))).toBe('damaged');
  });

  it('is refused when it is random bytes', () => {
    const random = new SeededRandom(seedOf());
    const path = scratch('random');
    for (let round = 0; round < 200; round += 1) {
      const bytes = Buffer.from(
        Array.from({ length: Math.floor(random.fraction() * 300) }, () => random.fraction() * 256),
      );
      if (round % 2 === 0) bytes.write('AFRANK\r\n', 'latin1');
      writeFileSync(path, bytes);
      expect(codeOf(path)).toMatch(/^(not-a-database|damaged|newer-version)$/);
    }
  });

  it('tells where none is, and keeps the old one when a new one cannot be written', () => {
    expect(codeOf(scratch('nothing'))).toBe('not-found');
    const path = scratch('kept');
    const kept = new Reranker(tiny, 'm', Float32Array.of(1, 2, 3, 4));
    saveReranker(kept, path);
    const long = new Reranker(tiny, 'm'.repeat(20_000), Float32Array.of(0, 0, 0, 0));
    expect(() => saveReranker(long, path)).toThrow(/too long/);
    expect(openReranker(path).id).toBe(kept.id);
    expect(() => saveReranker(kept, `${scratch('no')}/such/folder`)).toThrow(MemoryError);
  });

  it('holds only weights that fit', () => {
    expect(weightCount(tiny)).toBe(4);
    const few = (): Reranker => new Reranker(tiny, MODEL_NAME, Float32Array.of(1));
    expect(few).toThrow(/has 4 weights, not 1/);
    const wrong = (): Reranker => new Reranker(tiny, 'm', Float32Array.of(1, 2, 3, Infinity));
    expect(wrong).toThrow(/no finite number/);
  });
});
