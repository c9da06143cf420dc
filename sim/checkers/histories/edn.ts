import { CheckerError } from '../errors.js';
import { limits } from '../limits.js';

/** A keyword such as `:invoke`, without its colon. */
export class EdnKeyword {
  constructor(readonly name: string) {}
}

/** A symbol such as `inst`, or a character such as `\a`, kept as it is written. */
class EdnSymbol {
  constructor(readonly name: string) {}
}

/** A map, in the order written; a key that is a keyword or a string is found by its name. */
export class EdnMap {
  readonly #entries = new Map<string, EdnValue>();

  set(key: EdnValue, value: EdnValue): void {
    this.#entries.set(key instanceof EdnKeyword ? key.name : JSON.stringify(key), value);
  }

  get(keyword: string): EdnValue | undefined {
    return this.#entries.get(keyword);
  }
}

/** A value of the extensible data notation; lists, vectors and sets are arrays. */
export type EdnValue =
  null | boolean | number | string | EdnKeyword | EdnSymbol | EdnMap | readonly EdnValue[];

/**
 * Reads every form of a text in extensible data notation (github.com/edn-format/edn). Commas are
 * white space, `;` starts a comment, `#_` drops a form, and of a tagged form (`#inst "..."`,
 * `#jepsen.history.Op{...}`) the value remains.
 */
export function readEdn(text: string): EdnValue[] {
  if (text.length > limits.historyCharactersMax) {
    throw new CheckerError('history-too-large', `the text has ${text.length} characters`);
  }
  const reader = new Reader(text);
  const forms: EdnValue[] = [];
  while (reader.skipToForm()) forms.push(reader.form(0));
  return forms;
}

const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Steps over white space, comments and dropped forms; false at the end of the text. */
  skipToForm(depth = 0): boolean {
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at]!;
      if (/[\s,]/.test(character)) continue;
      if (character === ';') {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = end === -1 ? this.#text.length - 1 : end;
        continue;
      }
      if (!this.#text.startsWith('#_', this.#at)) return true;
      this.#at += 2;
      if (!this.skipToForm(depth)) throw this.#error('a dropped form is missing');
      this.form(depth + 1);
      this.#at -= 1;
    }
    return false;
  }

  form(depth: number): EdnValue {
    if (depth > limits.ednDepthMax) throw this.#error('collections are nested too deeply');
    const character = this.#text[this.#at]!;
    if (character === '"') return this.#string();
    if (character === '\\') return new EdnSymbol(this.#token(1));
    if (character === '#') return this.#dispatch(depth);
    const closer = closers[character];
    if (closer === undefined) return this.#atom();
    this.#at += 1;
    return closer === '}' ? this.#map(depth) : this.#items(closer, depth);
  }

  #dispatch(depth: number): EdnValue {
    if (this.#text[this.#at + 1] === '{') {
      this.#at += 2;
      return this.#items('}', depth);
    }
    this.#at += 1;
    this.#token(0);
    if (!this.skipToForm(depth)) throw this.#error('a tag stands before nothing');
    return this.form(depth + 1);
  }

  #items(closer: string, depth: number): EdnValue[] {
    const items: EdnValue[] = [];
    while (this.skipToForm(depth)) {
      if (this.#text[this.#at] === closer) {
        this.#at += 1;
        return items;
      }
      items.push(this.form(depth + 1));
    }
    throw this.#error(`the text ends before ${closer}`);
  }

  #map(depth: number): EdnMap {
    const items = this.#items('}', depth);
    if (items.length % 2 !== 0) throw this.#error('a map has a key without a value');
    const map = new EdnMap();
    for (let index = 0; index < items.length; index += 2) map.set(items[index]!, items[index + 1]!);
    return map;
  }

  #string(): string {
    let value = '';
    for (let index = this.#at + 1; index < this.#text.length; index++) {
      const character = this.#text[index]!;
      if (character === '"') {
        this.#at = index + 1;
        return value;
      }
      if (character !== '\\') {
        value += character;
        continue;
      }
      index += 1;
      const escaped = this.#text[index] ?? '';
      if (escaped === 'u') {
        value += String.fromCharCode(Number.parseInt(this.#text.slice(index + 1, index + 5), 16));
        index += 4;
      } else {
        value += escapes[escaped] ?? escaped;
      }
    }
    throw this.#error('a string has no end');
  }

  #token(skip: number): string {
    const pattern = /[^\s,;"()[\]{}]*/y;
    pattern.lastIndex = this.#at + skip;
    const token = pattern.exec(this.#text)![0];
    this.#at += skip + token.length;
    return token;
  }

  #atom(): EdnValue {
    const token = this.#token(0);
    if (token === '') throw this.#error(`unexpected ${JSON.stringify(this.#text[this.#at])}`);
    if (token === 'nil') return null;
    if (token === 'true' || token === 'false') return token === 'true';
    if (token.startsWith(':')) return new EdnKeyword(token.slice(1));
    const number = /^([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)[NM]?$/.exec(token);
    return number === null ? new EdnSymbol(token) : Number(number[1]);
  }

  #error(what: string): CheckerError {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    return new CheckerError('malformed-history', `line ${line}: ${what}`);
  }
}
