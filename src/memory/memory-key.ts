/**
 * Namespaces within the ids of an engine, whose file and log know none. An id of the namespace
 * `default` is its own key; in any other the key is US, the namespace, US, the id, with US the unit
 * separator, U+001F. An id of `default` that begins with US is written as if its namespace had no name.
 */
import { MemoryError } from './errors.js';
import { NAME_CHARACTERS_MAX, NAMESPACE_CHARACTERS_MAX } from './limits.js';

export const DEFAULT_NAMESPACE = 'default';

const SEPARATOR = '\u001f';
/** The first text, in the order of SQLite, behind all that begin with the separator. */
const AFTER_SEPARATOR = '\u0020';

/** An id within a namespace. */
export interface NamespacedId {
  readonly namespace: string;
  readonly id: string;
}

/** The id by which an engine knows a memory. Throws `invalid`. */
export function memoryKey(namespace: string, id: string): string {
  checkNamespace(namespace);
  if (typeof id !== 'string' || id === '') {
    throw new MemoryError('invalid', 'an id is a text that is not empty');
  }
  const key =
    namespace === DEFAULT_NAMESPACE
      ? id.startsWith(SEPARATOR)
        ? SEPARATOR + SEPARATOR + id
        : id
      : SEPARATOR + namespace + SEPARATOR + id;
  if (key.length > NAME_CHARACTERS_MAX) {
    throw new MemoryError(
      'invalid',
      `an id of ${id.length} characters is too long; with its namespace it may have ${NAME_CHARACTERS_MAX}`,
    );
  }
  if (key.includes('\0') || /\p{Surrogate}/u.test(key)) {
    throw new MemoryError('invalid', 'an id holds no NUL and no half of a surrogate pair');
  }
  return key;
}

/** What `memoryKey` made the key of; undefined for what it never makes. */
export function parseMemoryKey(key: string): NamespacedId | undefined {
  if (!key.startsWith(SEPARATOR)) return { namespace: DEFAULT_NAMESPACE, id: key };
  const end = key.indexOf(SEPARATOR, 1);
  if (end < 0) return undefined;
  const name = key.slice(1, end);
  const id = key.slice(end + 1);
  if (name === DEFAULT_NAMESPACE || id === '') return undefined;
  if (name !== '') return { namespace: name, id };
  return id.startsWith(SEPARATOR) ? { namespace: DEFAULT_NAMESPACE, id } : undefined;
}

/** The namespace of a key; what `memoryKey` never makes counts as `default`. */
export function namespaceOf(key: string): string {
  return parseMemoryKey(key)?.namespace ?? DEFAULT_NAMESPACE;
}

/**
 * The keys of a namespace as ranges of SQLite's order, each from its first text up to one that is not
 * in it any more; null: no end. In the order of the ids.
 */
export function keyRanges(namespace: string): readonly (readonly [string, string | null])[] {
  checkNamespace(namespace);
  if (namespace !== DEFAULT_NAMESPACE) {
    const start = SEPARATOR + namespace;
    return [[start + SEPARATOR, start + AFTER_SEPARATOR]];
  }
  return [
    ['', SEPARATOR],
    [SEPARATOR + SEPARATOR, SEPARATOR + AFTER_SEPARATOR],
    [AFTER_SEPARATOR, null],
  ];
}

/** Throws `invalid` for what can be no namespace. */
export function checkNamespace(namespace: string): void {
  const isName =
    typeof namespace === 'string' &&
    namespace.length > 0 &&
    namespace.length <= NAMESPACE_CHARACTERS_MAX &&
    !namespace.includes('\0') &&
    !namespace.includes(SEPARATOR) &&
    !/\p{Surrogate}/u.test(namespace);
  if (isName) return;
  throw new MemoryError(
    'invalid',
    `a namespace is a text of 1 to ${NAMESPACE_CHARACTERS_MAX} characters without NUL, U+001F and ` +
      'halves of surrogate pairs',
  );
}
