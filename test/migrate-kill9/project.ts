/** A v1 project with several stores and settings, small enough to be migrated many times. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { DatabaseSync } from '@photostructure/sqlite';

import { generateV1Installation } from '../../examples/rolling-migration/generate.js';

const MEMORIES = 10;
const EPISODES = 6;

/** Fills a folder that does not exist yet. */
export function generateProject(directory: string, seed: number): void {
  generateV1Installation(directory, { memories: MEMORIES, seed });
  writeAgentDb(join(directory, 'agentdb.db'));
  put(join(directory, 'memory/memory-store.json'), {
    default: [
      { key: 'goal', value: 'ship it', namespace: 'default', timestamp: 1_760_000_000_000 },
      { key: 'owner', value: 'the team', namespace: 'default', timestamp: 1_760_000_000_001 },
    ],
  });
  put(join(directory, '.mcp.json'), {
    mcpServers: {
      'claude-flow@alpha': { command: 'npx', args: ['claude-flow@alpha', 'mcp', 'start'] },
    },
  });
  put(join(directory, '.claude/settings.json'), { enabledMcpjsonServers: ['claude-flow'] });
  put(join(directory, 'claude-flow.config.json'), { orchestrator: { maxConcurrentAgents: 7 } });
  put(join(directory, '_home/.agentic-flow/mcp-config.json'), { servers: {} });
}

function put(path: string, content: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
}

/** Two tables of agentdb, in the columns of its release 1.6. */
function writeAgentDb(path: string): void {
  const database = new DatabaseSync(path);
  database.exec(`
    CREATE TABLE episodes (id INTEGER PRIMARY KEY AUTOINCREMENT, ts INTEGER DEFAULT 0,
      session_id TEXT NOT NULL, task TEXT NOT NULL, input TEXT, output TEXT, critique TEXT,
      reward REAL DEFAULT 0, success BOOLEAN DEFAULT 0, latency_ms INTEGER, tokens_used INTEGER,
      tags TEXT, metadata JSON, created_at INTEGER DEFAULT 0);
    CREATE TABLE episode_embeddings (episode_id INTEGER PRIMARY KEY, embedding BLOB NOT NULL,
      embedding_model TEXT DEFAULT 'all-MiniLM-L6-v2', FOREIGN KEY(episode_id) REFERENCES episodes(id));
  `);
  const insert = database.prepare(
    'INSERT INTO episodes (ts, session_id, task, critique, reward, success) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const embedding = database.prepare('INSERT INTO episode_embeddings VALUES (?, ?, ?)');
  for (let i = 1; i <= EPISODES; i += 1) {
    insert.run(
      1_760_000_000 + i,
      `session-${i % 2}`,
      `repair pump ${i}`,
      `valve ${i} stuck`,
      0.5,
      1,
    );
    embedding.run(
      i,
      new Uint8Array(new Float32Array(384).fill(i / 100).buffer),
      'all-MiniLM-L6-v2',
    );
  }
  database.close();
}
