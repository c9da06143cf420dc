/** Names of v1 as a store can carry them: what it cannot is replaced, the same text always by the same. */
import { createHash } from 'node:crypto';

import { isStorableName } from '../../memory/exact-row.js';
import { NAME_CHARACTERS_MAX, NAMESPACE_CHARACTERS_MAX } from '../../memory/limits.js';
import { REPLACED_ID_CHARACTERS } from './limits.js';

/** Of a key: two separators, and one more before an id of `default` that begins with one. */
const SEPARATORS = 3;

/** An id as it is, or the readable beginning of it with a hash of all of it. */
export function carriedId(namespace: string, id: string): string {
  const isShort = namespace.length + id.length + SEPARATORS <= NAME_CHARACTERS_MAX;
  return id !== '' && isShort && isStorableName(id) ? id : replaced(id);
}

/** A namespace as it is, or replaced as an id is. */
export function carriedNamespace(name: string): string {
  const isName =
    name !== '' &&
    name.length <= NAMESPACE_CHARACTERS_MAX &&
    !name.includes('\u001f') &&
    isStorableName(name);
  return isName ? name : replaced(name);
}

/** A type of an edge; undefined for what is none. */
export function isRelation(name: string): boolean {
  return name !== '' && name.length <= NAME_CHARACTERS_MAX && isStorableName(name);
}

function replaced(text: string): string {
  // UTF-16, since UTF-8 makes all halves of surrogate pairs alike.
  const hash = createHash('sha256').update(Buffer.from(text, 'utf16le')).digest('hex');
  const readable = text.slice(0, REPLACED_ID_CHARACTERS).replaceAll(/[\p{Cc}\p{Surrogate}]/gu, '_');
  return `${readable}~${hash.slice(0, 16)}`;
}

/** Marks a key of the archive that SQLite's text could not hold as it is. */
const ESCAPE = '\u001b';

/** A key of a v1 row as the archive stores it: what the binding would cut or change is escaped. */
export function archiveKey(key: string): string {
  return isStorableName(key) && !key.startsWith(ESCAPE) ? key : ESCAPE + JSON.stringify(key);
}

/** What `archiveKey` made the text of. */
export function keyOfArchive(text: string): string {
  return text.startsWith(ESCAPE) ? (JSON.parse(text.slice(1)) as string) : text;
}

/** Names an edge in the archive by the keys of its ends and its type. */
export function edgeTarget(from: string, to: string, relation: string): string {
  return JSON.stringify([from, to, relation]);
}

/** The parts of `edgeTarget`. */
export function edgeOfTarget(target: string): readonly [from: string, to: string, type: string] {
  return JSON.parse(target) as [string, string, string];
}
