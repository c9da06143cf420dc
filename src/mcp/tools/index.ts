/** All tools there are, by the package of v1 that had them. */
import type { Arguments } from '../arguments.js';
import type { PackageName } from '../packages.js';
import type { Tool, Tools } from '../context.js';
import { agentTools } from './agents.js';
import { daaTools } from './daa.js';
import { editTools } from './edits.js';
import { experienceTools } from './experience.js';
import { keyValueTools } from './key-values.js';
import { knowledgeTools } from './knowledge.js';
import { learningTools } from './learning.js';
import { outcomeTools } from './outcomes.js';
import { agentdbPatternTools, attemptTools, searchBoth } from './patterns.js';
import { performanceTools } from './performance.js';
import { recallTools } from './recall.js';
import { statisticsAsJson, statisticsTools } from './statistics.js';
import { vectorTools } from './vectors.js';
import { workflowTools } from './workflows.js';

export const implementations: Readonly<Record<PackageName, Tools>> = {
  'agentic-flow': { ...agentTools, ...editTools, ...attemptTools, ...statisticsAsJson },
  agentdb: {
    ...vectorTools,
    ...knowledgeTools,
    ...recallTools,
    ...statisticsTools,
    ...agentdbPatternTools,
    ...learningTools,
    ...experienceTools,
  },
  'claude-flow': {
    ...keyValueTools,
    ...workflowTools,
    ...daaTools,
    ...outcomeTools,
    ...performanceTools,
  },
};

interface Fitting {
  readonly tool: Tool;
  readonly args: Arguments;
}

/** Of two forms of one tool that both fit the arguments, the one that is meant. */
export function chooseBetween(
  name: string,
  forms: readonly [agenticFlow: Fitting, agentdb: Fitting],
): Fitting {
  const [, agentdb] = forms;
  // Only a task: the caller may have stored either kind.
  if (name === 'agentdb_pattern_search') return { ...agentdb, tool: searchBoth };
  return agentdb;
}
