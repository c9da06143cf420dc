import type { Command } from 'commander';

import type { SwarmClient, SwarmHealth } from '../client/index.js';
import { print, withClient, withConnection } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { ExitError } from './failure.js';

type Flags = ConnectionFlags & { readonly json?: boolean; readonly watch?: boolean };

/** `swarm health`. */
export function addHealthCommand(swarm: Command): void {
  withConnection(swarm.command('health'))
    .description('Show how each member does; exit code 1 when one is unhealthy')
    .option('--watch', 'show it anew with each window, until interrupted')
    .option('--json', 'print one JSON object; with --watch one a line')
    .action(health);
}

async function health(flags: Flags): Promise<void> {
  await withClient(flags, async (client) => {
    if (flags.watch === true) return follow(client, flags);
    const answer = await client.health();
    print(flags.json, answer, healthText(answer));
    if (unhealthy(answer).length > 0) {
      throw new ExitError(1, `error: unhealthy: ${unhealthy(answer).join(', ')}`);
    }
  });
}

/** A swarm that cannot be asked for a moment is said so, and asked again. */
async function follow(client: SwarmClient, flags: Flags): Promise<void> {
  for (;;) {
    let waitMs = RETRY_MS;
    try {
      const answer = await client.health();
      const time = new Date().toISOString();
      print(flags.json, { time, ...answer }, `${time}\n${healthText(answer)}\n`);
      waitMs = answer.windowMs;
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

const RETRY_MS = 1_000;

function unhealthy({ members }: SwarmHealth): string[] {
  const found = members.filter(({ status }) => status === 'unhealthy');
  return found.map(({ nodeId, alarms }) => {
    return `node ${nodeId} (${[...new Set(alarms.map(({ kind }) => kind))].join(', ')})`;
  });
}

/** One line a member, and one for each alarm. */
function healthText({ members, windowMs, watching, leader }: SwarmHealth): string {
  const watched =
    watching === null ? 'no rollout is watched' : `rollout ${watching.rolloutId} is watched`;
  return [
    `the last ${windowMs / 1_000} s; ${watched}; leader ${leader === 0 ? 'unknown' : leader}`,
    '',
    'node  health     runs  requests  faults  p50 ms  p99 ms  lag     memory     disk free  loop ms',
    ...members.flatMap((member) => [memberLine(member), ...alarmLines(member)]),
  ].join('\n');
}

function memberLine({ nodeId, status, report }: SwarmHealth['members'][number]): string {
  const head = [String(nodeId).padEnd(4), status.padEnd(9)];
  if (report === null) return [...head, 'tells nothing'].join('  ');
  const { engine, requests, faults, p50Ms, p99Ms, applyLagEntries } = report;
  const { rssBytes, diskFreeBytes, eventLoopDelayMs } = report;
  return [
    ...head,
    engine.padEnd(4),
    String(requests).padStart(8),
    String(faults).padStart(6),
    milliseconds(p50Ms).padStart(6),
    milliseconds(p99Ms).padStart(6),
    String(applyLagEntries).padStart(4),
    mebibytes(rssBytes).padStart(9),
    (diskFreeBytes === null ? 'unknown' : mebibytes(diskFreeBytes)).padStart(12),
    String(eventLoopDelayMs).padStart(7),
  ].join('  ');
}

function alarmLines({ alarms, windows }: SwarmHealth['members'][number]): string[] {
  const since = windows > 1 ? ` (${windows} windows)` : '';
  return alarms.map(({ kind, text }) => `      ${kind}${since}: ${text}`);
}

function milliseconds(value: number | null): string {
  if (value === null) return '-';
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}
