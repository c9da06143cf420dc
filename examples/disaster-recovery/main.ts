#!/usr/bin/env node
/** `npm run drill`: loses a swarm with all of its disks, and restores it from a backup. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Command, InvalidArgumentError } from 'commander';

import { drillText, runDrill } from './drill.js';
import type { DrillOptions } from './drill.js';
import type { Nodes } from './nodes.js';

interface Flags extends DrillOptions {
  readonly json?: string;
  readonly keep?: boolean;
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

const command = new Command('drill')
  .description('Loses a swarm with all of its disks, restores it from a backup, and compares')
  .option('--nodes <n>', 'nodes of the swarm', whole(1, 15), 3)
  .option('--memories <n>', 'written before the backup, and again after it', whole(1, 100_000), 300)
  .option('--json <file>', 'write the report as one JSON object to this file')
  .option('--keep', 'keep the directories and logs')
  .addHelpText(
    'after',
    '\nExit code 0 when every promise was kept, 1 with a line for each that was not.',
  );

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<number> {
  const flags = command.parse().opts<Flags>();
  const root = mkdtempSync(join(tmpdir(), 'agentic-flow-drill-'));
  const swarms: Nodes[] = [];
  const killAll = (): void => {
    for (const swarm of swarms) swarm.killNow();
  };
  process.once('exit', killAll);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(130));
  try {
    const report = await runDrill(flags, root, (swarm) => swarms.push(swarm), tell);
    process.stdout.write(`${drillText(report)}\n`);
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`);
    return report.brokenPromises.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`The drill ended early: ${String(error)}\n`);
    return 1;
  } finally {
    for (const swarm of swarms) await swarm.kill();
    if (flags.keep === true) process.stderr.write(`Directories and logs are in ${root}\n`);
    else rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

process.exitCode = await main();
