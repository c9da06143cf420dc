/**
 * Which memories have which metadata, namespace and time, for filters: of the metadata top-level fields,
 * and each item of a list.
 */
import type {
  FilterValue,
  InsertMemory,
  JsonObject,
  JsonValue,
  Memory,
  MetadataFilter,
  SearchQuery,
  TimeRange,
} from './engine.js';
import { MemoryError } from './errors.js';
import {
  FILTER_FIELDS_MAX,
  FILTER_VALUE_CHARACTERS_MAX,
  FILTER_VALUES_MAX,
  FILTERS_REMEMBERED_MAX,
} from './limits.js';
import { checkNamespace, namespaceOf } from './memory-key.js';
import { TimeIndex } from './time-index.js';

type Ids = ReadonlySet<string>;

/** What of a memory filters look at. */
export type Filtered = Pick<InsertMemory, 'id' | 'metadata' | 'expiresAtMs'> &
  Pick<Memory, 'createdAtMs'>;

/** The conditions of a query, all of which must hold. */
export type Conditions = Pick<SearchQuery, 'filter' | 'namespace' | 'created' | 'aliveAtMs'>;

export function hasCondition({ filter, namespace, created, aliveAtMs }: Conditions): boolean {
  return [filter, namespace, created, aliveAtMs].some((condition) => condition !== undefined);
}

export class MetadataIndex {
  /** By field and value; what no memory has is not there. */
  readonly #fields = new Map<string, Map<FilterValue, Set<string>>>();
  /** The fields and values of each memory, to take them out again. */
  readonly #entries = new Map<string, readonly (readonly [string, FilterValue])[]>();
  readonly #namespaces = new Map<string, Set<string>>();
  readonly #times = new TimeIndex();
  /** Of those that expire, by when. */
  readonly #expiries = new TimeIndex();
  /** Answers since the last change, by the text of their conditions. */
  readonly #remembered = new Map<string, Ids>();

  put({ id, metadata, createdAtMs, expiresAtMs }: Filtered): void {
    this.delete(id);
    const namespace = namespaceOf(id);
    const members = this.#namespaces.get(namespace);
    if (members === undefined) this.#namespaces.set(namespace, new Set([id]));
    else members.add(id);
    this.#times.put(id, createdAtMs);
    if (expiresAtMs !== undefined) this.#expiries.put(id, expiresAtMs);
    const entries = [...entriesOf(metadata)];
    this.#entries.set(id, entries);
    for (const [field, value] of entries) {
      let values = this.#fields.get(field);
      if (values === undefined) this.#fields.set(field, (values = new Map()));
      const ids = values.get(value);
      if (ids === undefined) values.set(value, new Set([id]));
      else ids.add(id);
    }
  }

  delete(id: string): void {
    this.#remembered.clear();
    for (const [field, value] of this.#entries.get(id) ?? []) {
      const values = this.#fields.get(field);
      const ids = values?.get(value);
      ids?.delete(id);
      if (ids?.size === 0) values?.delete(value);
      if (values?.size === 0) this.#fields.delete(field);
    }
    if (!this.#entries.delete(id)) return;
    const namespace = namespaceOf(id);
    const members = this.#namespaces.get(namespace);
    members?.delete(id);
    if (members?.size === 0) this.#namespaces.delete(namespace);
    this.#times.delete(id);
    this.#expiries.delete(id);
  }

  /**
   * The memories that all conditions allow; the same object until something changes. Throws `invalid`
   * for a condition that is none.
   */
  allowed({ filter, namespace, created, aliveAtMs }: Conditions): Ids {
    const conditions = filter === undefined ? [] : checkFilter(filter);
    if (namespace !== undefined) checkNamespace(namespace);
    const times = created === undefined ? undefined : checkRange(created);
    const text = JSON.stringify([filter, namespace, times, aliveAtMs]);
    const known = this.#remembered.get(text);
    if (known !== undefined) return known;
    const sets = conditions.map(([field, condition]) => this.#matching(field, condition));
    if (namespace !== undefined) sets.push(this.#namespaces.get(namespace) ?? new Set());
    if (times !== undefined) sets.push(this.#times.between(times.fromMs, times.toMs));
    // From the smallest on: it bounds how many there can be.
    const [smallest, ...others] = sets.sort((a, b) => a.size - b.size);
    const ids = [...(smallest ?? [])].filter((id) => others.every((other) => other.has(id)));
    const allowed = smallest === undefined ? new Set(this.#entries.keys()) : new Set(ids);
    if (aliveAtMs !== undefined) {
      for (const id of this.#expiries.between(-Infinity, aliveAtMs)) allowed.delete(id);
    }
    if (this.#remembered.size >= FILTERS_REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(text, allowed);
    return allowed;
  }

  #matching(field: string, condition: Condition): Ids {
    const values = this.#fields.get(field);
    if (values === undefined) return new Set();
    if (condition.in !== undefined) {
      const [first, ...more] = condition.in.map((value) => values.get(value) ?? new Set<string>());
      if (first === undefined || more.length === 0) return first ?? new Set();
      return new Set([first, ...more].flatMap((ids) => [...ids]));
    }
    const { from = -Infinity, to = Infinity } = condition;
    const ids = new Set<string>();
    for (const [value, having] of values) {
      if (typeof value !== 'number' || !(value >= from && value <= to)) continue;
      for (const id of having) ids.add(id);
    }
    return ids;
  }
}

interface Condition {
  readonly in?: readonly FilterValue[];
  readonly from?: number;
  readonly to?: number;
}

function* entriesOf(metadata: JsonObject): Generator<readonly [string, FilterValue]> {
  for (const [field, value] of Object.entries(metadata)) {
    const items: readonly JsonValue[] = Array.isArray(value) ? (value as JsonValue[]) : [value];
    for (const item of new Set(items)) if (isFilterValue(item)) yield [field, item];
  }
}

function isFilterValue(value: unknown): value is FilterValue {
  if (typeof value === 'string') return value.length <= FILTER_VALUE_CHARACTERS_MAX;
  return value === null || typeof value === 'boolean' || Number.isFinite(value);
}

function checkFilter(filter: MetadataFilter): (readonly [string, Condition])[] {
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) {
    throw new MemoryError('invalid', 'a filter is an object with a condition for each field');
  }
  const fields = Object.entries(filter as Readonly<Record<string, unknown>>);
  if (fields.length > FILTER_FIELDS_MAX) {
    throw new MemoryError('invalid', `a filter takes ${FILTER_FIELDS_MAX} fields`);
  }
  return fields.map(([field, value]) => [field, conditionOf(field, value)]);
}

function conditionOf(field: string, value: unknown): Condition {
  if (isFilterValue(value)) return { in: [value] };
  if (typeof value === 'object' && value !== null) {
    const { in: values, from, to, ...more } = value as Readonly<Record<string, unknown>>;
    const isPlain = Object.keys(more).length === 0;
    if (isPlain && Array.isArray(values) && from === undefined && to === undefined) {
      if (values.length <= FILTER_VALUES_MAX && values.every(isFilterValue)) return { in: values };
    } else if (isPlain && values === undefined && isBound(from) && isBound(to)) {
      return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
    }
  }
  throw new MemoryError(
    'invalid',
    `the condition of ${JSON.stringify(field)} in a filter is no text, number, truth value or null, no ` +
      `{ in: [...] } of at most ${FILTER_VALUES_MAX} of them, and no { from, to } of numbers; a text ` +
      `has at most ${FILTER_VALUE_CHARACTERS_MAX} characters`,
  );
}

/** The range with both ends. Throws `invalid`. */
export function checkRange(range: TimeRange): { fromMs: number; toMs: number } {
  const { fromMs, toMs, ...more } = (range ?? {}) as Readonly<Record<string, unknown>>;
  const isRange = typeof range === 'object' && range !== null && Object.keys(more).length === 0;
  if (isRange && isBound(fromMs) && isBound(toMs)) {
    const last = Number.MAX_SAFE_INTEGER;
    return { fromMs: fromMs ?? -last, toMs: toMs ?? last };
  }
  throw new MemoryError('invalid', 'a time range is { fromMs, toMs } of milliseconds since 1970');
}

function isBound(value: unknown): value is number | undefined {
  return value === undefined || Number.isFinite(value);
}
