/** One update: what it changes, and how it is applied to a state. */
import type { HybridTime } from './clock.js';
import { assert } from './error.js';
import {
  type Dotted,
  type Field,
  type MapValue,
  type Scalar,
  type Timed,
  type Count,
  type Value,
  emptyValue,
  fieldName,
  isEmpty,
} from './value.js';
import { type Dot, type ReplicaId, type VersionVector, compareDots } from './version.js';

/** What an update puts into a place, under its own dot. */
export type Added =
  | { readonly kind: 'counter'; readonly content: Count }
  | { readonly kind: 'last-write'; readonly content: Timed }
  | { readonly kind: 'multi-value'; readonly content: Scalar }
  | { readonly kind: 'set'; readonly content: null };

/** What an update does in one place: a delta in normal form, dots added and dots removed. */
export interface Change {
  /** The fields that lead to the place; never empty. */
  readonly path: readonly Field[];
  /** Of a set: which element. */
  readonly element?: string;
  readonly added?: Added;
  /** Dots that the replica saw in this place when it made the update. */
  readonly removed: readonly Dot[];
}

/**
 * The delta of one mutation (Almeida, Shoker, Baquero: "Delta state replicated data types", 2018).
 * It is applied after everything that its replica had applied before it.
 */
export interface Update {
  readonly replica: ReplicaId;
  readonly sequence: number;
  /** What the replica had applied before; its own sequence there is one less. */
  readonly after: VersionVector;
  readonly time: HybridTime;
  readonly changes: readonly Change[];
}

/** Applies what an update changes. The caller applies each update once, after all that it depends on. */
export function applyChanges(root: MapValue, { replica, sequence, changes }: Update): void {
  for (const change of changes) applyAt(root, change.path, 0, change, { replica, sequence });
}

function applyAt(
  map: MapValue,
  path: readonly Field[],
  at: number,
  change: Change,
  dot: Dot,
): void {
  const field = path[at];
  assert(field !== undefined, 'a change is somewhere below the root');
  const name = fieldName(field);
  const entry = map.entries.get(name) ?? { field, value: emptyValue(field.kind) };
  const { value } = entry;
  if (at === path.length - 1) changeValue(value, change, dot);
  else {
    assert(value.kind === 'map', 'a path leads through maps');
    applyAt(value, path, at + 1, change, dot);
  }
  if (isEmpty(value)) map.entries.delete(name);
  else map.entries.set(name, entry);
}

function changeValue(value: Value, change: Change, dot: Dot): void {
  assert(value.kind !== 'map', 'a change is made in a value, not in a map');
  if (value.kind !== 'set') {
    value.dots = changedDots<unknown>(value.dots, change, dot) as never;
    return;
  }
  assert(change.element !== undefined, 'a change of a set names an element');
  const dots = changedDots(value.elements.get(change.element) ?? [], change, dot);
  if (dots.length === 0) value.elements.delete(change.element);
  else value.elements.set(change.element, dots as readonly Dotted<null>[]);
}

function changedDots<Content>(
  dots: readonly Dotted<Content>[],
  { added, removed }: Change,
  { replica, sequence }: Dot,
): readonly Dotted<Content>[] {
  const kept = dots.filter((one) => !removed.some((gone) => compareDots(gone, one) === 0));
  if (added === undefined) return kept;
  const put = { replica, sequence, content: added.content as Content };
  return [...kept, put].sort(compareDots);
}
