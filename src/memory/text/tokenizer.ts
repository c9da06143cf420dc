/** Texts as tokens: what counts as one word, the same in a document and in a query. */
import { INDEXED_TEXT_CHARACTERS_MAX, QUERY_WORDS_MAX } from '../limits.js';
import { DOCUMENT_TOKENS_MAX, TOKEN_CHARACTERS_MAX } from './limits.js';

/** Marks belong to words: without its vowel signs a word of Devanagari falls into pieces. */
const TOKEN = /[\p{L}\p{N}\p{M}]+/gu;

/**
 * The tokens of a text in their order: runs of letters, marks and numbers in Unicode's form NFKC, in
 * lower case, at most 64 UTF-16 units of each. Of a text the first 20,000 units and tokens count.
 */
export function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  for (const run of folded(text.slice(0, INDEXED_TEXT_CHARACTERS_MAX)).match(TOKEN) ?? []) {
    if (tokens.length >= DOCUMENT_TOKENS_MAX) break;
    tokens.push(run.length > TOKEN_CHARACTERS_MAX ? run.slice(0, TOKEN_CHARACTERS_MAX) : run);
  }
  return tokens;
}

/** The distinct tokens of a query, at most 256; how often one stands there does not count. */
export function queryTerms(text: string): string[] {
  return [...new Set(tokensOf(text))].slice(0, QUERY_WORDS_MAX);
}

/** The second normalisation joins what lower case took apart. */
function folded(text: string): string {
  return text.normalize('NFKC').toLowerCase().normalize('NFKC');
}
