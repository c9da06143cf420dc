/** What values say to a reader. */
import { type HybridTime, compareTimes } from './clock.js';
import {
  type Dotted,
  type Field,
  type MapValue,
  type Scalar,
  type Timed,
  valueAt,
} from './value.js';
import { type Dot, type ReplicaId, compareDots, compareTexts } from './version.js';

/** A value of a register, who wrote it, and when. */
export interface Written {
  readonly value: Scalar;
  readonly by: ReplicaId;
  readonly time?: HybridTime;
}

/** The sum of a counter; 0 when nobody has counted. */
export function readCounter(root: MapValue, path: readonly Field[]): number {
  const value = valueAt(root, path);
  if (value?.kind !== 'counter') return 0;
  return value.dots.reduce((sum, { content }) => sum + content.up - content.down, 0);
}

/**
 * The latest of the values that were written concurrently, with the others: what lost is shown, not
 * hidden. Undefined when nobody has written. Equal times go by the name of the replica.
 */
export function readLastWrite(
  root: MapValue,
  path: readonly Field[],
): { readonly latest: Written; readonly lost: readonly Written[] } | undefined {
  const value = valueAt(root, path);
  if (value?.kind !== 'last-write') return undefined;
  const [latest, ...lost] = value.dots.toSorted(laterFirst).map(({ replica, content }) => {
    return { value: content.value, by: replica, time: content.time };
  });
  return latest === undefined ? undefined : { latest, lost };
}

function laterFirst(a: Dotted<Timed>, b: Dotted<Timed>): number {
  return compareTimes(b.content.time, a.content.time) || compareDots(b, a);
}

/** All values that nobody has seen and replaced; more than one when they are in conflict. */
export function readMultiValue(root: MapValue, path: readonly Field[]): readonly Written[] {
  const value = valueAt(root, path);
  if (value?.kind !== 'multi-value') return [];
  return value.dots.map(({ replica, content }) => ({ value: content, by: replica }));
}

/** As `readMultiValue`, each with the update that wrote it. */
export function readDots(
  root: MapValue,
  path: readonly Field[],
): readonly (Dot & { readonly value: Scalar })[] {
  const value = valueAt(root, path);
  if (value?.kind !== 'multi-value') return [];
  return value.dots.map(({ replica, sequence, content }) => ({
    replica,
    sequence,
    value: content,
  }));
}

/** The elements of a set, in order. */
export function readSet(root: MapValue, path: readonly Field[]): readonly string[] {
  const value = valueAt(root, path);
  return value?.kind === 'set' ? [...value.elements.keys()].sort(compareTexts) : [];
}

/** The fields of a map that hold something, in order of their keys; the root with an empty path. */
export function readMap(root: MapValue, path: readonly Field[]): readonly Field[] {
  const value = valueAt(root, path);
  if (value?.kind !== 'map') return [];
  return [...value.entries.values()].map(({ field }) => field).sort(byKey);
}

function byKey(a: Field, b: Field): number {
  return compareTexts(a.key, b.key) || compareTexts(a.kind, b.kind);
}
