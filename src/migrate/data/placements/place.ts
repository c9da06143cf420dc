/** A row of v1 as the record that it becomes. */
import type { JsonObject } from '../../../memory/engine.js';
import { type Row, textOf } from '../../../memory/exact-row.js';
import {
  HELD_CONTENT_CHARACTERS_MAX,
  HELD_METADATA_CHARACTERS_MAX,
  TIMESTAMP_MAX_MS,
} from '../../../memory/limits.js';
import type { V1Row } from '../../../v1/rows.js';
import { carriedId, carriedNamespace } from '../names.js';
import type { MemoryTable, Placed, ReadParts, Refused } from './placement.js';
import { lineOf, metadataOf, timeOf } from './values.js';

interface Table {
  readonly table: string;
  readonly family: string;
  readonly placement: MemoryTable;
}

/** The sets of a placement, made once and not for each row. */
const SETS = new WeakMap<MemoryTable, Record<'without' | 'json' | 'packed', ReadonlySet<string>>>();

function setsOf(
  placement: MemoryTable,
): Record<'without' | 'json' | 'packed', ReadonlySet<string>> {
  let sets = SETS.get(placement);
  if (sets === undefined) {
    const { namespace, id, content } = placement;
    const without = new Set(content.length === 1 ? content : []);
    if (id !== undefined) without.add(id);
    if (typeof namespace === 'object') without.add(namespace.column);
    sets = {
      without,
      json: new Set(placement.json),
      packed: new Set(placement.packed),
    };
    SETS.set(placement, sets);
  }
  return sets;
}

/** What the record of a row is to be. Never fails: what v1 could hold has a place, or a reason. */
export function placeMemory(table: Table, { key, row }: V1Row): Placed | Refused {
  const { placement } = table;
  const parts = placement.read?.(row) ?? readColumns(placement, row);
  if (parts.content === null) {
    const sentence = 'the vector has no text with it, so no other model can make it again';
    return { reason: 'no-text', sentence };
  }
  if (parts.content.length > HELD_CONTENT_CHARACTERS_MAX) {
    return tooLong(`the text has ${parts.content.length} characters`, HELD_CONTENT_CHARACTERS_MAX);
  }
  const namespace = namespaceOf(table, row);
  const original = placement.id === undefined ? key : idOf(row[placement.id], key);
  const id = carriedId(namespace.carried, original);
  const renamed: [string, string][] = [];
  if (id !== original) renamed.push(['v1_id', original]);
  if (namespace.carried !== namespace.original) renamed.push(['v1_namespace', namespace.original]);
  const metadata = shortened(
    renamed.length === 0 ? parts.metadata : { ...parts.metadata, ...Object.fromEntries(renamed) },
    placement,
  );
  if (metadata === undefined) {
    return tooLong(
      'the columns beside the text have more characters',
      HELD_METADATA_CHARACTERS_MAX,
    );
  }
  const { expires, created = [] } = placement;
  const createdAtMs =
    parts.createdAtMs ??
    created.map((column) => timeOf(row[column])).find((ms) => ms !== undefined);
  return {
    namespace: namespace.carried,
    id,
    content: parts.content,
    metadata,
    createdAtMs: validTime(createdAtMs),
    expiresAtMs: (expires === undefined ? undefined : timeOf(row[expires])) ?? null,
    isEmbedded: parts.isEmbedded ?? placement.isEmbedded ?? false,
    isUnparsable: parts.isUnparsable ?? false,
  };
}

/** What no store takes could be exported and never be imported again. */
function tooLong(what: string, most: number): Refused {
  const sentence = `${what}, and a memory has at most ${most}; divide it and put the parts, the archive has all of it`;
  return { reason: 'too-long', sentence };
}

/** Long metadata go without the columns that the text is made of; undefined if that is too long as well. */
function shortened(metadata: JsonObject, { content }: MemoryTable): JsonObject | undefined {
  if (isCarried(metadata)) return metadata;
  const rest = Object.entries(metadata).filter(([name]) => !content.includes(name));
  const short = Object.fromEntries(rest);
  return isCarried(short) ? short : undefined;
}

function isCarried(metadata: JsonObject): boolean {
  return JSON.stringify(metadata).length <= HELD_METADATA_CHARACTERS_MAX;
}

function readColumns(placement: MemoryTable, row: Row): ReadParts {
  const sets = setsOf(placement);
  const lines = placement.content.map((column) => lineOf(row, column, sets.packed));
  const text =
    lines.length === 1
      ? lines[0]
      : lines.filter((line) => line !== '').join(placement.separator ?? '\n');
  return { content: text ?? '', metadata: metadataOf(row, sets) };
}

function namespaceOf(
  { table, family, placement }: Table,
  row: Row,
): { original: string; carried: string } {
  const { namespace = `${family}/${table}` } = placement;
  if (typeof namespace === 'string')
    return { original: namespace, carried: carriedNamespace(namespace) };
  const { column, prefix = '', otherwise } = namespace;
  const value = row[column];
  const isNamed = value !== undefined && value !== null && value !== '';
  const original = isNamed ? `${prefix}${textOf(value)}` : otherwise;
  return { original, carried: carriedNamespace(original) };
}

/** A row without an id is called by what names it in its table. */
function idOf(value: Row[string] | undefined, key: string): string {
  return value === undefined || value === null || value === '' ? key : textOf(value);
}

function validTime(ms: number | undefined): number {
  return ms !== undefined && Number.isSafeInteger(ms) && ms >= 0 && ms <= TIMESTAMP_MAX_MS ? ms : 0;
}
