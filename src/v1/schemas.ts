/**
 * Tells the seven schemas of v1 apart by their columns. File names and versions say nothing: the
 * names `pattern_embeddings`, `episodes` and `matts_runs` each stand for several shapes.
 */
import type { Database } from '../memory/database.js';
import { columnsOf } from '../memory/exact-row.js';

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
  { letter: 'C', table: 'reasoning_patterns', columns: ['id'] },
  { letter: 'C', table: 'skills', columns: ['name'] },
  { letter: 'D', table: 'vectors', columns: ['id', 'embedding', 'norm', 'metadata'] },
  { letter: 'E', table: 'swarms', columns: ['id', 'objective'] },
  { letter: 'E', table: 'collective_memory', columns: ['key'] },
  { letter: 'E', table: 'memories', columns: ['namespace', 'key', 'value'] },
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
