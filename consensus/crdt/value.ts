/** What is stored: dots in places, and how two states become one. */
import type { HybridTime } from './clock.js';
import { assert } from './error.js';
import { type Dot, type VersionVector, compareDots, covers } from './version.js';

/** What a register holds. */
export type Scalar = string | number | boolean | null | Uint8Array;

/** The kinds of values. Keys of a map are of a kind each, so that two kinds never meet in a place. */
export const KINDS = ['counter', 'last-write', 'multi-value', 'set', 'map'] as const;
export type Kind = (typeof KINDS)[number];

/** A key of a map, and what is under it. */
export interface Field {
  readonly kind: Kind;
  readonly key: string;
}

/** What one replica has counted, up and down. */
export interface Count {
  readonly up: number;
  readonly down: number;
}

/** A content with the update that put it there. */
export interface Dotted<Content> extends Dot {
  readonly content: Content;
}

/** What a last-write-wins register was given, and when. */
export interface Timed {
  readonly time: HybridTime;
  readonly value: Scalar;
}

/** Contents in the order of their dots. Several mean: they were written concurrently. */
interface CounterValue {
  readonly kind: 'counter';
  dots: readonly Dotted<Count>[];
}
interface LastWriteValue {
  readonly kind: 'last-write';
  dots: readonly Dotted<Timed>[];
}
interface MultiValue {
  readonly kind: 'multi-value';
  dots: readonly Dotted<Scalar>[];
}
interface SetValue {
  readonly kind: 'set';
  readonly elements: Map<string, readonly Dotted<null>[]>;
}
export interface MapValue {
  readonly kind: 'map';
  /** By `fieldName`. */
  readonly entries: Map<string, Entry>;
}

/** The field and the value under it, which is never empty. */
export interface Entry {
  readonly field: Field;
  readonly value: Value;
}

export type Value = CounterValue | LastWriteValue | MultiValue | SetValue | MapValue;

/** One text for each field. */
export function fieldName({ kind, key }: Field): string {
  return `${kind} ${key}`;
}

export function emptyValue(kind: Kind): Value {
  if (kind === 'map') return { kind, entries: new Map() };
  if (kind === 'set') return { kind, elements: new Map() };
  return { kind, dots: [] };
}

/** Whether nothing is in it, as though it had never been there. */
export function isEmpty(value: Value): boolean {
  if (value.kind === 'map') return value.entries.size === 0;
  if (value.kind === 'set') return value.elements.size === 0;
  return value.dots.length === 0;
}

/** The value at a path below a map; undefined when nothing is there. */
export function valueAt(root: MapValue, path: readonly Field[]): Value | undefined {
  let value: Value | undefined = root;
  for (const field of path) {
    if (value?.kind !== 'map') return undefined;
    value = value.entries.get(fieldName(field))?.value;
  }
  return value;
}

/** A state, and the updates that made it what it is. */
export interface Known<Part> {
  readonly value: Part;
  readonly version: VersionVector;
}

type Dots = readonly Dotted<unknown>[];

/**
 * The join of two states (Almeida, Shoker, Baquero 2018, section 7.2): a dot stays if both have it, or
 * if the one that lacks it has never seen it; otherwise it was removed there. Neither state is changed.
 */
export function joinMaps(a: Known<MapValue>, b: Known<MapValue>): MapValue {
  const entries = new Map<string, Entry>();
  for (const [name, { field, value }] of a.value.entries) {
    const other = b.value.entries.get(name)?.value ?? emptyValue(field.kind);
    const both = joinValues({ ...a, value }, { ...b, value: other });
    if (!isEmpty(both)) entries.set(name, { field, value: both });
  }
  for (const [name, { field, value }] of b.value.entries) {
    if (a.value.entries.has(name)) continue;
    const kept = joinValues({ ...a, value: emptyValue(field.kind) }, { ...b, value });
    if (!isEmpty(kept)) entries.set(name, { field, value: kept });
  }
  return { kind: 'map', entries };
}

function joinValues(a: Known<Value>, b: Known<Value>): Value {
  const [one, other] = [a.value, b.value];
  if (one.kind === 'map' && other.kind === 'map') {
    return joinMaps({ ...a, value: one }, { ...b, value: other });
  }
  if (one.kind === 'set' && other.kind === 'set') {
    return joinSets({ ...a, value: one }, { ...b, value: other });
  }
  assert(one.kind === other.kind, 'values of one place are of one kind');
  assert('dots' in one && 'dots' in other, 'a value of neither maps nor sets has dots');
  return { kind: one.kind, dots: joinDots(one.dots, a.version, other.dots, b.version) } as Value;
}

function joinSets(a: Known<SetValue>, b: Known<SetValue>): SetValue {
  const elements = new Map<string, readonly Dotted<null>[]>();
  for (const element of new Set([...a.value.elements.keys(), ...b.value.elements.keys()])) {
    const dots = joinDots(
      a.value.elements.get(element) ?? [],
      a.version,
      b.value.elements.get(element) ?? [],
      b.version,
    );
    if (dots.length > 0) elements.set(element, dots as readonly Dotted<null>[]);
  }
  return { kind: 'set', elements };
}

function joinDots(a: Dots, aVersion: VersionVector, b: Dots, bVersion: VersionVector): Dots {
  const isIn = (dot: Dot, dots: Dots): boolean => dots.some((one) => compareDots(one, dot) === 0);
  const kept = a.filter((dot) => isIn(dot, b) || !covers(bVersion, dot));
  const added = b.filter((dot) => !isIn(dot, a) && !covers(aVersion, dot));
  return [...kept, ...added].sort(compareDots);
}
