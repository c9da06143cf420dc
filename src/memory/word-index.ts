/** Which memories hold which words, to answer queries where no vector can be compared. */
import { INDEXED_TEXT_CHARACTERS_MAX, QUERY_WORDS_MAX } from './limits.js';
import { Nearest, type Scored } from './nearest.js';

/** Distinct words of a text: runs of letters, marks and digits, in lower case. */
export function wordsOf(text: string, countMax = Infinity): string[] {
  const words = new Set<string>();
  const read = text.slice(0, INDEXED_TEXT_CHARACTERS_MAX).toLowerCase();
  for (const [word] of read.matchAll(/[\p{L}\p{N}\p{M}]+/gu)) {
    if (words.size >= countMax) break;
    words.add(word);
  }
  return [...words];
}

/** An inverted index in memory. */
export class WordIndex {
  readonly #postings = new Map<string, Set<string>>();
  readonly #words = new Map<string, string[]>();

  put(id: string, text: string): void {
    this.delete(id);
    const words = wordsOf(text);
    this.#words.set(id, words);
    for (const word of words) {
      const ids = this.#postings.get(word);
      if (ids === undefined) this.#postings.set(word, new Set([id]));
      else ids.add(id);
    }
  }

  delete(id: string): void {
    for (const word of this.#words.get(id) ?? []) {
      const ids = this.#postings.get(word);
      ids?.delete(id);
      if (ids?.size === 0) this.#postings.delete(word);
    }
    this.#words.delete(id);
  }

  /** Best share of the query's words first; memories that `skip` names or that share none are left out. */
  search(text: string, limit: number, skip: (id: string) => boolean): Scored[] {
    const words = wordsOf(text, QUERY_WORDS_MAX);
    const found = new Map<string, number>();
    for (const word of words) {
      for (const id of this.#postings.get(word) ?? []) found.set(id, (found.get(id) ?? 0) + 1);
    }
    const nearest = new Nearest(limit);
    for (const [id, count] of found) {
      if (!skip(id)) nearest.offer({ id, score: count / words.length });
    }
    return nearest.list();
  }
}
