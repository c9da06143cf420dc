/**
 * Tells the seven schemas of v1 apart by their columns. File names and versions say nothing: the
 * names `pattern_embeddings`, `episodes` and `matts_runs` each stand for several shapes.
 */
import type { Database } from '../memory/database.js';
import { columnsOf } from '../memory/exact-row.js';
import type { StoreFamily, StoreFormat } from './rows.js';

/** A: reasoningbank, A+ in it claude-flow's entries; B to F as in the documentation of v1. */
export type SchemaLetter = 'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'unknown' | 'empty';

interface Shape {
  readonly letter: SchemaLetter;
  readonly table: string;
  readonly columns: readonly string[];
}

/** The first shape whose table has all the columns decides. */
const SHAPES: readonly Shape[] = [
  { letter: 'A', table: 'patterns', columns: ['id', 'type', 'pattern_data', 'confidence'] },
  { letter: 'A', table: 'memory_entries', columns: ['key', 'value', 'namespace'] },
  { letter: 'B', table: 'reasoning_memory', columns: ['id', 'title', 'pattern_data'] },
  { letter: 'F', table: 'episodes', columns: ['tenant_id', 'vector_clock'] },
  { letter: 'F', table: 'change_log', columns: ['tenant_id', 'vector_clock'] },
  { letter: 'C', table: 'episodes', columns: ['session_id', 'task', 'reward'] },
  { letter: 'C', table: 'reasoning_patterns', columns: ['task_type', 'approach'] },
  { letter: 'C', table: 'skills', columns: ['name', 'success_rate', 'uses'] },
  { letter: 'C', table: 'causal_edges', columns: ['from_memory_id', 'to_memory_id', 'uplift'] },
  { letter: 'D', table: 'vectors', columns: ['id', 'embedding', 'norm', 'metadata'] },
  { letter: 'E', table: 'swarms', columns: ['id', 'objective'] },
  { letter: 'E', table: 'swarms', columns: ['id', 'queen_mode', 'max_agents'] },
  { letter: 'E', table: 'collective_memory', columns: ['swarm_id', 'key', 'value'] },
  { letter: 'E', table: 'memories', columns: ['namespace', 'key', 'value'] },
  { letter: 'E', table: 'memory', columns: ['key', 'namespace', 'value', 'last_accessed_at'] },
  { letter: 'G', table: 'session_state', columns: ['session_id', 'project_path', 'last_activity'] },
  { letter: 'G', table: 'mcp_tool_usage', columns: ['tool_name', 'execution_time_ms'] },
  { letter: 'G', table: 'training_data', columns: ['pattern_type', 'action_taken'] },
  { letter: 'G', table: 'error_patterns', columns: ['error_type', 'prevention_strategy'] },
  { letter: 'A', table: 'pattern_embeddings', columns: ['id', 'model', 'dims', 'vector'] },
  { letter: 'A', table: 'task_trajectories', columns: ['task_id', 'trajectory_json'] },
  { letter: 'B', table: 'task_trajectory', columns: ['task_id', 'trajectory', 'verdict'] },
];

/** The schema of an open database. */
export function schemaOf(database: Database, tables: readonly string[]): SchemaLetter {
  if (tables.length === 0) return 'empty';
  for (const { letter, table, columns } of SHAPES) {
    if (!tables.includes(table)) continue;
    const present = columnsOf(database, table);
    if (columns.every((column) => present.includes(column))) return letter;
  }
  return 'unknown';
}

const FAMILY_OF_FORMAT: Readonly<Partial<Record<StoreFormat, StoreFamily>>> = {
  A: 'reasoningbank',
  B: 'reasoningbank',
  C: 'agentdb',
  D: 'agentdb',
  E: 'hive',
  F: 'hub',
  G: 'claude-flow',
  'memory-json': 'claude-flow',
  'session-json': 'hive',
  'metrics-json': 'claude-flow',
};

/** Of stores that do not tell themselves, by where v1 puts them. */
const FAMILY_OF_PLACE: readonly (readonly [RegExp, StoreFamily])[] = [
  [/(^|\/)\.swarm\//, 'reasoningbank'],
  [/(^|\/)(\.agentdb\/|agentdb[^/]*$)/, 'agentdb'],
  [/(^|\/)\.hive-mind\//, 'hive'],
];

/** Which program wrote a store of this format and name. */
export function familyOf(format: StoreFormat, name: string): StoreFamily {
  const place = FAMILY_OF_PLACE.find(([pattern]) => pattern.test(name));
  return FAMILY_OF_FORMAT[format] ?? place?.[1] ?? 'unknown';
}
