import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { queryTerms, tokensOf } from '../../../../src/memory/text/tokenizer.js';
import { seed } from '../support.js';

const cases: readonly (readonly [text: string, tokens: readonly string[]])[] = [
  ['', []],
  ['... --- !?', []],
  ['The Fox, the fox; THE FOX!', ['the', 'fox', 'the', 'fox', 'the', 'fox']],
  ['it’s 3.14 or a_b', ['it', 's', '3', '14', 'or', 'a', 'b']],
  // Composed and decomposed letters are one.
  ['\u00e9t\u00e9 e\u0301te\u0301', ['été', 'été']],
  // Compatibility forms: ligature, full width, superscript, Roman numeral.
  ['ﬁsh ＡＢＣ x² Ⅷ', ['fish', 'abc', 'x2', 'viii']],
  ['Straße ΟΔΟΣ İstanbul', ['straße', 'οδος', 'i\u0307stanbul']],
  ['हिन्दी भाषा', ['हिन्दी', 'भाषा']],
  ['日本語 한국어 🦊', ['日本語', '한국어']],
  ['broken \ud800half', ['broken', 'half']],
];

describe('the tokenizer', () => {
  it.each(cases)('reads %j as %j', (text, tokens) => {
    expect(tokensOf(text)).toEqual(tokens);
  });

  it('cuts long words and long texts', () => {
    expect(tokensOf('x'.repeat(1000))).toEqual(['x'.repeat(64)]);
    expect(tokensOf('a '.repeat(30_000))).toHaveLength(10_000);
    // One character that stands for eighteen.
    expect(tokensOf('\ufdfa '.repeat(20_000)).length).toBeLessThanOrEqual(20_000);
    expect(queryTerms(Array.from({ length: 500 }, (_, at) => `w${at}`).join(' '))).toHaveLength(
      256,
    );
  });

  it('reads its own tokens as they are, but for those that were cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        for (const token of tokensOf(text)) {
          if (token.length < 64) expect(tokensOf(token)).toEqual([token]);
        }
      }),
      { seed: seed(), numRuns: 1500 },
    );
  });
});
