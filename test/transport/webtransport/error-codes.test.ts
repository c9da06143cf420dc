import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHttp3Code, toHttp3Code } from '../../../transport/webtransport/error-codes.js';
import { fuzz } from '../seed.js';

describe('codes of streams (draft-ietf-webtrans-http3 4.4)', () => {
  it.each([
    [0, 0x52e4a40fa8db],
    [0x1d, 0x52e4a40fa8f8],
    [0x1e, 0x52e4a40fa8fa],
    [0xffff_ffff, 0x52e5ac983162],
  ])('%i travels as %i', (code, travels) => {
    expect(toHttp3Code(code)).toBe(travels);
    expect(fromHttp3Code(travels)).toBe(code);
  });

  it('come back, and are never reserved (RFC 9114 8.1)', () => {
    void fuzz(
      fc.property(fc.nat(0xffff_ffff), (code) => {
        const travels = toHttp3Code(code);
        expect((travels - 0x21) % 0x1f).not.toBe(0);
        expect(fromHttp3Code(travels)).toBe(code);
      }),
      5_000,
    );
  });

  it('of HTTP/3 itself are 0', () => {
    for (const code of [0, 0x10c, 0x170d7b68, 0x52e4a40fa8f9, 0x52e5ac983163]) {
      expect(fromHttp3Code(code)).toBe(0);
    }
  });
});
