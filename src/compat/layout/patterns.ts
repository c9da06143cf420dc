/** Rows of v1's `patterns` in the namespace `default` of the v2 store. */
import type { JsonObject, JsonValue } from '../../memory/engine.js';
import { DEFAULT_NAMESPACE } from '../../memory/memory-key.js';
import type { RecordInput, StoreRecord } from '../../memory/store/records.js';
import { CompatError } from '../errors.js';
import { sqliteTime } from './times.js';

/** What v1's retrieval looks at. */
export const REASONING_MEMORY = 'reasoning_memory';
/** Columns beside `pattern_data`, which are kept as fields of the metadata. */
const COLUMNS = ['type', 'confidence', 'usage_count', 'last_used'] as const;
/** Where the metadata keeps fields of `pattern_data` that are not as the columns of these names. */
const OWN_FIELDS = 'pattern_fields';

/** A row of `patterns` as v1's functions return it. */
export interface PatternRow {
  readonly id: string;
  readonly type: string;
  readonly pattern_data: Readonly<Record<string, JsonValue>>;
  readonly confidence: number;
  readonly usage_count: number;
  /** UTC as SQLite writes it. */
  readonly created_at: string;
  readonly last_used: string | null;
}

export type NewPattern = Pick<PatternRow, 'id' | 'type' | 'confidence' | 'usage_count'> & {
  readonly pattern_data: JsonObject;
};

/** True for what v1's `retrieveMemories` would look at, not for a key-value entry of this namespace. */
export function isReasoningMemory({ metadata }: Pick<StoreRecord, 'metadata'>): boolean {
  return metadata['type'] === REASONING_MEMORY;
}

export function patternOf(record: StoreRecord): PatternRow {
  const { id, content, metadata, timestamp } = record;
  const own = objectOr(metadata[OWN_FIELDS], {});
  const { title, description } = metadata;
  // The confidence may be in both places; the other columns are not part of it unless they were.
  const { type: _t, usage_count: _u, last_used: _l, [OWN_FIELDS]: _o, ...fields } = metadata;
  const data: Record<string, JsonValue | undefined> = { title, description, content, ...fields };
  if (!hasConfidence(fields)) delete data['confidence'];
  Object.assign(data, own);
  const present = Object.entries(data).filter(
    (entry): entry is [string, JsonValue] => entry[1] !== undefined && !isAbsent(entry[1]),
  );
  return {
    id,
    pattern_data: Object.fromEntries(present),
    created_at: sqliteTime(timestamp),
    ...columnsOf(metadata),
  };
}

/** The columns beside `pattern_data`. */
export function columnsOf(
  metadata: JsonObject,
): Pick<PatternRow, 'type' | 'confidence' | 'usage_count' | 'last_used'> {
  const { type, confidence, usage_count, last_used } = metadata;
  return {
    type: typeof type === 'string' ? type : '',
    // v1's default of the column.
    confidence: typeof confidence === 'number' ? confidence : 0.5,
    usage_count: typeof usage_count === 'number' ? usage_count : 0,
    last_used: typeof last_used === 'string' ? last_used : null,
  };
}

/** Throws `invalid` for what v1 could not have stored either. */
export function recordOfPattern(pattern: NewPattern, timestamp: number): RecordInput {
  const { id, type, pattern_data: data, confidence, usage_count } = pattern;
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new CompatError('invalid', `the pattern_data of ${JSON.stringify(id)} is no object`);
  }
  if (typeof confidence !== 'number' || typeof usage_count !== 'number') {
    const sentence = `the confidence and usage_count of ${JSON.stringify(id)} must be numbers`;
    throw new CompatError('invalid', sentence);
  }
  const columns = { type, confidence, usage_count, last_used: null };
  const { content, ...fields } = data;
  const own: Record<string, JsonValue> = {};
  if (typeof content !== 'string') own['content'] = content ?? ABSENT;
  for (const name of COLUMNS) {
    if (name in fields && fields[name] !== columns[name]) own[name] = fields[name] ?? null;
  }
  const isKept = 'confidence' in fields;
  if (isKept !== hasConfidence(fields)) own['confidence'] = fields['confidence'] ?? ABSENT;
  return {
    id,
    namespace: DEFAULT_NAMESPACE,
    content: typeof content === 'string' ? content : contentFrom(data),
    metadata: {
      ...fields,
      ...columns,
      ...(Object.keys(own).length === 0 ? {} : { [OWN_FIELDS]: own }),
    },
    timestamp,
  };
}

/** What v1 distils counts its uses and has its confidence in `pattern_data`; what claude-flow stores has neither. */
function hasConfidence(fields: JsonObject): boolean {
  return 'n_uses' in fields;
}

/** Stands for a field that `pattern_data` has not. */
const ABSENT = { absent: true } as const;

function isAbsent(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && JSON.stringify(value) === ABSENT_JSON;
}

const ABSENT_JSON = JSON.stringify(ABSENT);

/** What is searched where there is no content: as a migration reads such a row. */
function contentFrom(data: JsonObject): string {
  const { content, title, description } = data;
  if (content !== undefined && content !== null) return JSON.stringify(content);
  const parts = [title, description].filter((part) => typeof part === 'string');
  return parts.length > 0 ? parts.join('\n') : JSON.stringify(data);
}

function objectOr(value: JsonValue | undefined, otherwise: JsonObject): JsonObject {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : otherwise;
}
