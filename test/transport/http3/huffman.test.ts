import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HUFFMAN_CODE_BITS } from '../../../transport/http3/qpack/huffman-lengths.js';
import {
  decodeHuffman,
  encodeHuffman,
  huffmanBytes,
} from '../../../transport/http3/qpack/huffman.js';
import { fuzz } from '../seed.js';

/** Strings of the examples in RFC 7541 C.4 and C.6. */
const EXAMPLES: readonly (readonly [text: string, hex: string])[] = [
  ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
  ['no-cache', 'a8eb10649cbf'],
  ['custom-key', '25a849e95ba97d7f'],
  ['custom-value', '25a849e95bb8e8b4bf'],
  ['302', '6402'],
  ['private', 'aec3771a4b'],
  ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07abe941054d444a8200595040b8166e082a62d1bff'],
  ['https://www.example.com', '9d29ad171863c78f0b97c8e9ae82ae43d3'],
  ['307', '640eff'],
  ['Mon, 21 Oct 2013 20:13:22 GMT', 'd07abe941054d444a8200595040b8166e084a62d1bff'],
  ['gzip', '9bd9ab'],
  [
    'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    '94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
  ],
];

describe('the Huffman code of RFC 7541', () => {
  it.each(EXAMPLES)('%j is %s', (text, hex) => {
    expect(Buffer.from(encodeHuffman(text)).toString('hex')).toBe(hex);
    expect(huffmanBytes(text)).toBe(hex.length / 2);
    expect(decodeHuffman(Buffer.from(hex, 'hex'))).toBe(text);
  });

  it('is complete: every bit string has one reading (sum of 2^-length is 1)', () => {
    expect(HUFFMAN_CODE_BITS.length).toBe(257);
    expect(HUFFMAN_CODE_BITS.reduce((sum, bits) => sum + 2 ** -bits, 0)).toBe(1);
  });

  it('has the codes of the table in appendix B at its ends', () => {
    // One code a string, so that the padding shows: symbol 0 is 1ff8 (13 bits), and so on.
    const rows: [number, string][] = [
      [0, 'ffc7'],
      [0x0a, 'fffffff3'],
      [0x30, '07'],
      [0x5c, 'fffe1f'],
    ];
    for (const [symbol, hex] of rows) {
      const text = String.fromCharCode(symbol);
      expect(Buffer.from(encodeHuffman(text)).toString('hex')).toBe(hex);
    }
  });

  it.each([
    ['a whole byte of padding', '1fff'],
    ['padding that is not all ones', '06'],
    ['the end of a string in it', 'ffffffff'],
    ['more than a code of ones', 'fffffffffc'],
  ])('refuses %s', (_what, hex) => {
    expect(decodeHuffman(Buffer.from(hex, 'hex'))).toBeUndefined();
  });

  it('gives every string back, and reads any bytes or refuses them', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    void fuzz(
      fc.property(bytes, (raw) => {
        const text = Buffer.from(raw).toString('latin1');
        expect(decodeHuffman(encodeHuffman(text))).toBe(text);
        const read = decodeHuffman(raw);
        // The code has one form for each string.
        if (read !== undefined) expect(encodeHuffman(read)).toEqual(new Uint8Array(raw));
      }),
      2_000,
    );
  });
});
