/** Why a tool of v1 is not offered. */

const AGENTS = 'it runs agents, which this release does not yet have';
const MADE_UP = 'v1 answered with random numbers; there is no such model behind it yet';
const STUB = 'in v1 it did nothing but answer "executed successfully"';

const REASONS: Readonly<Record<string, string>> = {
  agentic_flow_agent: AGENTS,
  agentic_flow_optimize_model:
    'v1 answered with a fixed text; it needs the model router, which this release does not yet have',
  swarm_init: AGENTS,
  swarm_status: AGENTS,
  swarm_destroy: AGENTS,
  agent_spawn: AGENTS,
  agent_list: AGENTS,
  agents_spawn_parallel: AGENTS,
  task_orchestrate: AGENTS,
  parallel_execute: AGENTS,
  batch_process: AGENTS,
  workflow_execute: `${AGENTS}; workflow_create and workflow_export are offered`,
  query_control: AGENTS,
  query_list: AGENTS,
  daa_consensus:
    'v1 drew the votes at random; a vote needs agents, which this release does not yet have',
  terminal_execute: 'it would run any command for any caller; agents have a shell of their own',
  neural_train: `${MADE_UP}; learning_start_session, learning_feedback and learning_train are offered`,
  neural_predict: `${MADE_UP}; learning_predict is offered`,
  neural_explain: `${MADE_UP}; learning_explain is offered`,
  transfer_learn: `${MADE_UP}; learning_transfer is offered`,
  learning_adapt: `${MADE_UP}; experience_record is offered`,
  model_load: MADE_UP,
  model_save: MADE_UP,
  pattern_recognize: MADE_UP,
  cognitive_analyze: MADE_UP,
  neural_compress: MADE_UP,
  ensemble_create: MADE_UP,
};

export function reasonAgainst(name: string): string {
  return REASONS[name] ?? STUB;
}
