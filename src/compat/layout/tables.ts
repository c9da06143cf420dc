/**
 * The tables of v1 as namespaces of the v2 store (docs/migration.md): the namespace says the table, the id
 * the key, the metadata the columns, and the content is the text that a person would search.
 */
import type { JsonObject } from '../../memory/engine.js';

export interface TableLayout {
  readonly namespace: string;
  /** Numbers count on; texts are given by the caller in the column `key`. */
  readonly key: 'number' | { readonly column: string };
  /**
   * Columns that make up the content. A single one is the whole content and is left out of the metadata;
   * several stay there.
   */
  readonly content: readonly string[];
  readonly separator: '\n' | ' ';
  /** Prose, which has a vector. */
  readonly isEmbedded: boolean;
}

const prose = (namespace: string, content: readonly string[]): TableLayout => {
  return { namespace, key: 'number', content, separator: '\n', isEmbedded: true };
};
const log = (
  namespace: string,
  content: readonly string[],
  key: TableLayout['key'] = 'number',
): TableLayout => {
  return { namespace, key, content, separator: ' ', isEmbedded: false };
};

export const EPISODES = prose('agentdb/episodes', ['task', 'critique', 'input', 'output']);
export const SKILLS = prose('agentdb/skills', ['name', 'description', 'code']);
export const REASONING_PATTERNS = prose('agentdb/reasoning_patterns', ['task_type', 'approach']);
export const CAUSAL_EDGES = log('agentdb/causal_edges', ['mechanism']);
export const CAUSAL_EXPERIMENTS = prose('agentdb/causal_experiments', ['name', 'hypothesis']);
export const CAUSAL_OBSERVATIONS = log('agentdb/causal_observations', [
  'outcome_type',
  'outcome_value',
]);
export const RECALL_CERTIFICATES = log('agentdb/recall_certificates', ['query_text'], {
  column: 'id',
});
export const JUSTIFICATION_PATHS = log('agentdb/justification_paths', [
  'chunk_type',
  'chunk_id',
  'reason',
]);
export const PROVENANCE_SOURCES = log('agentdb/provenance_sources', [
  'source_type',
  'source_id',
  'content_hash',
]);
export const LEARNING_SESSIONS = log(
  'agentdb/learning_sessions',
  ['session_type', 'user_id', 'status'],
  { column: 'id' },
);
export const TRAJECTORIES: TableLayout = {
  ...prose('reasoningbank/task_trajectories', ['query']),
  key: { column: 'task_id' },
};
export const MATTS_RUNS = log(
  'reasoningbank/matts_runs',
  ['task_id', 'mode', 'status', 'summary'],
  { column: 'run_id' },
);
export const CONSOLIDATION_RUNS = log(
  'reasoningbank/consolidation_runs',
  ['run_id', 'items_processed', 'duplicates_found', 'contradictions_found'],
  { column: 'run_id' },
);
export const METRICS_LOG = log('reasoningbank/metrics_log', ['metric_name', 'value']);

/** The content of a row. */
export function contentOfRow({ content, separator }: TableLayout, row: JsonObject): string {
  const texts = content.map((column) => {
    const value = row[column];
    if (value === null || value === undefined) return '';
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  });
  return texts.filter((text) => text !== '').join(separator);
}

/** The metadata of a row: its columns but the key and a content that is one column. */
export function metadataOfRow({ content, key }: TableLayout, row: JsonObject): JsonObject {
  const [only, second] = content;
  const without = new Set<string>();
  // Only a text is the same again as a content.
  if (second === undefined && only !== undefined && typeof row[only] === 'string')
    without.add(only);
  if (key === 'number') without.add('id');
  const columns = Object.entries(row).filter(([column]) => !without.has(column));
  return Object.fromEntries(columns.map(([column, value]) => [column, value ?? null]));
}
