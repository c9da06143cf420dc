/** The command line: `agentic-flow GROUP COMMAND`. */
import { Command } from 'commander';

import { addChaosCommand } from './chaos.js';
import { addDocumentCommands } from './documents.js';
import { addMcpCommands } from './mcp.js';
import { addMemoryCommands } from './memory.js';
import { addMigrateCommand } from './migrate.js';
import { addNodeCommands } from './node.js';
import { addRecoverCommand } from './recover.js';
import { addReleaseCommands } from './release.js';
import { addRolloutCommands } from './rollout.js';
import { addSimCommands } from './sim.js';
import { addStoreCommands } from './store.js';
import { addSwarmCommands } from './swarm.js';
import { packageVersion } from '../version.js';

export function buildProgram(): Command {
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
  addSwarmCommands(program);
  addNodeCommands(program);
  addMemoryCommands(program);
  addDocumentCommands(program);
  addStoreCommands(program);
  addRolloutCommands(program);
  addReleaseCommands(program);
  addMigrateCommand(program);
  addMcpCommands(program);
  addRecoverCommand(program);
  addSimCommands(program);
  addChaosCommand(program);
  return program;
}
