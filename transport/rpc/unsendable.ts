import { MESSAGE_DEPTH_MAX } from './limits.js';

/** Values that are looked at, at most: it is for an error text. */
const VISITS_MAX = 100_000;

/**
 * Names the first value in a payload that has no place in a message and says where it is, for
 * example `a Date at .when`. Undefined when none is found. Only called when a message could not be
 * made, so that messages that can be sent cost nothing more.
 */
export function findUnsendable(payload: unknown): string | undefined {
  return new Search().find(payload, '', 0);
}

/** The kind of a value that cannot be sent, with its article. */
function unsendableKind(value: unknown): string | undefined {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value === 'bigint') {
    const isExact = Number.isSafeInteger(Number(value));
    return isExact ? undefined : 'a bigint beyond 2^53';
  }
  if (value instanceof Date) return 'a Date';
  if (value instanceof Map) return 'a Map';
  if (value instanceof Promise) return 'a promise (await it)';
  return undefined;
}

class Search {
  readonly #ancestors = new Set<object>();
  #visitsLeft = VISITS_MAX;

  find(value: unknown, path: string, depth: number): string | undefined {
    const kind = unsendableKind(value);
    if (kind !== undefined) return path === '' ? kind : `${kind} at ${path}`;
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
    if (this.#ancestors.has(value)) return `a reference at ${path} to what holds it`;
    this.#visitsLeft -= 1;
    if (depth >= MESSAGE_DEPTH_MAX || this.#visitsLeft < 0) return undefined;
    this.#ancestors.add(value);
    const found = this.#findInside(value, path, depth);
    this.#ancestors.delete(value);
    return found;
  }

  #findInside(value: object, path: string, depth: number): string | undefined {
    const isList = Array.isArray(value);
    for (const [key, member] of Object.entries(value)) {
      const found = this.find(member, isList ? `${path}[${key}]` : `${path}.${key}`, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
