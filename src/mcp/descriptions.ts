/** What tools say of themselves, where v1 said what is not so here. */

const OWN: Readonly<Record<string, string>> = {
  agent_booster_edit_file:
    'Edit one file of the project. Write the changed lines with enough unchanged ones around them, and ' +
    '"// ... existing code ..." where code stays as it is. The edit is made if there is exactly one place ' +
    'for it; otherwise nothing is written and the answer says why. dryRun shows the result only.',
  agent_booster_batch_edit:
    'Edit several files of the project, each as agent_booster_edit_file does it. Edits that have no single ' +
    'place are not made and are named in the answer.',
  agent_booster_parse_markdown:
    'Apply the code blocks of a Markdown text that carry filepath= and instruction=, each as ' +
    'agent_booster_edit_file does it.',
  agentic_flow_list_agents: 'List the agents that are defined in .claude/agents of the project',
  learning_start_session:
    'Start a reinforcement learning session. The policy is a table of states and actions; the names of v1 ' +
    'choose how it is updated: q-learning, sarsa, dqn (replay and a target table, no network), ' +
    'policy-gradient, actor-critic, ppo, decision-transformer (best returns seen), mcts (UCB1), model-based.',
  daa_communication:
    'Record a message from one agent to another. It is kept, not delivered: no agents run yet.',
  agentdb_init: 'Open the store of the project and say what it holds. It is made if there is none.',
};

const TWO_FORMS: Readonly<Record<string, string>> = {
  agentdb_stats:
    'Counts of episodes, skills, patterns, causal edges and learning sessions, and sizes.',
  agentdb_pattern_store:
    'Store a reasoning pattern: either {taskType, approach, successRate, tags?, metadata?}, or an attempt ' +
    '{sessionId, task, reward, success, critique?, input?, output?, latencyMs?, tokensUsed?}.',
  agentdb_pattern_search:
    'Search by meaning for patterns (with threshold or filters), for attempts (with minReward, ' +
    'onlySuccesses or onlyFailures), or for both (with task and k alone).',
  agentdb_pattern_stats:
    'Statistics of all patterns, or, with a task, of the attempts at similar tasks and what was said of them.',
  agentdb_clear_cache:
    'Let go of what is cached of the store; the next call reads it from the file.',
};

export function descriptionOf(name: string, v1: string, hasTwoForms: boolean): string {
  return (hasTwoForms ? TWO_FORMS[name] : undefined) ?? OWN[name] ?? v1;
}
