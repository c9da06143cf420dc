/** Supervised nodes of the tests, as processes. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { askSupervisor } from '../../nodes/release/control-socket.js';
import { readRecord, releaseFiles } from '../../nodes/release/files.js';
import type { ReleaseRecord } from '../../nodes/release/files.js';
import { addRelease } from '../../nodes/release/registry.js';
import { NodeProcess } from '../e2e/support/processes.js';
import type { SpawnOptions } from '../e2e/support/processes.js';
import { until } from '../waiting.js';

/** A supervised node that serves. */
export async function startSupervised(
  args: readonly string[],
  spawn: SpawnOptions = {},
): Promise<NodeProcess> {
  const node = new NodeProcess([...args, '--supervise'], spawn);
  await node.ready();
  return node;
}

export interface ChildStatus {
  readonly pid: number;
  readonly release: string;
  readonly stage: string;
}

export interface Status extends ReleaseRecord {
  readonly restarts: number;
  readonly main: ChildStatus | null;
  readonly standby: ChildStatus | null;
}

export function socketOf(directory: string): string {
  return releaseFiles(directory).socket;
}

export async function statusOf(directory: string): Promise<Status> {
  return (await askSupervisor(socketOf(directory), { type: 'status' })) as Status;
}

/** Undefined while no supervisor answers. */
export async function statusIfAny(directory: string): Promise<Status | undefined> {
  return statusOf(directory).catch(() => undefined);
}

/** Waits until the node serves, of a given release if one is named, with no hand-over under way. */
export async function untilServing(
  directory: string,
  release?: string,
  timeoutMs = 180_000,
): Promise<Status> {
  return until(
    `${directory} serves ${release ?? 'any release'}`,
    async () => {
      const status = await statusIfAny(directory);
      if (status?.main?.stage !== 'ready' || status.standby !== null) return undefined;
      return release === undefined || status.main.release === release ? status : undefined;
    },
    timeoutMs,
  );
}

export async function use(directory: string, release: string): Promise<void> {
  await askSupervisor(socketOf(directory), { type: 'use', release });
}

/** Makes a build known to a node; resolves with its name. */
export async function add(directory: string, folder: string): Promise<string> {
  return (await addRelease(releaseFiles(directory), folder)).name;
}

export async function recordOf(directory: string): Promise<ReleaseRecord> {
  const record = await readRecord(releaseFiles(directory));
  if (record === undefined) throw new Error(`${directory} has no record of its release`);
  return record;
}

/** Processes of supervised nodes of this directory, whoever started them. */
export function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const words = readFileSync(join('/proc', pid, 'cmdline'), 'utf8').split('\0');
        return words.includes('--supervised') && words.includes(directory);
      } catch {
        return false;
      }
    })
    .map(Number);
}

export function killNow(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended this moment.
  }
}
