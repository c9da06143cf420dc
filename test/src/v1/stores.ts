/** What the tests of reading v1 share: stores made of SQL, and readings as plain data. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { onTestFinished } from 'vitest';

import { openReading, type V1Reading, type V1Row, type V1Store } from '../../../src/v1/index.js';
import { scratch } from '../memory/support.js';

/** A new folder that vanishes after the tests of the file. */
export function folder(name: string): string {
  const path = scratch(name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Makes a database of SQL, with its folders. */
export function makeDatabase(path: string, sql: string): string {
  mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
  return path;
}

export function storeAt(path: string, format: V1Store['format'] = 'unknown'): V1Store {
  const base = { path, name: 'store', family: 'unknown', format, state: 'ok' } as const;
  return { ...base, bytes: 1, walBytes: 0, rows: {}, findings: [] };
}

/** Opens a store for the rest of the test. */
export async function reading(path: string, format?: V1Store['format']): Promise<V1Reading> {
  const opened = await openReading(storeAt(path, format), folder('work'));
  onTestFinished(() => opened.close());
  return opened;
}

/** All rows of all tables. */
export function allRows(opened: V1Reading): V1Row[] {
  return opened.tables.flatMap((table) => [...opened.rows(table)]);
}

/** One database of each schema that v1 has, with a row in it. */
export const SCHEMAS: Readonly<Record<string, string>> = {
  A: `CREATE TABLE patterns (id TEXT PRIMARY KEY, type TEXT NOT NULL, pattern_data TEXT NOT NULL,
        confidence REAL NOT NULL DEFAULT 0.5, usage_count INTEGER DEFAULT 0, created_at TEXT, last_used TEXT);
      INSERT INTO patterns VALUES ('p1', 'reasoning_memory', '{}', 0.5, 0, '2025-01-01', NULL)`,
  'A+': `CREATE TABLE memory_entries (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL,
        value TEXT NOT NULL, namespace TEXT NOT NULL DEFAULT 'default', UNIQUE(key, namespace));
      INSERT INTO memory_entries (key, value) VALUES ('k', 'v')`,
  B: `CREATE TABLE reasoning_memory (id TEXT PRIMARY KEY, title TEXT, description TEXT, content TEXT,
        confidence REAL, usage_count INTEGER, created_at TIMESTAMP, pattern_data JSON NOT NULL);
      CREATE INDEX idx_memory_domain ON reasoning_memory(json_extract(pattern_data, '$.domain'));
      CREATE TABLE pattern_embeddings (pattern_id TEXT PRIMARY KEY, embedding BLOB NOT NULL);
      INSERT INTO reasoning_memory VALUES ('b1', 't', 'd', 'c', 0.5, 0, NULL, '{"domain":"x"}')`,
  C: `CREATE TABLE episodes (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, task TEXT, reward REAL);
      CREATE VIEW top AS SELECT * FROM episodes;
      CREATE TRIGGER t AFTER UPDATE ON episodes BEGIN SELECT 1; END;
      INSERT INTO episodes (session_id, task, reward) VALUES ('s', 't', 1)`,
  C2: `CREATE TABLE causal_edges (id INTEGER PRIMARY KEY, ts INTEGER, from_memory_id INTEGER,
        to_memory_id INTEGER, uplift REAL NOT NULL);
      INSERT INTO causal_edges VALUES (1, 0, 1, 2, 0.5)`,
  D: `CREATE TABLE vectors (id TEXT PRIMARY KEY, embedding BLOB, norm REAL, metadata TEXT, timestamp INTEGER);
      INSERT INTO vectors VALUES ('v1', x'0000803f', 1, '{"text":"x"}', 1)`,
  E: `CREATE TABLE swarms (id TEXT PRIMARY KEY, name TEXT NOT NULL, objective TEXT);
      INSERT INTO swarms VALUES ('s', 'n', 'o')`,
  E2: `CREATE TABLE memories (id INTEGER PRIMARY KEY, namespace TEXT, key TEXT, value TEXT);
      INSERT INTO memories VALUES (1, 'n', 'k', 'v')`,
  E3: `CREATE TABLE swarms (id TEXT PRIMARY KEY, name TEXT, topology TEXT, queen_mode TEXT, max_agents INTEGER);
      CREATE TABLE memory (key TEXT NOT NULL, namespace TEXT NOT NULL, value TEXT, last_accessed_at TIMESTAMP,
        PRIMARY KEY (key, namespace));
      INSERT INTO memory VALUES ('k', 'n', 'v', NULL)`,
  F: `CREATE TABLE episodes (id INTEGER PRIMARY KEY, tenant_id TEXT, session_id TEXT, task TEXT,
        reward REAL, vector_clock TEXT);
      INSERT INTO episodes VALUES (1, 't', 's', 'x', 1, '{}')`,
  G: `CREATE TABLE session_state (session_id TEXT PRIMARY KEY, project_path TEXT, last_activity INTEGER);
      INSERT INTO session_state VALUES ('s', '/p', 1)`,
};
