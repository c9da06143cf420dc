import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader } from '../../../transport/rpc/frame-reader.js';
import { MESSAGE_BYTES_MAX, RECEIVE_BYTES_MAX } from '../../../transport/rpc/limits.js';
import { fuzz } from '../seed.js';

function frame(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + message.length);
  new DataView(bytes.buffer).setUint32(0, message.length);
  bytes.set(message, 4);
  return bytes;
}

const NOTHING = new Uint8Array();

describe('a frame', () => {
  it('is put together from any pieces', () => {
    const pieces = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 20 });
    void fuzz(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        pieces,
        fc.boolean(),
        (message, sizes, bare) => {
          const budget = { usedBytes: 0 };
          const reader = new FrameReader(budget);
          let rest = frame(message);
          for (const size of sizes) {
            if (rest.length <= size) break;
            // The bytes of a piece are only lent: they are spoilt after the call.
            const piece = rest.slice(0, size);
            expect(reader.push(piece, false)).toBeUndefined();
            piece.fill(0xee);
            rest = rest.subarray(size);
          }
          if (bare) expect(reader.push(rest, false)).toBeUndefined();
          const result = reader.push(bare ? NOTHING : rest, true);
          expect(Buffer.from(result ?? NOTHING).equals(message)).toBe(true);
          expect(budget.usedBytes).toBe(0);
        },
      ),
      300,
    );
  });

  it.each([
    ['nothing at all', [], true],
    ['half a length', [0, 0], true],
    ['less than its length', [0, 0, 0, 2, 1], true],
    ['more than its length', [0, 0, 0, 1, 1, 1], true],
    ['more than its length, and goes on', [0, 0, 0, 1, 1, 1], false],
    ['a length beyond the bound', [1, 0, 0, 1], false],
  ])('of %s is refused', (_what, bytes, isFinal) => {
    const reader = new FrameReader({ usedBytes: 0 });
    expect(() => reader.push(Uint8Array.from(bytes), isFinal)).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });

  it('takes memory for what has come, not for what is announced', () => {
    const budget = { usedBytes: 0 };
    const reader = new FrameReader(budget);
    reader.push(frame(new Uint8Array(MESSAGE_BYTES_MAX)).subarray(0, 10), false);
    expect(budget.usedBytes).toBe(4_096);
    reader.push(new Uint8Array(10_000), false);
    expect(budget.usedBytes).toBeLessThan(20_020);
    reader.release();
    expect(budget.usedBytes).toBe(0);
  });

  it('shares a budget with the others of its connection', () => {
    const budget = { usedBytes: 0 };
    const start = frame(new Uint8Array(MESSAGE_BYTES_MAX)).subarray(0, MESSAGE_BYTES_MAX);
    for (let count = 0; count < RECEIVE_BYTES_MAX / MESSAGE_BYTES_MAX; count += 1) {
      new FrameReader(budget).push(start, false);
    }
    expect(budget.usedBytes).toBeLessThanOrEqual(RECEIVE_BYTES_MAX);
    expect(() => new FrameReader(budget).push(start, false)).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    );
  });
});
