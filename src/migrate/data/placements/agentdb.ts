/** agentdb, schema C with the tables that its controllers add, and schema D of agentdb 1.0. */
import type { JsonValue } from '../../../memory/engine.js';
import { type Row, textOf } from '../../../memory/exact-row.js';
import type {
  EndColumn,
  MemoryTable,
  PlacementTable,
  ReadParts,
  VectorTable,
} from './placement.js';
import { metadataOf, parsed, parsedObject, timeOf } from './values.js';

/** What columns that say of which kind a memory is mean. */
const TYPE_TABLES = {
  episode: 'episodes',
  skill: 'skills',
  note: 'notes',
  fact: 'facts',
  event: 'events',
  consolidated: 'consolidated_memories',
  pattern: 'reasoning_patterns',
  concept: 'exp_nodes',
};

function anyMemory(column: string, type: string): EndColumn {
  return { column, tables: [], type: { column: type, tables: TYPE_TABLES } };
}

function embeddings(column: string, table: string): VectorTable {
  const of = { column, tables: [table] };
  return { kind: 'vector', columns: [column, 'embedding'], of, vector: 'embedding' };
}

/** Rows that a program counts or looks up, and nobody searches by their meaning. */
function log(
  columns: readonly string[],
  content: readonly string[],
  rest: Partial<MemoryTable> = {},
): MemoryTable {
  return { kind: 'memory', columns, content, separator: ' ', created: ['created_at'], ...rest };
}

/** Fields of the metadata of schema D that hold the text of a vector. */
const TEXT_FIELDS = ['text', 'content', 'task', 'query', 'document', 'value', 'description'];
const VECTOR_COLUMNS: ReadonlySet<string> = new Set(['id']);
const METADATA: ReadonlySet<string> = new Set(['metadata']);
/** Levels of the metadata, and of JSON texts in it, that are looked at for texts. */
const TEXT_DEPTH_MAX = 4;

function readVector(row: Row): ReadParts {
  const found = parsed(textOf(row['metadata']));
  const createdAtMs = timeOf(row['timestamp']);
  return {
    content: textIn(found),
    metadata: metadataOf(row, { without: VECTOR_COLUMNS, json: METADATA, packed: new Set() }),
    ...(createdAtMs === undefined ? {} : { createdAtMs }),
  };
}

/** The text of a vector: a field that is named so, else all texts that look like prose. */
function textIn(found: JsonValue): string | null {
  if (typeof found === 'string') return found.trim() === '' ? null : found;
  if (typeof found !== 'object' || found === null) return null;
  if (!Array.isArray(found)) {
    const fields = found as Readonly<Record<string, JsonValue>>;
    for (const field of TEXT_FIELDS) {
      const text = Object.hasOwn(fields, field) ? fields[field] : undefined;
      if (typeof text === 'string' && text.trim() !== '') return text;
    }
  }
  const texts: string[] = [];
  collectTexts(found, TEXT_DEPTH_MAX, texts);
  return texts.length === 0 ? null : texts.join('\n');
}

function collectTexts(value: JsonValue, depth: number, texts: string[]): void {
  if (depth === 0) return;
  if (typeof value === 'string') {
    const inner = value.startsWith('{') ? parsedObject(value) : undefined;
    if (inner !== undefined) collectTexts(inner, depth - 1, texts);
    else if (value.trim().includes(' ')) texts.push(value);
  } else if (typeof value === 'object' && value !== null) {
    for (const each of Object.values(value)) collectTexts(each as JsonValue, depth - 1, texts);
  }
}

export const AGENTDB: PlacementTable = {
  episodes: [
    {
      kind: 'memory',
      columns: ['id', 'ts', 'session_id', 'task'],
      content: ['task', 'critique', 'input', 'output'],
      json: ['tags', 'metadata'],
      created: ['created_at', 'ts'],
      isEmbedded: true,
    },
  ],
  skills: [
    {
      kind: 'memory',
      columns: ['id', 'name', 'description'],
      content: ['name', 'description', 'code'],
      json: ['signature', 'metadata'],
      created: ['created_at', 'ts'],
      isEmbedded: true,
    },
  ],
  reasoning_patterns: [
    {
      kind: 'memory',
      columns: ['id', 'task_type', 'approach'],
      content: ['task_type', 'approach'],
      json: ['tags', 'metadata'],
      created: ['ts'],
      isEmbedded: true,
    },
  ],
  facts: [
    {
      kind: 'memory',
      columns: ['id', 'subject', 'predicate', 'object'],
      content: ['subject', 'predicate', 'object'],
      separator: ' ',
      json: ['metadata'],
      created: ['created_at'],
      expires: 'expires_at',
      isEmbedded: true,
    },
  ],
  notes: [
    {
      kind: 'memory',
      columns: ['id', 'title', 'text'],
      content: ['title', 'summary', 'text'],
      json: ['metadata'],
      created: ['created_at'],
      isEmbedded: true,
    },
  ],
  events: [
    {
      kind: 'memory',
      columns: ['id', 'session_id', 'step', 'content'],
      content: ['content'],
      json: ['features', 'tool_calls'],
      created: ['created_at'],
      isEmbedded: true,
    },
  ],
  consolidated_memories: [
    {
      kind: 'memory',
      columns: ['id', 'session_id', 'summary'],
      content: ['summary'],
      json: ['key_insights', 'success_patterns', 'failure_patterns'],
      created: ['created_at'],
      isEmbedded: true,
    },
  ],
  exp_nodes: [
    {
      kind: 'memory',
      columns: ['id', 'kind', 'label'],
      content: ['label'],
      json: ['payload'],
      created: ['created_at'],
      isEmbedded: true,
    },
  ],
  learning_experiences: [
    {
      kind: 'memory',
      columns: ['id', 'session_id', 'state', 'action', 'reward'],
      content: ['state', 'action'],
      json: ['metadata'],
      created: ['timestamp'],
      isEmbedded: true,
    },
  ],
  learning_state_embeddings: [
    {
      kind: 'memory',
      columns: ['id', 'session_id', 'state', 'embedding'],
      content: ['state'],
      isEmbedded: true,
    },
  ],
  causal_experiments: [
    {
      kind: 'memory',
      columns: ['id', 'name'],
      content: ['name', 'hypothesis'],
      json: ['metadata'],
      created: ['created_at', 'start_time'],
      isEmbedded: true,
    },
    log(['id', 'intervention_id', 'uplift'], ['intervention_id', 'uplift', 'sample_size'], {
      json: ['metadata'],
      created: ['ts'],
    }),
  ],
  recall_certificates: [
    log(['id', 'query_id', 'query_text', 'merkle_root'], ['query_text'], {
      json: [
        'chunk_ids',
        'chunk_types',
        'minimal_why',
        'source_hashes',
        'proof_chain',
        'policy_proof',
        'metadata',
      ],
    }),
  ],
  learning_sessions: [
    log(['id', 'user_id', 'session_type', 'config'], ['session_type', 'user_id', 'status'], {
      json: ['config', 'metadata'],
      created: ['start_time'],
    }),
  ],
  learning_policies: [
    log(['id', 'session_id', 'state_action_pairs', 'q_values'], ['session_id', 'version'], {
      json: ['state_action_pairs', 'q_values', 'visit_counts', 'avg_rewards'],
    }),
  ],
  causal_observations: [
    log(['id', 'experiment_id', 'outcome_value'], ['outcome_type', 'outcome_value'], {
      json: ['context'],
      created: ['observed_at', 'created_at'],
    }),
    {
      kind: 'memory',
      columns: ['id', 'action', 'outcome', 'reward'],
      content: ['action', 'outcome'],
      json: ['metadata'],
      created: ['ts'],
      isEmbedded: true,
    },
  ],
  provenance_certificates: [
    log(['id', 'query_id', 'query_text', 'certificate_hash'], ['query_text'], {
      json: ['source_ids', 'metadata'],
      created: ['ts'],
    }),
  ],
  provenance_sources: [
    log(['id', 'source_type', 'content_hash'], ['source_type', 'source_id', 'content_hash'], {
      json: ['derived_from', 'metadata'],
    }),
  ],
  justification_paths: [
    log(['id', 'certificate_id', 'chunk_id', 'reason'], ['chunk_type', 'chunk_id', 'reason'], {
      json: ['path_elements'],
    }),
  ],
  memory_scores: [
    log(['id', 'memory_type', 'memory_id', 'quality_score'], ['memory_type', 'memory_id'], {
      json: ['metadata'],
      created: ['computed_at'],
    }),
  ],
  memory_access_log: [
    log(['id', 'memory_type', 'memory_id', 'accessed_at'], ['memory_type', 'memory_id', 'query'], {
      json: ['feedback'],
      created: ['accessed_at'],
    }),
  ],
  consolidation_runs: [
    log(['id', 'job_type', 'records_processed'], ['job_type', 'status', 'error'], {
      json: ['metadata'],
      created: ['started_at', 'completed_at'],
    }),
  ],
  sync_state: [log(['id', 'last_sync_at', 'sync_count'], ['id', 'last_sync_at', 'last_error'])],
  hnsw_metadata: [log(['key', 'value'], ['value'])],
  vectors: [
    {
      kind: 'memory',
      columns: ['id', 'embedding', 'norm', 'metadata'],
      namespace: 'agentdb/vectors',
      id: 'id',
      content: ['metadata'],
      isEmbedded: true,
      read: readVector,
    },
    {
      // Of the build for browsers, which has a column for the text.
      kind: 'memory',
      columns: ['id', 'embedding', 'metadata', 'text'],
      content: ['text'],
      json: ['metadata'],
      created: ['created_at'],
      isEmbedded: true,
    },
  ],
  patterns: [
    {
      kind: 'memory',
      columns: ['id', 'pattern', 'metadata', 'embedding'],
      content: ['pattern'],
      json: ['metadata'],
      created: ['created_at'],
      isEmbedded: true,
    },
  ],
  hnsw_nodes: [
    {
      kind: 'vector',
      columns: ['id', 'vector_id', 'level'],
      of: { column: 'vector_id', tables: ['vectors'] },
    },
  ],
  hnsw_edges: [
    {
      kind: 'vector',
      columns: ['from_id', 'to_id', 'level', 'distance'],
      of: { column: 'from_id', tables: ['hnsw_nodes', 'vectors'] },
    },
  ],
  episode_embeddings: [embeddings('episode_id', 'episodes')],
  skill_embeddings: [embeddings('skill_id', 'skills')],
  note_embeddings: [embeddings('note_id', 'notes')],
  exp_node_embeddings: [embeddings('node_id', 'exp_nodes')],
  pattern_embeddings: [embeddings('pattern_id', 'reasoning_patterns')],
  skill_links: [
    {
      kind: 'edge',
      columns: ['parent_skill_id', 'child_skill_id', 'relationship'],
      from: { column: 'parent_skill_id', tables: ['skills'] },
      to: { column: 'child_skill_id', tables: ['skills'] },
      relation: { column: 'relationship' },
      weight: { column: 'weight', otherwise: 1 },
    },
  ],
  exp_edges: [
    {
      kind: 'edge',
      columns: ['src_node_id', 'dst_node_id', 'relationship'],
      from: { column: 'src_node_id', tables: ['exp_nodes'] },
      to: { column: 'dst_node_id', tables: ['exp_nodes'] },
      relation: { column: 'relationship' },
      weight: { column: 'weight', otherwise: 1 },
      created: ['created_at'],
    },
  ],
  causal_edges: [
    {
      // The uplift may be any number; what is between 0 and 1 is the confidence in it.
      kind: 'edge',
      columns: ['from_memory_id', 'from_memory_type', 'to_memory_id', 'to_memory_type'],
      from: anyMemory('from_memory_id', 'from_memory_type'),
      to: anyMemory('to_memory_id', 'to_memory_type'),
      relation: { name: 'causes' },
      weight: { column: 'confidence', otherwise: 0.5 },
      created: ['created_at', 'ts'],
    },
  ],
};
