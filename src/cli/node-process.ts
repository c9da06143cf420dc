/** Nodes as processes of this machine: is one there, does it run, start it apart, end it. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

import { dataPaths, findNodeFile } from '../../nodes/data-directory.js';
import { releaseFiles } from '../../nodes/release/files.js';
import { StorageError, lockDirectory } from '../../nodes/storage/index.js';
import { formatPeerAddress } from '../../transport/identity/index.js';
import { print } from './connection.js';
import { ExitError } from './failure.js';

const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
/** Of a log, what is shown when the node did not get up. */
const LAST_LINES = 5;
const LOG_READ_BYTES_MAX = 1024 * 1024;

export interface DirectoryFlags {
  readonly data: string;
  readonly json?: boolean;
}

/** The supervisor of a node, or else its process; undefined when neither runs. */
function holderOf(root: string): number | undefined {
  const { supervisor } = releaseFiles(root);
  const supervisedBy = existsSync(supervisor) ? userOf(supervisor) : undefined;
  return supervisedBy ?? userOf(root);
}

/** The process that uses a directory, or undefined. Fails where the directory cannot be looked at. */
function userOf(directory: string): number | undefined {
  try {
    lockDirectory(directory).release();
    return undefined;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'locked') return error.detail.pid ?? 0;
    throw error;
  }
}

/** `node probe`: says what is in a directory; changes nothing in one that holds no node. */
export async function probe({ data, json }: DirectoryFlags): Promise<void> {
  const paths = dataPaths(data);
  const file = await findNodeFile(paths);
  if (file === undefined) {
    print(json, { node: null, running: false }, `${paths.root} holds no node`);
    return;
  }
  const pid = holderOf(paths.root);
  const { swarmId, nodeId, peerId, advertise } = file;
  const address = formatPeerAddress({ ...advertise, peerId });
  const running = pid !== undefined;
  const state = running ? `runs (process ${pid})` : 'is stopped';
  const node = { swarmId, nodeId, address };
  print(json, { node, running, pid: pid ?? null }, `node ${nodeId} of swarm ${swarmId} ${state}`);
}

/** `node stop`: SIGTERM, and waits until the directory is free. */
export async function stop({ data, json }: DirectoryFlags): Promise<void> {
  const { root } = dataPaths(data);
  if ((await findNodeFile(dataPaths(data))) === undefined) {
    throw new ExitError(1, `error: ${root} holds no node`);
  }
  const pid = holderOf(root);
  if (pid === undefined) {
    print(json, { stopped: false }, `the node of ${root} does not run`);
    return;
  }
  if (pid === 0) throw new ExitError(1, `error: ${root} is in use by a process that is not known`);
  process.kill(pid, 'SIGTERM');
  const deadlineMs = performance.now() + STOP_TIMEOUT_MS;
  while (holderOf(root) !== undefined) {
    if (performance.now() > deadlineMs) {
      throw new ExitError(1, `error: process ${pid} has not ended within ${STOP_TIMEOUT_MS} ms`);
    }
    await pause(POLL_MS);
  }
  print(json, { stopped: true, pid }, `process ${pid} of ${root} has ended`);
}

/**
 * Runs `node start` with the same options as a process of its own, which outlives this one, and
 * waits until it serves. Its output goes to a file beside the directory.
 */
export async function startDetached(
  data: string,
  args: readonly string[],
  token: string | undefined,
): Promise<{ readonly ready: { address: string }; readonly pid: number; readonly log: string }> {
  const { root } = dataPaths(data);
  const pid = (await findNodeFile(dataPaths(data))) === undefined ? undefined : holderOf(root);
  if (pid !== undefined) throw new ExitError(1, `error: ${root} is in use by process ${pid}`);
  // Not inside: the directory must be empty until the node has joined.
  const log = `${root}.log`;
  const output = openSync(log, 'a', 0o600);
  const begin = (await stat(log)).size;
  const env = token === undefined ? process.env : { ...process.env, AGENTIC_FLOW_TOKEN: token };
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
    detached: true,
    stdio: ['ignore', output, output],
    env,
  });
  closeSync(output);
  let ended: number | string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = code ?? signal ?? 'unknown'));
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const lines = (await textFrom(log, begin)).split('\n');
    const ready = lines.find((line) => line.startsWith('{"event":"ready"'));
    if (ready !== undefined) {
      child.unref();
      return { ready: JSON.parse(ready) as { address: string }, pid: child.pid ?? 0, log };
    }
    if (ended !== undefined || performance.now() > deadlineMs) {
      const why = ended === undefined ? 'does not serve yet; it goes on' : `has ended (${ended})`;
      const last = lines.filter((line) => line !== '').slice(-LAST_LINES);
      child.unref();
      throw new ExitError(1, `error: the node ${why}. ${log} ends with:\n${last.join('\n')}`);
    }
    await pause(POLL_MS);
  }
}

async function textFrom(path: string, begin: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const length = Math.min((await file.stat()).size - begin, LOG_READ_BYTES_MAX);
    const bytes = Buffer.alloc(Math.max(length, 0));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, begin);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The first line of standard input: a secret that must not stand in a list of processes. */
export async function tokenFromStdin(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > 1_024) break;
  }
  const token = text.split('\n')[0]?.trim() ?? '';
  if (token === '') throw new ExitError(1, 'error: --token-stdin: no token came on standard input');
  return token;
}

/** The arguments of this process, for one that is not detached and gets its token otherwise. */
export function detachedArguments(args: readonly string[]): string[] {
  const left: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (arg === '--token') at += 1;
    else if (
      !['--detach', '--token-stdin', '--json'].includes(arg) &&
      !arg.startsWith('--token=')
    ) {
      left.push(arg);
    }
  }
  return [...left, '--json'];
}
