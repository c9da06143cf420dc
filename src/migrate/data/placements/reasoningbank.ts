/** agentic-flow's ReasoningBank, schemas A and A+, and the older schema B with float64 embeddings. */
import type { JsonObject } from '../../../memory/engine.js';
import type { Row } from '../../../memory/exact-row.js';
import { textOf } from '../../../memory/exact-row.js';
import { decodePattern } from '../../../memory/v1-pattern.js';
import type { PlacementTable, ReadParts } from './placement.js';
import { isDeep, metadataOf, parsedObject, timeOf } from './values.js';

const NOTHING: ReadonlySet<string> = new Set();
const PATTERN_COLUMNS = new Set(['id', 'pattern_data', 'created_at']);

/** Fields of `pattern_data`, and the columns beside it, which v1 keeps current. */
function readPattern(row: Row): ReadParts {
  const columns = metadataOf(row, { without: PATTERN_COLUMNS, json: NOTHING, packed: NOTHING });
  const raw = textOf(row['pattern_data']);
  const { memory, unparsable } = decodePattern(row);
  const { content, createdAtMs } = memory;
  const metadata = isDeep(raw) ? shallow(memory.metadata) : memory.metadata;
  if (metadata === undefined) return { content: raw, metadata: columns, isUnparsable: true };
  return {
    content,
    metadata: { ...metadata, ...columns },
    createdAtMs,
    isUnparsable: unparsable,
  };
}

/** Fields that are nested too deep for what reads metadata, as texts; undefined where even that fails. */
function shallow(metadata: JsonObject): JsonObject | undefined {
  try {
    return Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => {
        const text = JSON.stringify(value);
        return [name, isDeep(text) ? text : value];
      }),
    );
  } catch {
    return undefined;
  }
}

const REASONING_COLUMNS = new Set(['id', 'pattern_data', 'content', 'created_at']);

/** In schema B the text has a column of its own. */
function readReasoning(row: Row): ReadParts {
  const columns = metadataOf(row, { without: REASONING_COLUMNS, json: NOTHING, packed: NOTHING });
  const raw = textOf(row['pattern_data']);
  const data = parsedObject(raw);
  const { content: _content, ...fields } = data ?? {};
  const createdAtMs = timeOf(row['created_at']);
  return {
    content: textOf(row['content']),
    metadata: { ...fields, ...columns },
    isUnparsable: data === undefined,
    ...(createdAtMs === undefined ? {} : { createdAtMs }),
  };
}

export const REASONINGBANK: PlacementTable = {
  patterns: [
    {
      kind: 'memory',
      columns: ['id', 'pattern_data'],
      namespace: 'default',
      id: 'id',
      content: ['pattern_data'],
      isEmbedded: true,
      read: readPattern,
    },
  ],
  reasoning_memory: [
    {
      kind: 'memory',
      columns: ['id', 'content', 'pattern_data'],
      namespace: 'default',
      id: 'id',
      content: ['content'],
      isEmbedded: true,
      read: readReasoning,
    },
  ],
  pattern_embeddings: [
    {
      kind: 'vector',
      columns: ['id', 'model', 'dims', 'vector'],
      of: { column: 'id', tables: ['patterns'] },
      vector: 'vector',
    },
    {
      // Float64: as float32 these bytes are no vector of any model.
      kind: 'vector',
      columns: ['pattern_id', 'embedding'],
      of: { column: 'pattern_id', tables: ['reasoning_memory'] },
    },
  ],
  pattern_links: [
    {
      kind: 'edge',
      columns: ['src_id', 'dst_id', 'relation', 'weight'],
      from: { column: 'src_id', tables: ['patterns', 'reasoning_memory'] },
      to: { column: 'dst_id', tables: ['patterns', 'reasoning_memory'] },
      relation: { column: 'relation' },
      weight: { column: 'weight', otherwise: 1 },
      created: ['created_at'],
    },
  ],
  task_trajectories: [
    {
      kind: 'memory',
      columns: ['task_id', 'query', 'trajectory_json'],
      content: ['query'],
      json: ['trajectory_json', 'judge_reasons'],
      created: ['created_at', 'started_at'],
      isEmbedded: true,
    },
  ],
  task_trajectory: [
    {
      kind: 'memory',
      columns: ['id', 'task_id', 'trajectory', 'verdict'],
      content: ['trajectory'],
      created: ['created_at'],
      isEmbedded: true,
    },
  ],
  matts_runs: [
    {
      kind: 'memory',
      columns: ['run_id', 'task_id', 'mode', 'k'],
      content: ['task_id', 'mode', 'status', 'summary'],
      separator: ' ',
      json: ['summary'],
      created: ['created_at'],
    },
    {
      kind: 'memory',
      columns: ['id', 'task_id', 'run_index', 'result'],
      content: ['result'],
      created: ['created_at'],
      isEmbedded: true,
    },
  ],
  consolidation_runs: [
    {
      kind: 'memory',
      columns: ['run_id', 'items_processed', 'duplicates_found'],
      content: ['run_id', 'items_processed', 'duplicates_found', 'contradictions_found'],
      separator: ' ',
      created: ['created_at'],
    },
  ],
  metrics_log: [
    {
      kind: 'memory',
      columns: ['metric_name', 'value', 'timestamp'],
      content: ['metric_name', 'value'],
      separator: ' ',
      created: ['timestamp'],
    },
  ],
  memory_entries: [
    {
      kind: 'memory',
      columns: ['key', 'value', 'namespace'],
      namespace: { column: 'namespace', otherwise: 'default' },
      id: 'key',
      isKeyed: true,
      content: ['value'],
      json: ['metadata'],
      created: ['created_at'],
      expires: 'expires_at',
      isEmbedded: true,
    },
  ],
};
