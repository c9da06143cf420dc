/** Between a memory and the row of `patterns` in which v1 keeps it. */
import type { InsertMemory, JsonObject, JsonValue, Memory, ModelVector } from './engine.js';
import { type Row, textOf } from './exact-row.js';
import { isExpiry } from './expiry.js';
import { MODEL_NAME } from './model.js';
import { v1HashEmbedding } from './v1-hash-embedding.js';
import { bytesOfVector } from './vector-bytes.js';

/** v1's own prior for a memory of a task that succeeded; its retrieval drops all below 0.3. */
const CONFIDENCE_DEFAULT = 0.75;
const TITLE_CHARACTERS_MAX = 80;
/** Model name of an embedding that we compute as v1 would, without any model. */
const HASH_MODEL = 'agentic-flow-v1-hash';

/** A memory of a v1 row, and whether its JSON could not be read (the content is then the raw text). */
export interface DecodedPattern {
  readonly memory: Memory;
  readonly unparsable: boolean;
}

/** Never fails: what is no JSON object of v1's kind is served as its raw text. */
export function decodePattern(row: Row): DecodedPattern {
  const raw = textOf(row['pattern_data']);
  const id = textOf(row['id']);
  const data = parseObject(raw);
  if (data === undefined) {
    const createdAtMs = instantMs(row['created_at']) ?? 0;
    return { memory: { id, content: raw, metadata: {}, createdAtMs }, unparsable: true };
  }
  const own = ownPart(data);
  if (own !== undefined) {
    return { memory: { id, content: contentOf(data, raw), ...own }, unparsable: false };
  }
  const { content: _content, ...metadata } = data;
  const createdAtMs = instantMs(data['created_at']) ?? instantMs(row['created_at']) ?? 0;
  return {
    memory: { id, content: contentOf(data, raw), metadata, createdAtMs },
    unparsable: false,
  };
}

function parseObject(raw: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(raw);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** What our engine put aside to give metadata and times back exactly. */
function ownPart(data: JsonObject): Omit<Memory, 'id' | 'content'> | undefined {
  const own = objectOr(data['agentic_flow'], undefined);
  if (own === undefined) return undefined;
  const metadata = objectOr(own['metadata'], undefined);
  const createdAtMs = own['timestamp_ms'];
  if (metadata === undefined || typeof createdAtMs !== 'number') return undefined;
  const expiresAtMs = own['expires_at_ms'];
  return { metadata, createdAtMs, ...(isExpiry(expiresAtMs) ? { expiresAtMs } : {}) };
}

function objectOr<T>(value: JsonValue | undefined, otherwise: T): JsonObject | T {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : otherwise;
}

function contentOf(data: JsonObject, raw: string): string {
  const content = data['content'];
  if (typeof content === 'string') return content;
  if (content !== undefined && content !== null) return JSON.stringify(content);
  const parts = [data['title'], data['description']].filter((part) => typeof part === 'string');
  return parts.length > 0 ? parts.join('\n') : raw;
}

/** Milliseconds of v1's spellings: ISO 8601, SQLite's UTC without a zone, seconds or milliseconds. */
export function instantMs(value: Row[string] | JsonValue | undefined): number | undefined {
  if (typeof value === 'number') return instantMs(String(value));
  if (typeof value !== 'string') return undefined;
  if (/^\d{9,14}(\.\d+)?$/.test(value)) {
    const number = Number(value);
    return Math.round(number < 1e11 ? number * 1000 : number);
  }
  if (!/^\d{4}-\d{2}-\d{2}/.test(value)) return undefined;
  const zoned = /(Z|[+-]\d{2}:?\d{2})$/i.test(value) ? value : `${value.replace(' ', 'T')}Z`;
  const parsed = Date.parse(value.length === 10 ? value : zoned);
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** UTC as SQLite's CURRENT_TIMESTAMP writes it, in which v1 computes ages. */
function sqliteTime(timestampMs: number): string {
  const text = new Date(timestampMs).toISOString();
  return text.slice(0, text.indexOf('.')).replace('T', ' ');
}

/** The row of `patterns` for an inserted memory; a function of the command alone. */
export function patternRow(command: Omit<InsertMemory, 'type' | 'vector'>): Row {
  const { id, content, metadata, timestampMs, expiresAtMs } = command;
  const expiry = expiresAtMs === undefined ? {} : { expires_at_ms: expiresAtMs };
  const confidence = metadata['confidence'];
  const tags = metadata['tags'];
  const known = typeof confidence === 'number' && confidence >= 0 && confidence <= 1;
  const source = { task_id: 'unknown', agent_id: 'agentic-flow', outcome: 'Success', evidence: [] };
  const data = {
    title: title(content, metadata),
    description: stringOr(metadata['description'], ''),
    content,
    source: objectOr(metadata['source'], source),
    tags: Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [],
    domain: stringOr(metadata['domain'], 'general'),
    created_at: new Date(timestampMs).toISOString(),
    confidence: known ? confidence : CONFIDENCE_DEFAULT,
    n_uses: 0,
    agentic_flow: { metadata, timestamp_ms: timestampMs, ...expiry },
  };
  return {
    id,
    type: 'reasoning_memory',
    pattern_data: JSON.stringify(data),
    confidence: data.confidence,
    usage_count: 0,
    created_at: sqliteTime(timestampMs),
    last_used: null,
  };
}

function title(content: string, metadata: JsonObject): string {
  const given = metadata['title'];
  if (typeof given === 'string') return given;
  const line = content.slice(0, TITLE_CHARACTERS_MAX).split('\n')[0] ?? '';
  // The cut may have halved a surrogate pair.
  return line.replaceAll(/\p{Surrogate}/gu, '');
}

function stringOr(value: JsonValue | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

/**
 * The row of `pattern_embeddings` for an inserted memory. v1 throws when a file mixes dimensions, so
 * the vector has those of the file: the model's own where they fit, else what v1 itself would store.
 */
export function embeddingRow(
  command: Omit<InsertMemory, 'type'>,
  pattern: Row,
  dimensions: number,
): Row {
  const { id, vector, timestampMs } = command;
  const fits = vector?.model === MODEL_NAME && vector.values.length === dimensions;
  const data = JSON.parse(textOf(pattern['pattern_data'])) as Record<string, string>;
  const text = `${data['title']} ${data['description']} ${data['content']}`;
  const values = fits ? (vector as ModelVector).values : v1HashEmbedding(text, dimensions);
  return {
    id,
    model: fits ? MODEL_NAME : HASH_MODEL,
    dims: dimensions,
    vector: bytesOfVector(values),
    created_at: sqliteTime(timestampMs),
  };
}

/** The row of `pattern_links` for an added edge. */
export function linkRow(
  from: string,
  to: string,
  relation: string,
  weight: number,
  timestampMs: number,
): Row {
  return { src_id: from, dst_id: to, relation, weight, created_at: sqliteTime(timestampMs) };
}
