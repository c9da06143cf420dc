/** Keeps secrets out of everything the migration writes or says: v2's copies get references instead. */
import { isObject, type Json, newObject } from './json-text.js';
import { LITERAL_CHARACTERS_MIN } from './limits.js';
import { isSecretName, variableName } from './secret-names.js';
import { findSecrets, REFERENCE } from './secret-spans.js';

export const MASK = '***';

/** What stands instead of a secret that was found under a name. */
type Substitute = (name: string, literal: string) => string;

/** Masks every secret that can be recognised in a text. */
export function maskText(text: string): string {
  return replaceSpans(text, () => MASK);
}

/** The value with its secrets masked; what has none comes back equal. */
export function maskValue(value: Json, name: string): Json {
  return substitute(value, name, () => MASK);
}

/** Whose secrets are replaced. */
export interface Owner {
  readonly name: string;
  readonly replaced: (variable: string) => void;
  /** A better name for the variable than that of the property. */
  readonly variableOf?: (name: string) => string | undefined;
}

/** One for a plan. Remembers the secrets of all files, so that none shows up where it was not looked for. */
export class Scrubber {
  readonly #names = new Map<string, string>();
  readonly #references = new Map<string, string>();
  #sealed: { count: number; literals: readonly string[] } = { count: 0, literals: [] };

  /** Of a file that is not copied, such as `.env`. */
  learn(name: string, literal: string): void {
    this.#referenceOf(name, literal, '');
  }

  /**
   * A copy with `${NAME}` for each secret. `owner` tells two variables of one name apart, and
   * `replaced` is called with each of them.
   */
  copy(value: Json, owner: Owner): Json {
    return substitute(value, '', (found, literal) => {
      const reference = this.#referenceOf(owner.variableOf?.(found) ?? found, literal, owner.name);
      owner.replaced(reference);
      return `\${${reference}}`;
    });
  }

  /** Last of all over every text that leaves: known secrets, wherever they stand. */
  seal(text: string): string {
    let sealed = text;
    for (const literal of this.#literals()) {
      if (sealed.includes(literal)) sealed = sealed.replaceAll(literal, MASK);
    }
    return sealed;
  }

  /** Every text in a value, and every key. */
  sealValue(value: Json): Json {
    if (typeof value === 'string') return this.seal(value);
    if (Array.isArray(value)) return value.map((item) => this.sealValue(item));
    if (!isObject(value)) return value;
    const sealed = newObject();
    for (const [key, item] of Object.entries(value)) sealed[this.seal(key)] = this.sealValue(item);
    return sealed;
  }

  /** Long ones first, as one may be a part of another; as they are, and as JSON writes them. */
  #literals(): readonly string[] {
    if (this.#sealed.count === this.#names.size) return this.#sealed.literals;
    const distinctive = [...this.#names.keys()].filter(isDistinctive);
    const written = distinctive.flatMap((literal) => [
      literal,
      JSON.stringify(literal).slice(1, -1),
    ]);
    const literals = [...new Set(written)].sort((a, b) => b.length - a.length);
    this.#sealed = { count: this.#names.size, literals };
    return literals;
  }

  #referenceOf(name: string, literal: string, owner: string): string {
    const known = this.#names.get(literal);
    if (known !== undefined) return known;
    const plain = variableName(name === '' ? `${owner}_SECRET` : name);
    const candidates = [plain, variableName(`${owner}_${plain}`)];
    let reference = candidates.find((candidate) => !this.#references.has(candidate));
    for (let number = 2; reference === undefined; number += 1) {
      const numbered = `${candidates[1]}_${number}`;
      if (!this.#references.has(numbered)) reference = numbered;
    }
    this.#names.set(literal, reference);
    this.#references.set(reference, literal);
    return reference;
  }
}

/** A password that is a plain word would be masked in `server-postgres` too, so it has to be more. */
function isDistinctive(literal: string): boolean {
  if (literal.length < LITERAL_CHARACTERS_MIN) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9_-]/].filter((kind) => kind.test(literal));
  return kinds.length >= 2;
}

function substitute(value: Json, name: string, instead: Substitute): Json {
  if (typeof value === 'string') return substituteString(value, name, instead);
  if (typeof value === 'number') {
    return isSecretName(name, value) ? instead(name, String(value)) : value;
  }
  if (Array.isArray(value)) return substituteItems(value, name, instead);
  if (!isObject(value)) return value;
  const copy = newObject();
  // { "name": "API_KEY", "value": "..." }
  const named = [value['name'], value['key']].find((label) => typeof label === 'string');
  for (const [key, item] of Object.entries(value)) {
    const inherited = key === 'value' && typeof named === 'string' ? named : key;
    // What stands below `secrets: {...}` under an innocent name is secret too.
    const own = isSecretName(inherited) || !isSecretName(name);
    const called = own ? inherited : `${name}_${key}`;
    copy[replaceSpans(key, () => MASK)] = substitute(item, called, instead);
  }
  return copy;
}

/** Of arguments, what follows `--token` is its value. */
function substituteItems(items: readonly Json[], name: string, instead: Substitute): Json[] {
  return items.map((item, at) => {
    const before = items[at - 1];
    const flagged =
      typeof before === 'string' && /^--?[A-Za-z]/.test(before) && !before.includes('=');
    const isFlag = typeof item === 'string' && /^--?[A-Za-z]/.test(item);
    const called = flagged && !isFlag && isSecretName(before) ? before.replace(/^-+/, '') : name;
    return substitute(item, called, instead);
  });
}

function substituteString(text: string, name: string, instead: Substitute): string {
  if (text === '') return text;
  const secretName = isSecretName(name, text);
  // A default of a reference is a literal like any other.
  const plain = text.replace(REFERENCE, (whole, variable: string, fallback: string | undefined) => {
    if (fallback === undefined || fallback === '') return whole;
    const secret =
      secretName || isSecretName(variable, fallback) || findSecrets(fallback).length > 0;
    if (!secret) return whole;
    instead(variable, fallback);
    return `\${${variable}}`;
  });
  if (!secretName) return replaceSpans(plain, instead);
  const scheme = /^(?:Bearer|Basic|Token|ApiKey|Digest)\s+/i.exec(plain)?.[0] ?? '';
  const rest = plain.slice(scheme.length);
  // Only references and what joins them: nothing is given away.
  if (!/[A-Za-z0-9]/.test(rest.replace(REFERENCE, ''))) return plain;
  if (/^\$[A-Za-z_][A-Za-z0-9_]*$/.test(rest)) return plain;
  return scheme + instead(name, rest);
}

function replaceSpans(text: string, instead: Substitute): string {
  let result = '';
  let from = 0;
  for (const { start, end, name } of findSecrets(text)) {
    result += text.slice(from, start) + instead(name, text.slice(start, end));
    from = end;
  }
  return result + text.slice(from);
}
