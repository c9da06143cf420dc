/** Walks over the tokens of a query, with messages that say where it is. */
import { GraphError, type GraphErrorCode } from '../error.js';
import { NESTING_MAX } from '../limits.js';
import { positionOf, type Token, tokensOf } from './tokens.js';

/** Words that no variable can be called without backticks. */
const KEYWORDS = new Set(
  (
    'match where return distinct order by skip limit and or xor not in is null true false starts ' +
    'ends with contains as asc ascending desc descending optional create merge delete detach set ' +
    'remove unwind union call case when then else end exists foreach load using all any none single'
  ).split(' '),
);

export class TokenReader {
  readonly query: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(query: string) {
    this.query = query;
    this.#tokens = tokensOf(query);
  }

  get next(): Token {
    return this.#tokens[this.#at] as Token;
  }

  /** The token after the next one, or `end`. */
  get second(): Token {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)] as Token;
  }

  take(): Token {
    const token = this.next;
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  /** Whether the next token is this keyword. */
  isWord(word: string): boolean {
    return this.next.kind === 'word' && this.next.text.toLowerCase() === word;
  }

  isSign(sign: string): boolean {
    return this.next.kind === 'sign' && this.next.text === sign;
  }

  /** Takes the next token if it is this keyword. */
  takesWord(word: string): boolean {
    if (!this.isWord(word)) return false;
    this.take();
    return true;
  }

  takesSign(sign: string): boolean {
    if (!this.isSign(sign)) return false;
    this.take();
    return true;
  }

  expectWord(word: string, why: string): void {
    if (!this.takesWord(word)) throw this.unexpected(`${word.toUpperCase()} (${why})`);
  }

  expectSign(sign: string, why: string): void {
    if (!this.takesSign(sign)) throw this.unexpected(`${sign} (${why})`);
  }

  /** Whether the next token can be the name of a variable. */
  get isVariable(): boolean {
    const { kind, text } = this.next;
    return kind === 'name' || (kind === 'word' && !KEYWORDS.has(text.toLowerCase()));
  }

  takeVariable(what: string): string {
    if (!this.isVariable) throw this.unexpected(what);
    return this.take().text;
  }

  /** A name of a property or a relation, which may be a keyword. */
  takeName(what: string): string {
    if (this.next.kind !== 'name' && this.next.kind !== 'word') throw this.unexpected(what);
    return this.take().text;
  }

  /** A whole number of a range. */
  takeWhole(what: string): number {
    const { kind, text, value, at } = this.next;
    if (kind !== 'number' || !/^\d+$/.test(text)) throw this.unexpected(what);
    if (!Number.isSafeInteger(value)) throw this.failure('syntax', `${text} is too large`, at);
    this.take();
    return value;
  }

  /** Reads something that may hold the like of itself, up to a bound. */
  nested<T>(read: () => T): T {
    if (this.#depth >= NESTING_MAX) {
      throw this.failure('limit', `expressions are nested at most ${NESTING_MAX} deep`);
    }
    this.#depth += 1;
    const result = read();
    this.#depth -= 1;
    return result;
  }

  unexpected(wanted: string): GraphError {
    const { kind, text } = this.next;
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    const found = kind === 'end' ? 'the query ends' : `there is ${JSON.stringify(shown)}`;
    return this.failure('syntax', `expected ${wanted}, but ${found}`);
  }

  unsupported(what: string, at = this.next.at): GraphError {
    return this.failure('unsupported', `not supported: ${what}`, at);
  }

  failure(code: GraphErrorCode, message: string, at = this.next.at): GraphError {
    return new GraphError(code, message, positionOf(this.query, at));
  }
}
