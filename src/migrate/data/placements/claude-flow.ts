/** Tables that claude-flow's enhanced schema (G) adds to `.swarm/memory.db`. */
import type { MemoryTable, PlacementTable } from './placement.js';

function rows(
  columns: readonly string[],
  content: readonly string[],
  rest: Partial<MemoryTable> = {},
): MemoryTable {
  return { kind: 'memory', columns, content, created: ['timestamp', 'created_at'], ...rest };
}

export const CLAUDE_FLOW: PlacementTable = {
  session_state: [
    rows(
      ['session_id', 'user_id', 'state', 'context'],
      ['project_path', 'active_branch', 'state'],
      { separator: ' ', json: ['context', 'environment'], created: ['last_activity'] },
    ),
  ],
  mcp_tool_usage: [
    rows(['id', 'tool_name', 'arguments'], ['tool_name', 'result_summary', 'error_message'], {
      json: ['arguments'],
    }),
  ],
  training_data: [
    rows(
      ['id', 'pattern_type', 'input_context', 'action_taken'],
      ['input_context', 'action_taken', 'outcome', 'feedback'],
      { isEmbedded: true },
    ),
  ],
  code_patterns: [
    rows(
      ['id', 'file_path', 'pattern_name', 'pattern_content'],
      ['pattern_name', 'pattern_content'],
      {
        created: ['last_used'],
        isEmbedded: true,
      },
    ),
  ],
  agent_interactions: [
    rows(['id', 'source_agent', 'target_agent', 'content'], ['content'], { isEmbedded: true }),
  ],
  knowledge_graph: [
    rows(['id', 'entity_type', 'entity_name'], ['entity_type', 'entity_name', 'entity_path'], {
      separator: ' ',
      json: ['relationships', 'metadata'],
      created: ['created_at'],
      isEmbedded: true,
    }),
  ],
  error_patterns: [
    rows(
      ['id', 'error_type', 'error_message'],
      ['error_type', 'error_message', 'context', 'resolution', 'prevention_strategy'],
      { created: ['last_seen'], isEmbedded: true },
    ),
  ],
  task_dependencies: [
    rows(['id', 'task_id', 'depends_on'], ['task_id', 'dependency_type', 'depends_on'], {
      separator: ' ',
    }),
  ],
  performance_benchmarks: [
    rows(['id', 'operation_type', 'duration_ms'], ['operation_type', 'operation_details']),
  ],
  user_preferences: [
    rows(['preference_key', 'preference_value'], ['preference_key', 'preference_value'], {
      created: ['last_updated'],
      isEmbedded: true,
    }),
  ],
};
