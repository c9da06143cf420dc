import { describe, expect, it } from 'vitest';
import {
  derBitString,
  derExplicit,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derUnsignedInteger,
} from '../../../transport/identity/der.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('DER', () => {
  it.each([
    [[0], '020100'],
    [[0x7f], '02017f'],
    [[0x80], '02020080'],
    [[0, 0, 1], '020101'],
    [[], '020100'],
  ])('writes the integer %j in the shortest form that is not negative', (bytes, expected) => {
    expect(hex(derUnsignedInteger(Uint8Array.from(bytes)))).toBe(expected);
  });

  it.each([
    [0x7f, '047f'],
    [0x80, '048180'],
    [0xff, '0481ff'],
    [0x100, '04820100'],
    [0x1_0000, '0483010000'],
  ])('writes the length %d in the shortest form', (length, header) => {
    const value = derOctetString(new Uint8Array(length));
    expect(hex(value).slice(0, header.length)).toBe(header);
    expect(value.length).toBe(header.length / 2 + length);
  });

  it.each([
    ['1.3.101.112', '06032b6570'],
    ['2.5.4.3', '0603550403'],
    ['1.2.840.113549', '06062a864886f70d'],
  ])('writes the object identifier %s', (dotted, expected) => {
    expect(hex(derObjectIdentifier(dotted))).toBe(expected);
  });

  it('nests', () => {
    const value = derSequence(derExplicit(3, derBitString(Uint8Array.of(0x80), 7)));
    expect(hex(value)).toBe('3006a30403020780');
  });
});
