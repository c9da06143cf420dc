import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameBuffer } from '../../../transport/rpc/frame-buffer.js';
import { MESSAGE_BYTES_MAX, RECEIVE_BYTES_MAX } from '../../../transport/rpc/limits.js';
import { fuzz } from '../seed.js';

function frame(message: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

/** Takes all whole frames, copied. */
function takeAll(buffer: FrameBuffer): Buffer[] {
  const taken: Buffer[] = [];
  for (let next = buffer.next(); next !== undefined; next = buffer.next()) {
    taken.push(Buffer.from(next));
  }
  return taken;
}

describe('frames', () => {
  it('are cut out of any pieces, taken at any time', () => {
    void fuzz(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 9_000 }), { maxLength: 8 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 12_000 }), fc.nat({ max: 3 })), {
          minLength: 1,
          maxLength: 40,
        }),
        (messages, pieces) => {
          const budget = { usedBytes: 0 };
          const buffer = new FrameBuffer(budget);
          const taken: Buffer[] = [];
          let rest: Uint8Array = Buffer.concat(messages.map(frame));
          for (let index = 0; rest.length > 0; index += 1) {
            const [size, takes] = pieces[index % pieces.length] ?? [1, 0];
            // The bytes of a piece are only lent: they are spoilt after the call.
            const piece = rest.slice(0, size);
            rest = rest.subarray(size);
            buffer.push(piece);
            for (let left = takes; left > 0 && buffer.hasFrame(); left -= 1) {
              taken.push(Buffer.from(buffer.next() ?? []));
            }
            buffer.keep();
            piece.fill(0xee);
          }
          taken.push(...takeAll(buffer));
          buffer.keep();
          expect(taken.length).toBe(messages.length);
          messages.forEach((message, index) => {
            expect(taken[index]?.equals(message)).toBe(true);
          });
          expect([buffer.size, budget.usedBytes]).toEqual([0, 0]);
        },
      ),
      300,
    );
  });

  it('that come in one piece are not copied', () => {
    const budget = { usedBytes: 0 };
    const buffer = new FrameBuffer(budget);
    const bytes = frame(Uint8Array.of(1, 2, 3));
    buffer.push(bytes);
    expect(buffer.next()?.buffer).toBe(bytes.buffer);
    buffer.keep();
    expect(budget.usedBytes).toBe(0);
  });

  it('take memory for what has come, not for what is announced', () => {
    const budget = { usedBytes: 0 };
    const buffer = new FrameBuffer(budget);
    buffer.push(frame(new Uint8Array(MESSAGE_BYTES_MAX)).subarray(0, 10));
    buffer.keep();
    expect(budget.usedBytes).toBe(4_096);
    buffer.release();
    expect(budget.usedBytes).toBe(0);
  });

  it('are refused when they are too long, and when all together are too many', () => {
    const buffer = new FrameBuffer({ usedBytes: 0 });
    buffer.push(Buffer.from('01000001', 'hex'));
    expect(() => buffer.next()).toThrow(expect.objectContaining({ reason: 'message-too-long' }));
    const short = new FrameBuffer({ usedBytes: 0 });
    short.push(Buffer.from('00000005', 'hex'));
    expect(() => short.next(4)).toThrow(expect.objectContaining({ reason: 'head-too-long' }));
    const full = new FrameBuffer({ usedBytes: RECEIVE_BYTES_MAX });
    full.push(Uint8Array.of(0));
    expect(() => full.keep()).toThrow(
      expect.objectContaining({ code: 'overloaded', reason: 'receive-bytes' }),
    );
  });
});
