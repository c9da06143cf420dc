import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { MESSAGE_DEPTH_MAX, MESSAGE_VALUES_MAX } from '../../../transport/rpc/limits.js';
import { findProblem } from '../../../transport/rpc/message-shape.js';
import { fuzz } from '../seed.js';

const unhex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Arrays of one member inside one another. */
function nested(depth: number): Uint8Array {
  return Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.of(1)]);
}

/** An array of zeros. */
function zeros(count: number): Uint8Array {
  const bytes = Buffer.alloc(5 + count);
  bytes[0] = 0xdd;
  bytes.writeUInt32BE(count, 1);
  return bytes;
}

describe('the shape of a message', () => {
  it.each([
    ['nothing', '', /middle/],
    ['an array that ends early', '92 01', /middle/],
    ['a map that ends early', '81 a161', /middle/],
    ['a string that ends early', 'a361', /middle/],
    ['a string whose length is missing', 'da', /middle/],
    ['a number that ends early', 'cb 00', /middle/],
    ['an array that claims 4 G members', 'dd ffffffff 01', /middle/],
    ['a map that claims 4 G members', 'df ffffffff 01', /middle/],
    ['bytes that claim 4 GB', 'c6 ffffffff 01', /middle/],
    ['bytes after the end', '01 01', /after the end/],
    ['the type that is never used', 'c1', /type 0xc1/],
    ['a record definition', 'd4 72 40 91 a161 01', /type 0xd4/],
    ['a regular expression', 'c7 05 78 92 a161 a0', /type 0xc7/],
    ['a timestamp', 'd6 ff 00000000', /type 0xd6/],
    ['a reference', 'd6 70 00000001', /type 0xd6/],
    ['a number for a key', '81 01 01', /key that is not a string/],
    ['an array for a key', '81 90 01', /key that is not a string/],
    ['the key __proto__', '81 a9 5f5f70726f746f5f5f 80', /'__proto__'/],
    ['the key __proto__ in a longer form', '81 d909 5f5f70726f746f5f5f 80', /'__proto__'/],
    ['the key __proto__ further in', '91 82 a161 01 a9 5f5f70726f746f5f5f 80', /'__proto__'/],
    ['an integer beyond 2^53', 'cf 0020000000000000', /2\^53/],
    ['a negative integer beyond 2^53', 'd3 8000000000000000', /2\^53/],
  ])('%s is refused', (_what, text, pattern) => {
    expect(findProblem(unhex(text))).toMatch(pattern);
  });

  it.each([
    ['__proto__ as a value', '81 a161 a9 5f5f70726f746f5f5f'],
    ['2^53 - 1', 'cf 001fffffffffffff'],
    ['1 - 2^53', 'd3 ffe0000000000001'],
    ['an empty map in an empty map', '81 a0 80'],
    ['long forms of short things', '92 dc0001 c0 dd00000001 de0001 da0000 c0'],
  ])('%s is accepted', (_what, text) => {
    expect(findProblem(unhex(text))).toBeUndefined();
  });

  it('is bounded in depth', () => {
    expect(findProblem(nested(MESSAGE_DEPTH_MAX))).toBeUndefined();
    expect(findProblem(nested(MESSAGE_DEPTH_MAX + 1))).toMatch(/levels/);
    expect(findProblem(nested(1_000_000))).toMatch(/levels/);
  });

  it('is bounded in values', () => {
    expect(findProblem(zeros(MESSAGE_VALUES_MAX - 1))).toBeUndefined();
    expect(findProblem(zeros(MESSAGE_VALUES_MAX))).toMatch(/values/);
  });

  it('of every plain value is accepted', () => {
    const packr = new Packr({ useRecords: false });
    const value = fc.jsonValue({ depthSize: 'medium' });
    const plain = value.filter((each) => !JSON.stringify(each).includes('"__proto__"'));
    void fuzz(
      fc.property(plain, (each) => {
        expect(findProblem(packr.pack(each))).toBeUndefined();
      }),
      500,
    );
  });

  it('of any bytes that is accepted is decoded without an exception, to a plain value', () => {
    const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });
    const token = fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(0x81, 0x92, 0xa1, 0xc0),
    );
    let acceptedCount = 0;
    void fuzz(
      fc.property(fc.array(token, { minLength: 1, maxLength: 40 }), (tokens) => {
        const bytes = Uint8Array.from(tokens);
        if (findProblem(bytes) !== undefined) return;
        acceptedCount += 1;
        const value: unknown = unpackr.unpack(bytes);
        if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
          expect([Object.prototype, Array.prototype]).toContain(Object.getPrototypeOf(value));
        }
      }),
      20_000,
    );
    expect(acceptedCount).toBeGreaterThan(100);
  });
});
