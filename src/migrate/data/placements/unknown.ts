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

export const UNKNOWN: MemoryTable = {
  kind: 'memory',
  columns: [],
  content: [],
  read: readUnknown,
};
