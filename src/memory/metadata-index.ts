/** Which memories have which metadata, for filters: top-level fields, and each item of a list. */
import type { FilterValue, JsonObject, JsonValue, MetadataFilter } from './engine.js';
import { MemoryError } from './errors.js';
import {
  FILTER_FIELDS_MAX,
  FILTER_VALUE_CHARACTERS_MAX,
  FILTER_VALUES_MAX,
  FILTERS_REMEMBERED_MAX,
} from './limits.js';

type Ids = ReadonlySet<string>;

export class MetadataIndex {
  /** By field and value; what no memory has is not there. */
  readonly #fields = new Map<string, Map<FilterValue, Set<string>>>();
  /** The fields and values of each memory, to take them out again. */
  readonly #entries = new Map<string, readonly (readonly [string, FilterValue])[]>();
  /** Answers since the last change, by the text of their filter. */
  readonly #remembered = new Map<string, Ids>();

  put(id: string, metadata: JsonObject): void {
    this.delete(id);
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
    this.#entries.delete(id);
  }

  /**
   * The memories that a filter allows; the same object until something changes. Throws `invalid` for
   * a filter that is none.
   */
  allowed(filter: MetadataFilter): Ids {
    const conditions = checkFilter(filter);
    const text = JSON.stringify(filter);
    const known = this.#remembered.get(text);
    if (known !== undefined) return known;
    const sets = conditions.map(([field, condition]) => this.#matching(field, condition));
    // From the smallest on: it bounds how many there can be.
    const [smallest, ...others] = sets.sort((a, b) => a.size - b.size);
    const ids = [...(smallest ?? [])].filter((id) => others.every((other) => other.has(id)));
    const allowed = smallest === undefined ? new Set(this.#entries.keys()) : new Set(ids);
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

function isBound(value: unknown): value is number | undefined {
  return value === undefined || Number.isFinite(value);
}
