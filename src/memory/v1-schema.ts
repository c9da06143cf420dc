/** The tables of a v1 `.swarm/memory.db` (schema A and A+), as agentic-flow 1.7 to 1.10 create them. */

/** A table of schema A, the columns that a row must have, and the columns that name a row. */
export interface V1Table {
  readonly name: string;
  readonly sql: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

const NOW = `TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP`;
const ENTRY_TIME = `INTEGER DEFAULT (strftime('%s', 'now'))`;

export const V1_TABLES: readonly V1Table[] = [
  {
    name: 'patterns',
    sql: `CREATE TABLE patterns (
      id TEXT PRIMARY KEY, type TEXT NOT NULL, pattern_data TEXT NOT NULL,
      confidence REAL NOT NULL DEFAULT 0.5, usage_count INTEGER NOT NULL DEFAULT 0,
      created_at ${NOW}, last_used TEXT)`,
    columns: ['id', 'type', 'pattern_data', 'confidence', 'usage_count', 'created_at', 'last_used'],
    key: ['id'],
  },
  {
    name: 'pattern_embeddings',
    sql: `CREATE TABLE pattern_embeddings (
      id TEXT PRIMARY KEY, model TEXT NOT NULL, dims INTEGER NOT NULL, vector BLOB NOT NULL,
      created_at ${NOW}, FOREIGN KEY (id) REFERENCES patterns(id) ON DELETE CASCADE)`,
    columns: ['id', 'model', 'dims', 'vector', 'created_at'],
    key: ['id'],
  },
  {
    name: 'pattern_links',
    sql: `CREATE TABLE pattern_links (
      src_id TEXT NOT NULL, dst_id TEXT NOT NULL, relation TEXT NOT NULL,
      weight REAL NOT NULL DEFAULT 1.0, created_at ${NOW},
      PRIMARY KEY (src_id, dst_id, relation),
      FOREIGN KEY (src_id) REFERENCES patterns(id) ON DELETE CASCADE,
      FOREIGN KEY (dst_id) REFERENCES patterns(id) ON DELETE CASCADE)`,
    columns: ['src_id', 'dst_id', 'relation', 'weight', 'created_at'],
    key: ['src_id', 'dst_id', 'relation'],
  },
  {
    name: 'task_trajectories',
    sql: `CREATE TABLE task_trajectories (
      task_id TEXT PRIMARY KEY, agent_id TEXT NOT NULL, query TEXT NOT NULL,
      trajectory_json TEXT NOT NULL, started_at TEXT, ended_at TEXT, judge_label TEXT,
      judge_conf REAL, judge_reasons TEXT, matts_run_id TEXT, created_at ${NOW})`,
    columns: ['task_id', 'agent_id', 'query', 'trajectory_json', 'created_at'],
    key: ['task_id'],
  },
  {
    name: 'matts_runs',
    sql: `CREATE TABLE matts_runs (
      run_id TEXT PRIMARY KEY, task_id TEXT NOT NULL, mode TEXT NOT NULL, k INTEGER NOT NULL,
      status TEXT NOT NULL, summary TEXT, created_at ${NOW})`,
    columns: ['run_id', 'task_id', 'mode', 'k', 'status', 'summary', 'created_at'],
    key: ['run_id'],
  },
  {
    name: 'consolidation_runs',
    sql: `CREATE TABLE consolidation_runs (
      run_id TEXT PRIMARY KEY, items_processed INTEGER NOT NULL, duplicates_found INTEGER NOT NULL,
      contradictions_found INTEGER NOT NULL, items_pruned INTEGER NOT NULL,
      duration_ms INTEGER NOT NULL, created_at ${NOW})`,
    columns: ['run_id', 'items_processed', 'duplicates_found', 'contradictions_found'],
    key: ['run_id'],
  },
  {
    name: 'metrics_log',
    sql: `CREATE TABLE metrics_log (
      id INTEGER PRIMARY KEY AUTOINCREMENT, metric_name TEXT NOT NULL, value REAL NOT NULL,
      timestamp ${NOW})`,
    columns: ['id', 'metric_name', 'value', 'timestamp'],
    key: ['id'],
  },
  {
    name: 'memory_entries',
    sql: `CREATE TABLE memory_entries (
      id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, value TEXT NOT NULL,
      namespace TEXT NOT NULL DEFAULT 'default', metadata TEXT, created_at ${ENTRY_TIME},
      updated_at ${ENTRY_TIME}, accessed_at ${ENTRY_TIME}, access_count INTEGER DEFAULT 0,
      ttl INTEGER, expires_at INTEGER, UNIQUE(key, namespace))`,
    columns: ['id', 'key', 'value', 'namespace', 'metadata', 'created_at'],
    key: ['id'],
  },
];

export const V1_INDEXES: readonly string[] = [
  `CREATE INDEX IF NOT EXISTS idx_patterns_type ON patterns(type)`,
  `CREATE INDEX IF NOT EXISTS idx_patterns_confidence ON patterns(confidence DESC)`,
  `CREATE INDEX IF NOT EXISTS idx_patterns_created_at ON patterns(created_at DESC)`,
  `CREATE INDEX IF NOT EXISTS idx_pattern_links_relation ON pattern_links(relation)`,
  `CREATE INDEX IF NOT EXISTS idx_trajectories_agent ON task_trajectories(agent_id)`,
  `CREATE INDEX IF NOT EXISTS idx_memory_namespace ON memory_entries(namespace)`,
  `CREATE INDEX IF NOT EXISTS idx_memory_expires ON memory_entries(expires_at) WHERE expires_at IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS idx_memory_accessed ON memory_entries(accessed_at)`,
];

/** Tables counted each by its own name in `MemoryCounts`; all others are `otherRows`. */
export const COUNTED_TABLES: ReadonlySet<string> = new Set([
  'patterns',
  'pattern_embeddings',
  'pattern_links',
  'task_trajectories',
  'memory_entries',
  'sqlite_sequence',
]);

/** Our own tables in either store begin so; they are never part of the v1 data. */
export const OWN_PREFIX = 'agentic_flow_';
