/** Tables that no schema of v1 names: whatever they hold becomes records that can be found. */
import type { JsonValue } from '../../../memory/engine.js';
import { type Row, TEXT_BYTES_KEY, textOf } from '../../../memory/exact-row.js';
import type { MemoryTable, ReadParts } from './placement.js';
import { brokenTexts, metadataOf, parsed, timeOf } from './values.js';

const TIME_COLUMNS = ['created_at', 'timestamp', 'ts', 'created', 'time', 'updated_at'];
/** A text of so many words counts as prose. */
const PROSE_WORDS_MIN = 4;

function readUnknown(row: Row): ReadParts {
  const broken = brokenTexts(row);
  const json = new Set<string>();
  const lines: string[] = [];
  for (const [column, value] of Object.entries(row)) {
    if (column === TEXT_BYTES_KEY) continue;
    if (typeof value === 'string' && /^\s*[[{]/.test(value)) {
      if (typeof parsed(value) !== 'string') json.add(column);
      else lines.push(value);
    } else if (typeof value === 'string' || broken.has(column)) {
      const text = textOf(value);
      if (text.trim() !== '') lines.push(text);
    }
  }
  const none: ReadonlySet<string> = new Set();
  const createdAtMs = TIME_COLUMNS.map((column) => timeOf(row[column])).find(
    (ms) => ms !== undefined,
  );
  return {
    content: lines.length > 0 ? lines.join('\n') : numbersOf(row),
    metadata: metadataOf(row, { without: none, json, packed: none }),
    isEmbedded: lines.some(
      (line) => line.trim().split(/\s+/, PROSE_WORDS_MIN).length >= PROSE_WORDS_MIN,
    ),
    ...(createdAtMs === undefined ? {} : { createdAtMs }),
  };
}

/** A row without a text is found by its numbers. */
function numbersOf(row: Row): string {
  const numbers = Object.entries(row).flatMap(([column, value]): JsonValue[] => {
    return typeof value === 'number' || typeof value === 'bigint' ? [`${column} ${value}`] : [];
  });
  return numbers.join(' ');
}

/** Columns in which the reading of a JSON store gives the text of an element, and of a packed file. */
const RAW_COLUMNS: readonly string[] = ['json', 'raw'];

/** Without the text of the element, unless nothing else is in the row. */
function readElement(row: Row): ReadParts {
  const fields = Object.entries(row).filter(([column, value]) => {
    return !RAW_COLUMNS.includes(column) && column !== TEXT_BYTES_KEY && value !== null;
  });
  const isNamedOnly = fields.every(([column]) => column === 'file' || column === 'namespace');
  return readUnknown(isNamedOnly ? row : Object.fromEntries(fields));
}

const ENTRY_COLUMNS: ReadonlySet<string> = new Set(['namespace', 'key', 'value', ...RAW_COLUMNS]);

/** An entry that is not what v1 writes is its own text. */
function readEntry(row: Row): ReadParts {
  const none: ReadonlySet<string> = new Set();
  const createdAtMs = timeOf(row['timestamp']);
  return {
    content: textOf(row['value'] ?? row['json']),
    metadata: metadataOf(row, { without: ENTRY_COLUMNS, json: none, packed: none }),
    ...(createdAtMs === undefined ? {} : { createdAtMs }),
  };
}

/** Elements of a JSON file: measurements, saved sessions, lists of agents and tasks. */
export const ELEMENTS: MemoryTable = {
  kind: 'memory',
  columns: [],
  content: [],
  read: readElement,
};

/** Entries of `memory-store.json`. */
export const ENTRIES: MemoryTable = {
  kind: 'memory',
  columns: [],
  namespace: { column: 'namespace', otherwise: 'default' },
  id: 'key',
  content: ['value'],
  isEmbedded: true,
  read: readEntry,
};

export const UNKNOWN: MemoryTable = {
  kind: 'memory',
  columns: [],
  content: [],
  read: readUnknown,
};
