/** claude-flow's hive-mind, both versions of its database, and its session files. */
import type { MemoryTable, PlacementTable } from './placement.js';

/** Text columns in which the hive may have packed JSON. */
const PACKED = ['checkpoint_data', 'session_data', 'data', 'value'];

function rows(
  columns: readonly string[],
  content: readonly string[],
  rest: Partial<MemoryTable> = {},
): MemoryTable {
  return { kind: 'memory', columns, content, created: ['created_at', 'timestamp'], ...rest };
}

export const HIVE: PlacementTable = {
  swarms: [
    rows(['id', 'name', 'topology'], ['name', 'objective'], {
      json: ['metadata', 'config'],
      isEmbedded: true,
    }),
  ],
  agents: [
    rows(['id', 'swarm_id', 'name', 'type'], ['name', 'type', 'role'], {
      separator: ' ',
      json: ['capabilities', 'metadata'],
    }),
  ],
  tasks: [
    rows(['id', 'swarm_id', 'description'], ['name', 'description', 'result', 'error'], {
      json: ['metadata', 'dependencies', 'assigned_agents', 'required_capabilities'],
      isEmbedded: true,
    }),
  ],
  messages: [
    rows(['id', 'swarm_id', 'sender_id', 'content'], ['content'], {
      json: ['metadata'],
      created: ['timestamp'],
      isEmbedded: true,
    }),
  ],
  communications: [
    rows(['id', 'from_agent_id', 'message_type', 'content'], ['content'], {
      json: ['metadata'],
      created: ['timestamp'],
      isEmbedded: true,
    }),
  ],
  consensus: [
    rows(['id', 'swarm_id', 'proposal', 'votes'], ['proposal'], {
      json: ['votes'],
      isEmbedded: true,
    }),
  ],
  consensus_votes: [
    rows(['id', 'proposal_id', 'vote'], ['proposal_id', 'vote', 'justification'], {
      separator: ' ',
      created: ['timestamp'],
    }),
  ],
  consensus_decisions: [
    rows(['id', 'swarm_id', 'topic'], ['topic', 'decision'], { json: ['votes'], isEmbedded: true }),
  ],
  knowledge_base: [
    rows(['id', 'category', 'title', 'content'], ['title', 'content'], {
      json: ['tags'],
      isEmbedded: true,
    }),
  ],
  performance_metrics: [
    rows(['id', 'entity_id', 'metric_name', 'metric_value'], ['metric_name', 'metric_value'], {
      separator: ' ',
      json: ['metadata'],
      created: ['timestamp'],
    }),
    rows(['id', 'swarm_id', 'metric_type', 'metric_value'], ['metric_type', 'metric_value'], {
      separator: ' ',
      json: ['metadata'],
      created: ['timestamp'],
    }),
  ],
  sessions: [
    rows(['id', 'swarm_id', 'swarm_name'], ['swarm_name', 'objective', 'status'], {
      json: ['checkpoint_data', 'metadata', 'child_pids'],
      packed: PACKED,
      isEmbedded: true,
    }),
  ],
  session_checkpoints: [
    rows(['id', 'session_id', 'checkpoint_name'], ['checkpoint_name', 'checkpoint_data'], {
      json: ['checkpoint_data'],
      packed: PACKED,
    }),
  ],
  session_logs: [
    rows(['id', 'session_id', 'log_level', 'message'], ['log_level', 'message'], {
      separator: ' ',
      json: ['data'],
      packed: PACKED,
      created: ['timestamp'],
    }),
  ],
  session_history: [
    rows(['id', 'swarm_id', 'started_at', 'session_data'], ['session_data'], {
      packed: PACKED,
      created: ['started_at'],
      isEmbedded: true,
    }),
  ],
  neural_patterns: [
    rows(['id', 'swarm_id', 'pattern_type', 'pattern_data'], ['pattern_type', 'pattern_data'], {
      json: ['pattern_data', 'metadata'],
      isEmbedded: true,
    }),
  ],
  collective_memory: [
    rows(['id', 'swarm_id', 'key', 'value'], ['value'], {
      namespace: { column: 'swarm_id', prefix: 'hive/', otherwise: 'hive/collective_memory' },
      id: 'key',
      isKeyed: true,
      packed: PACKED,
      isEmbedded: true,
    }),
  ],
  memories: [
    rows(['namespace', 'key', 'value'], ['value'], {
      namespace: { column: 'namespace', otherwise: 'default' },
      id: 'key',
      isKeyed: true,
      packed: PACKED,
      created: ['timestamp', 'created_at'],
      isEmbedded: true,
    }),
  ],
  memory: [
    rows(['key', 'namespace', 'value', 'last_accessed_at'], ['value'], {
      namespace: { column: 'namespace', otherwise: 'default' },
      id: 'key',
      json: ['metadata'],
      packed: PACKED,
      expires: 'expires_at',
      isEmbedded: true,
    }),
  ],
};
