/** What a caller asks for, and the changes that this is at a replica with the state that it has. */
import type { HybridTime } from './clock.js';
import { CrdtError } from './error.js';
import {
  CHANGES_PER_UPDATE_MAX,
  DOTS_PER_CHANGE_MAX,
  KEY_CHARACTERS_MAX,
  PATH_DEPTH_MAX,
  VALUE_BYTES_MAX,
} from './limits.js';
import type { Added, Change } from './update.js';
import {
  type Dotted,
  type Field,
  type Kind,
  type MapValue,
  type Scalar,
  type Value,
  valueAt,
} from './value.js';
import { type Dot, type ReplicaId, compareDots } from './version.js';

/**
 * A change of one value; `path` leads to it from the root, through maps.
 *
 * `count` adds to a counter. `assign` sets a last-write-wins register. `write` replaces what a
 * multi-value register holds here; `discard` removes what these updates wrote there, and nothing else. `add` and `remove` change a set; of an addition and a removal that
 * are concurrent, the addition wins. `delete` removes what is under a field, whatever kind that has,
 * and of a concurrent change below it the change wins.
 */
export type Mutation =
  | { readonly type: 'count'; readonly path: readonly Field[]; readonly by: number }
  | { readonly type: 'assign' | 'write'; readonly path: readonly Field[]; readonly value: Scalar }
  | { readonly type: 'discard'; readonly path: readonly Field[]; readonly dots: readonly Dot[] }
  | { readonly type: 'add' | 'remove'; readonly path: readonly Field[]; readonly element: string }
  | { readonly type: 'delete'; readonly path: readonly Field[] };

const KIND_OF: Readonly<Record<Exclude<Mutation['type'], 'delete'>, Kind>> = {
  count: 'counter',
  assign: 'last-write',
  write: 'multi-value',
  discard: 'multi-value',
  add: 'set',
  remove: 'set',
};

/** UTF-8 has no form for it, so it would not come back as it went. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Who makes the change, and when. */
export interface Maker {
  readonly replica: ReplicaId;
  readonly time: HybridTime;
}

/**
 * The changes that a mutation means on this state; none when it has nothing to remove.
 * Throws `CrdtError` `bad-mutation` or `limit`.
 */
export function changesOf(root: MapValue, mutation: Mutation, maker: Maker): readonly Change[] {
  checkMutation(mutation);
  const { path } = mutation;
  const value = valueAt(root, path);
  switch (mutation.type) {
    case 'count':
      return [count(path, value, mutation.by, maker.replica)];
    case 'assign': {
      const content = { time: maker.time, value: mutation.value };
      return [replacing(path, value, { kind: 'last-write', content })];
    }
    case 'write':
      return [replacing(path, value, { kind: 'multi-value', content: mutation.value })];
    case 'discard': {
      const removed = dotsOf(value).filter((here) => {
        return mutation.dots.some((dot) => compareDots(dot, here) === 0);
      });
      return removed.length === 0 ? [] : [{ path, removed }];
    }
    case 'add': {
      const removed = dotsOf(value, mutation.element);
      const added = { kind: 'set', content: null } as const;
      return [{ path, element: mutation.element, added, removed }];
    }
    case 'remove': {
      const removed = dotsOf(value, mutation.element);
      return removed.length === 0 ? [] : [{ path, element: mutation.element, removed }];
    }
    case 'delete': {
      const changes: Change[] = [];
      if (value !== undefined) removeBelow(path, value, changes);
      return changes;
    }
  }
}

/** A replica keeps one dot in a counter: what it has counted so far, with this. */
function count(path: readonly Field[], value: Value | undefined, by: number, replica: ReplicaId) {
  const all = value?.kind === 'counter' ? value.dots : [];
  const own = all.filter((dot) => dot.replica === replica);
  let [up, down] = [Math.max(by, 0), Math.max(-by, 0)];
  for (const { content } of own) {
    up += content.up;
    down += content.down;
  }
  if (!Number.isSafeInteger(up) || !Number.isSafeInteger(down)) {
    throw new CrdtError('limit', `a replica counts to ${Number.MAX_SAFE_INTEGER} at most`);
  }
  const added: Added = { kind: 'counter', content: { up, down } };
  return { path, added, removed: bare(own) };
}

function replacing(path: readonly Field[], value: Value | undefined, added: Added): Change {
  return { path, added, removed: dotsOf(value) };
}

function removeBelow(path: readonly Field[], value: Value, changes: Change[]): void {
  if (value.kind === 'map') {
    for (const entry of value.entries.values()) {
      removeBelow([...path, entry.field], entry.value, changes);
    }
    return;
  }
  const elements = value.kind === 'set' ? [...value.elements.keys()] : [undefined];
  for (const element of elements) {
    if (changes.length >= CHANGES_PER_UPDATE_MAX) {
      throw new CrdtError(
        'limit',
        `more than ${CHANGES_PER_UPDATE_MAX} values are below this key: delete them in parts`,
      );
    }
    const named = element === undefined ? {} : { element };
    changes.push({ path, ...named, removed: dotsOf(value, element) });
  }
}

function dotsOf(value: Value | undefined, element?: string): readonly Dot[] {
  if (value === undefined || value.kind === 'map') return [];
  const dots = value.kind === 'set' ? value.elements.get(element ?? '') : value.dots;
  return bare(dots ?? []);
}

function bare(dots: readonly Dotted<unknown>[]): readonly Dot[] {
  if (dots.length > DOTS_PER_CHANGE_MAX) {
    throw new CrdtError('limit', `more than ${DOTS_PER_CHANGE_MAX} concurrent values in one place`);
  }
  return dots.map(({ replica, sequence }) => ({ replica, sequence }));
}

function checkMutation(mutation: Mutation): void {
  const { type, path } = mutation;
  if (path.length === 0 || path.length > PATH_DEPTH_MAX) {
    throw bad(`a path has 1 to ${PATH_DEPTH_MAX} fields, not ${path.length}`);
  }
  for (const [at, { kind, key }] of path.entries()) {
    checkText('a key', key);
    const isLast = at === path.length - 1;
    if (!isLast && kind !== 'map')
      throw bad(`'${key}' is on the way and must be a map, not a ${kind}`);
    if (!isLast || type === 'delete' || KIND_OF[type] === kind) continue;
    throw bad(`'${type}' is for a ${KIND_OF[type]}, and '${key}' is a ${kind}`);
  }
  if (type === 'add' || type === 'remove') checkText('an element', mutation.element);
  if (type === 'assign' || type === 'write') checkScalar(mutation.value);
  if (type === 'count' && !Number.isSafeInteger(mutation.by)) {
    throw bad(`a counter counts in whole numbers, not by ${mutation.by}`);
  }
}

function checkText(what: string, text: string): void {
  if (text.length <= KEY_CHARACTERS_MAX && !LONE_SURROGATE.test(text)) return;
  throw bad(`${what} has at most ${KEY_CHARACTERS_MAX} characters of well-formed Unicode`);
}

function checkScalar(value: Scalar): void {
  const bytes = sizeOf(value);
  if (bytes > VALUE_BYTES_MAX) {
    throw new CrdtError('limit', `a value has at most ${VALUE_BYTES_MAX} bytes, not ${bytes}`);
  }
  if (typeof value === 'string' && LONE_SURROGATE.test(value)) {
    throw bad('a text is well-formed Unicode');
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw bad('a number is finite');
}

function sizeOf(value: Scalar): number {
  if (typeof value === 'string') return value.length * 3;
  return value instanceof Uint8Array ? value.length : 8;
}

function bad(sentence: string): CrdtError {
  return new CrdtError('bad-mutation', sentence);
}
