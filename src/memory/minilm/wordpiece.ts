/**
 * The tokenizer of uncased BERT: text is cleaned, lower-cased and freed of accents, split at white
 * space and punctuation, and each word cut into the longest pieces of the vocabulary from the left
 * (Devlin et al. 2018, section 3; the rules of `BertNormalizer` and `BertPreTokenizer`).
 */
import { CACHED_WORDS_MAX, TOKENIZED_CHARACTERS_MAX } from '../limits.js';

/** Words longer than this are unknown, as in the tokenizer's own settings. */
const WORD_CHARACTERS_MAX = 100;

/** ASCII that is no letter, digit, space or control counts as punctuation, so do Unicode's classes. */
const PUNCTUATION = '\\p{P}$+<=>^`|~';
const IDEOGRAPHS =
  '\\u{4E00}-\\u{9FFF}\\u{3400}-\\u{4DBF}\\u{20000}-\\u{2A6DF}\\u{2A700}-\\u{2B73F}' +
  '\\u{2B740}-\\u{2B81F}\\u{2B820}-\\u{2CEAF}\\u{F900}-\\u{FAFF}\\u{2F800}-\\u{2FA1F}';
const WORD = new RegExp(`[${PUNCTUATION}${IDEOGRAPHS}]|[^\\s${PUNCTUATION}${IDEOGRAPHS}]+`, 'gu');
/** Controls except tab and line ends, unassigned and private code points, halves of surrogates. */
const UNWANTED = /(?![\t\n\r])[\p{C}\uFFFD]/gu;

export class WordPieceTokenizer {
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #pieces = new Map<string, readonly number[]>();
  readonly #unknown: number;
  readonly #start: number;
  readonly #end: number;

  /** Takes the text of a `tokenizer.json`. */
  constructor(json: string) {
    const { model } = JSON.parse(json) as { model: { vocab: Record<string, number> } };
    this.#vocabulary = new Map(Object.entries(model.vocab));
    this.#unknown = this.#vocabulary.get('[UNK]') ?? 0;
    this.#start = this.#vocabulary.get('[CLS]') ?? 0;
    this.#end = this.#vocabulary.get('[SEP]') ?? 0;
  }

  /** Token ids with the marks of start and end, at most `tokensMax`. */
  tokenize(text: string, tokensMax: number): number[] {
    const ids = [this.#start];
    const clean = text.slice(0, TOKENIZED_CHARACTERS_MAX).replaceAll(UNWANTED, '');
    const plain = clean
      .normalize('NFD')
      .replaceAll(/\p{Mn}/gu, '')
      .toLowerCase();
    for (const [word] of plain.matchAll(WORD)) {
      for (const id of this.#piecesOf(word)) {
        if (ids.length === tokensMax - 1) return [...ids, this.#end];
        ids.push(id);
      }
    }
    ids.push(this.#end);
    return ids;
  }

  #piecesOf(word: string): readonly number[] {
    const known = this.#pieces.get(word);
    if (known !== undefined) return known;
    const pieces = this.#split(word);
    if (this.#pieces.size >= CACHED_WORDS_MAX) this.#pieces.clear();
    this.#pieces.set(word, pieces);
    return pieces;
  }

  #split(word: string): readonly number[] {
    const characters = [...word];
    if (characters.length > WORD_CHARACTERS_MAX) return [this.#unknown];
    const pieces: number[] = [];
    let start = 0;
    while (start < characters.length) {
      let end = characters.length;
      let id: number | undefined;
      for (; end > start; end -= 1) {
        const piece = characters.slice(start, end).join('');
        id = this.#vocabulary.get(start === 0 ? piece : `##${piece}`);
        if (id !== undefined) break;
      }
      if (id === undefined) return [this.#unknown];
      pieces.push(id);
      start = end;
    }
    return pieces;
  }
}
