/** Columns of rows as the types that v1's classes return. */
import type { JsonValue } from '../../memory/engine.js';
import type { TableRow } from '../layout/table.js';

export function numberOf(row: TableRow, column: string): number | null {
  const value = row[column];
  if (typeof value === 'number') return value;
  return typeof value === 'boolean' ? Number(value) : null;
}

export function textOf(row: TableRow, column: string): string | null {
  const value = row[column];
  return typeof value === 'string' ? value : null;
}

/** A column of JSON; undefined where it is null, as v1 gives it. */
export function jsonOf<Value>(row: TableRow, column: string): Value | undefined {
  const value = row[column];
  return value === null || value === undefined ? undefined : (value as Value);
}

/** What v1 stores with `JSON.stringify`: null where there is nothing, else what JSON makes of it. */
export function asJson(value: unknown): JsonValue {
  if (value === undefined || value === null) return null;
  return JSON.parse(JSON.stringify(value)) as JsonValue;
}

/** v1 stores null for whatever is falsy, a 0 included. */
export function orNull<Value extends JsonValue>(value: Value | undefined): Value | null {
  return value || null;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function emptyIfNull(text: string | null): string {
  return text ?? '';
}
