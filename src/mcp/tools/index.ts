/** All tools there are, by the package of v1 that had them. */
import type { Arguments } from '../arguments.js';
import type { PackageName } from '../catalogue.js';
import type { Tool, Tools } from '../context.js';
import { keyValueTools } from './key-values.js';
import { vectorTools } from './vectors.js';

export const implementations: Readonly<Record<PackageName, Tools>> = {
  'agentic-flow': {},
  agentdb: { ...vectorTools },
  'claude-flow': { ...keyValueTools },
};

interface Fitting {
  readonly tool: Tool;
  readonly args: Arguments;
}

/** Of two forms of one tool that both fit the arguments, the one that is meant. */
export function chooseBetween(
  _name: string,
  forms: ReadonlyMap<PackageName, Fitting>,
  _given: readonly string[],
): Fitting {
  return forms.get('agentdb')!;
}
