import { expect, it } from 'vitest';
import { parseSynset } from '../../bench/texts/glosses.js';

it.each([
  [
    '00005930 03 n 01 dwarf 0 001 @ 00004475 n 0000 | a plant or animal that is atypically small  ',
    { words: ['dwarf'], gloss: 'a plant or animal that is atypically small' },
  ],
  [
    '00076921 00 s 02 afloat(p) 0 under_way 1 001 & 00076700 a 0000 | borne on | the water  ',
    { words: ['afloat', 'under way'], gloss: 'borne on | the water' },
  ],
  [
    `00001740 29 v 0a ${'a 0 b 1 c 2 d 3 e 4 f 5 g 6 h 7 i 8 j_k 9'} 000 | ten  `,
    { words: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j k'], gloss: 'ten' },
  ],
])('a meaning of WordNet: %s', (line, synset) => {
  expect(parseSynset(line)).toEqual(synset);
});
