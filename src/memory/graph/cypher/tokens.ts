/** The words and signs of a query. */
import { GraphError, type Position } from '../error.js';
import { QUERY_CHARACTERS_MAX } from '../limits.js';

export interface Token {
  /** `word`: a keyword or a name; `name`: a name in backticks, which is no keyword. */
  readonly kind: 'word' | 'name' | 'number' | 'text' | 'parameter' | 'sign' | 'end';
  /** The name, the sign, or the text without quotes. */
  readonly text: string;
  /** Of a number. */
  readonly value: number;
  /** Where it begins, in characters from the start of the query. */
  readonly at: number;
}

const SPACE = /(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)+/uy;
const WORD = /[\p{L}_][\p{L}\p{N}\p{M}_]*/uy;
// Not `1.` before another dot: 1..3 is a range.
const NUMBER = /(?:\d+(?:\.(?!\.)\d+)?|\.\d+)(?:[eE][+-]?\d+)?/uy;
const SIGN = /<=|>=|<>|=~|\.\.|[()[\]{},.:|<>=+\-*/%^;!&]/uy;
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Line and column of a place in a query. */
export function positionOf(query: string, at: number): Position {
  const before = query.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** Cuts a query into tokens; the last one is `end`. Throws `syntax` and `limit`. */
export function tokensOf(query: string): Token[] {
  if (query.length > QUERY_CHARACTERS_MAX) {
    throw new GraphError(
      'limit',
      `a query has at most ${QUERY_CHARACTERS_MAX} characters, not ${query.length}; ` +
        'pass long values as parameters',
    );
  }
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(query)?.[0];
  };
  for (;;) {
    at += take(SPACE)?.length ?? 0;
    if (at >= query.length) break;
    const start = at;
    const first = query[at] as string;
    const add = (kind: Token['kind'], text: string, length: number, value = 0): void => {
      tokens.push({ kind, text, value, at: start });
      at += length;
    };
    if (first === "'" || first === '"') {
      const { text, end } = quoted(query, at);
      add('text', text, end - at);
    } else if (first === '`' || (first === '$' && query[at + 1] === '`')) {
      const opening = first === '$' ? at + 1 : at;
      const closing = query.indexOf('`', opening + 1);
      if (closing < 0) throw failure(query, at, 'the name in backticks does not end');
      const name = query.slice(opening + 1, closing);
      // Names that begin with NUL are those of patterns without one.
      if (name.includes('\0')) throw failure(query, at, 'a name holds a NUL');
      if (name === '') throw failure(query, at, 'a name in backticks is empty');
      add(first === '$' ? 'parameter' : 'name', name, closing + 1 - at);
    } else if (first === '$') {
      at += 1;
      const name = take(WORD) ?? take(/\d+/uy);
      if (name === undefined) throw failure(query, start, 'after $ comes the name of a parameter');
      add('parameter', name, name.length);
    } else {
      const number = take(NUMBER);
      const word = take(WORD);
      const sign = take(SIGN);
      if (number !== undefined) {
        const value = Number(number);
        if (!Number.isFinite(value)) throw failure(query, at, `the number ${number} is too large`);
        add('number', number, number.length, value);
      } else if (word !== undefined) add('word', word, word.length);
      else if (sign !== undefined) add('sign', sign, sign.length);
      else
        throw failure(query, at, `${JSON.stringify(characterAt(query, at))} has no meaning here`);
    }
  }
  tokens.push({ kind: 'end', text: '', value: 0, at: query.length });
  return tokens;
}

function characterAt(query: string, at: number): string {
  return String.fromCodePoint(query.codePointAt(at) ?? 0);
}

function quoted(query: string, start: number): { text: string; end: number } {
  const quote = query[start];
  let text = '';
  for (let at = start + 1; at < query.length; at += 1) {
    const character = query[at] as string;
    if (character === quote) return { text, end: at + 1 };
    if (character !== '\\') {
      text += character;
      continue;
    }
    at += 1;
    const escape = query[at] ?? '';
    const known = Object.hasOwn(ESCAPES, escape) ? ESCAPES[escape] : undefined;
    if (known !== undefined) {
      text += known;
      continue;
    }
    const digits = /^u([\da-fA-F]{4})/u.exec(query.slice(at, at + 5))?.[1];
    if (digits === undefined) {
      throw failure(
        query,
        at - 1,
        `\\${escape} is no escape; there are \\\\ \\' \\" \\n \\t \\uXXXX`,
      );
    }
    text += String.fromCharCode(Number.parseInt(digits, 16));
    at += 4;
  }
  throw failure(query, start, 'the text does not end: its closing quote is missing');
}

function failure(query: string, at: number, message: string): GraphError {
  return new GraphError('syntax', message, positionOf(query, at));
}
