/** The command line: `agentic-flow GROUP COMMAND`. */
import { Command } from 'commander';

import { packageVersion } from '../version.js';

/** What adds each group, in the order of the help. A group is loaded when it is asked for. */
const GROUPS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  swarm: async () => (await import('./swarm.js')).addSwarmCommands,
  node: async () => (await import('./node.js')).addNodeCommands,
  memory: async () => (await import('./memory.js')).addMemoryCommands,
  available: async () => (await import('./available.js')).addAvailableCommands,
  doc: async () => (await import('./documents.js')).addDocumentCommands,
  topic: async () => (await import('./topics.js')).addTopicCommands,
  store: async () => (await import('./store.js')).addStoreCommands,
  rollout: async () => (await import('./rollout.js')).addRolloutCommands,
  release: async () => (await import('./release.js')).addReleaseCommands,
  migrate: async () => (await import('./migrate.js')).addMigrateCommand,
  mcp: async () => (await import('./mcp.js')).addMcpCommands,
  recover: async () => (await import('./recover.js')).addRecoverCommand,
  sim: async () => (await import('./sim.js')).addSimCommands,
  chaos: async () => (await import('./chaos.js')).addChaosCommand,
};

/** The program with the group `name`; with all of them when there is no such group, as for its help. */
export async function buildProgram(name?: string): Promise<Command> {
  const program = new Command('agentic-flow')
    .description('Peer runtime for swarms of AI agents')
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .addHelpText(
      'after',
      '\nDiagnostics go to standard error, results to standard output. Exit codes: 0 done,\n' +
        '1 failed (nothing half done), others as the command says. AGENTIC_FLOW_DEBUG=1 shows stacks.',
    );
  if (name === '--version' || name === '-V') return program;
  const only = name === undefined || !Object.hasOwn(GROUPS, name) ? undefined : GROUPS[name];
  for (const load of only === undefined ? Object.values(GROUPS) : [only]) (await load())(program);
  return program;
}
