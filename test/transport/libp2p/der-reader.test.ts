import { describe, expect, it } from 'vitest';
import { DER_TAG, DerReader } from '../../../transport/libp2p/der-reader.js';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const reader = (hex: string): DerReader => new DerReader(bytes(hex), 'it');

describe('the reader of DER', () => {
  it.each([
    ['04 00', ''],
    ['04 02 0102', '0102'],
    [`04 7f ${'aa'.repeat(127)}`, 'aa'.repeat(127)],
    [`04 8180 ${'aa'.repeat(128)}`, 'aa'.repeat(128)],
    [`04 820100 ${'aa'.repeat(256)}`, 'aa'.repeat(256)],
  ])('reads %s', (hex, content) => {
    const value = reader(hex).read(DER_TAG.octetString);
    expect(Buffer.from(value.content).toString('hex')).toBe(content);
    expect(Buffer.from(value.bytes).equals(bytes(hex))).toBe(true);
  });

  it('reads members one after another', () => {
    const members = reader('30 08 0101ff 020105 0400').enter(DER_TAG.sequence, 'its members');
    expect(members.nextIs(DER_TAG.boolean)).toBe(true);
    expect(members.readBoolean()).toBe(true);
    expect(members.nextIs(DER_TAG.boolean)).toBe(false);
    expect([...members.read(DER_TAG.integer).content]).toEqual([5]);
    expect(members.isAtEnd).toBe(false);
    members.read(DER_TAG.octetString);
    members.end();
  });

  it.each([
    ['', 'has the end where 0x4 was expected'],
    ['02 01 00', 'has the tag 0x2 where 0x4 was expected'],
    ['04', 'ends inside a length'],
    ['04 01', 'is shorter than a length in it says'],
    ['04 80 0000', 'has a value without a length'],
    ['04 81', 'ends inside a length'],
    ['04 81 7f', 'has a length that is not in its shortest form'],
    ['04 82 00ff', 'has a length that is not in its shortest form'],
    ['04 82 01', 'ends inside a length'],
    ['04 82 ffff 00', 'is shorter than a length in it says'],
    ['04 83 010000', 'has a value that is too long'],
    ['04 ff', 'has a value that is too long'],
  ])('refuses %j: it %s', (hex, message) => {
    expect(() => reader(hex).read(DER_TAG.octetString)).toThrow(
      expect.objectContaining({ code: 'bad-certificate', message: `it ${message}` }),
    );
  });

  it.each([
    ['01 01 01', 'has a boolean that is neither 0 nor 255'],
    ['01 02 ffff', 'has a boolean that is neither 0 nor 255'],
    ['01 00', 'has a boolean that is neither 0 nor 255'],
  ])('refuses the boolean %j', (hex, message) => {
    expect(() => reader(hex).readBoolean()).toThrow(`it ${message}`);
  });

  it.each(['03 00', '03 01 01', '03 02 07 80'])('refuses the bit string %j', (hex) => {
    expect(() => reader(hex).readBitString()).toThrow(
      'has a bit string that is not of whole bytes',
    );
  });

  it('refuses what follows the end', () => {
    const at = reader('0400 00');
    at.read(DER_TAG.octetString);
    expect(() => at.end()).toThrow('it has more bytes than it should');
  });
});
