import type { Command } from 'commander';

import { print } from './connection.js';
import { readSwarmFile } from './up/file.js';
import { runProcess } from './up/machine.js';
import { bringUp } from './up/up.js';

/** `swarm up`. */
export function addUpCommand(swarm: Command): void {
  swarm
    .command('up')
    .description('Create, join and start the nodes that a file names; what runs is left as it is')
    .requiredOption('--file <swarm.yaml>', 'which nodes there are; see docs/operations.md')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nNodes of this machine are started as processes of their own, others over ssh. It can be\n' +
        'run again after a failure, or when the file names more nodes.',
    )
    .action(up);
}

async function up(flags: { readonly file: string; readonly json?: boolean }): Promise<void> {
  const spec = await readSwarmFile(flags.file);
  const report = await bringUp(spec, runProcess, tell);
  const tokens = report.tokens === null ? 'tokens are missing' : `tokens in ${report.tokens}`;
  const text = [
    `swarm ${report.swarmId}  ${tokens}`,
    ...report.nodes.map(
      ({ name, address, did }) => `  ${name.padEnd(16)} ${did.padEnd(12)} ${address}`,
    ),
  ].join('\n');
  print(flags.json, report, text);
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
