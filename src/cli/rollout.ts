import type { Command } from 'commander';
import { z } from 'zod';

import { stepsOf } from '../../nodes/rollout/state.js';
import type { Rollout, SwarmClient } from '../client/index.js';
import { print, withClient, withConnection } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { ExitError } from './failure.js';
import { rolloutLines } from './rollout-text.js';

type Flags = ConnectionFlags & { readonly json?: boolean };

/** `rollout plan | start | status | abort v2`. */
export function addRolloutCommands(program: Command): void {
  const rollout = program.command('rollout').description('Move a swarm to version 2, node by node');
  withConnection(rollout.command('plan'))
    .description('Print what a rollout would do, and its digest; changes nothing')
    .argument('<version>', 'v2', onlyV2)
    .option('--json', 'print one JSON object')
    .action(plan);
  withConnection(rollout.command('start'))
    .description('Start the rollout, and follow it to its end')
    .argument('<version>', 'v2', onlyV2)
    .option('--digest <digest>', 'run only the plan that `rollout plan` printed')
    .option('--no-wait', 'return as soon as the swarm has agreed to start')
    .option('--json', 'print one JSON object')
    .action(start);
  withConnection(rollout.command('status'))
    .description('Show where each node is; exit code 1 if there has been no rollout')
    .argument('[version]', 'v2', onlyV2)
    .option('--json', 'print one JSON object')
    .action(status);
  withConnection(rollout.command('abort'))
    .description('Stop the rollout; every node goes back to v1 at once, nothing is lost')
    .argument('[version]', 'v2', onlyV2)
    .option('--json', 'print one JSON object')
    .action(abort);
}

function onlyV2(text: string): string {
  if (text === 'v2') return text;
  throw new ExitError(1, `error: a swarm can be moved to v2, not to '${text}'`);
}

async function plan(_version: string, flags: Flags): Promise<void> {
  await withClient(flags, async (client) => {
    const answer = await client.planRollout('v2');
    print(flags.json, answer, planText(answer.plan, answer.digest));
  });
}

const planShape = z.object({
  from: z.string(),
  to: z.string(),
  batches: z.array(z.array(z.number())),
});

function planText(value: unknown, digest: string): string {
  const { from, to, batches } = planShape.parse(value);
  const order = batches.flat();
  const steps = stepsOf('engine', 'forward').filter((step) => step !== 'soak');
  const lines = [`plan ${from} -> ${to}`, `digest ${digest}`, ''];
  for (const [i, nodeId] of order.entries()) {
    lines.push(`${i + 1}. node ${nodeId}`);
    for (const [j, step] of steps.entries()) lines.push(`   ${i + 1}.${j + 1} ${step}`);
  }
  lines.push(`${order.length + 1}. raise the swarm version to 2 (ends the time for an abort)`);
  return lines.join('\n');
}

async function start(
  _version: string,
  flags: Flags & { readonly digest?: string; readonly wait: boolean },
): Promise<void> {
  await withClient(flags, async (client) => {
    let rollout: Rollout = await client.startRollout('v2', flags.digest);
    if (flags.wait) rollout = await follow(client, rollout);
    print(flags.json, { rollout }, rolloutLines(rollout).join('\n'));
    if (rollout.status === 'aborted') throw new ExitError(1, 'error: the rollout was aborted');
  });
}

const FOLLOW_INTERVAL_MS = 500;

/** Shows every step on standard error until the rollout has ended. */
async function follow(client: SwarmClient, started: Rollout): Promise<Rollout> {
  let rollout = started;
  let shown = '';
  while (['running', 'switched', 'finalizing'].includes(rollout.status)) {
    const line = rollout.nodes.map(({ nodeId, step }) => `${nodeId}:${step}`).join('  ');
    if (line !== shown) process.stderr.write(`${line}\n`);
    shown = line;
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_INTERVAL_MS));
    rollout = (await client.rolloutStatus()) ?? rollout;
  }
  return rollout;
}

async function status(_version: string | undefined, flags: Flags): Promise<void> {
  await withClient(flags, async (client) => {
    const rollout = await client.rolloutStatus();
    if (rollout === null) {
      if (flags.json === true) print(true, { rollout: null }, '');
      throw new ExitError(1, 'this swarm has had no rollout');
    }
    print(flags.json, { rollout }, rolloutLines(rollout).join('\n'));
  });
}

async function abort(_version: string | undefined, flags: Flags): Promise<void> {
  await withClient(flags, async (client) => {
    const rollout = await client.abortRollout();
    print(flags.json, { rollout }, rolloutLines(rollout).join('\n'));
  });
}
