/** Runs the commands of the product as processes of their own, and ends every one of them. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { afterAll, vi } from 'vitest';

const COMMAND = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const AS_NOBODY = fileURLToPath(new URL('./as-nobody.js', import.meta.url));
const READY_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 60_000;

// Starts of processes take their time when the machine has other things to do.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 180_000 });

const running = new Set<ChildProcess>();

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

process.on('exit', killAll);
afterAll(async () => {
  killAll();
  while (running.size > 0) await sleep(10);
});

export interface SpawnOptions {
  /** Without the rights of root: every file counts as what its mode says. */
  readonly asNobody?: boolean;
  /** Greatest size of a file that the process may write, in units of `ulimit -f`. */
  readonly fileSizeLimit?: number | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that follows what a swarm does may need longer than most. */
  readonly timeoutMs?: number;
  /** The command line of another build. */
  readonly command?: string;
}

/** How a command ended, and what it said. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function spawnCommand(args: readonly string[], options: SpawnOptions): ChildProcess {
  const script = options.command ?? (options.asNobody === true ? AS_NOBODY : COMMAND);
  // Optimizing the code of the embedding model takes each process longer than using it here would.
  const command = [process.execPath, '--liftoff-only', script, ...args];
  const limited =
    options.fileSizeLimit === undefined
      ? command
      : ['sh', '-c', 'ulimit -f "$0" && exec "$@"', String(options.fileSizeLimit), ...command];
  const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
  if (options.env?.['AGENTIC_FLOW_TOKEN'] === undefined) delete env['AGENTIC_FLOW_TOKEN'];
  const child = spawn(limited[0] ?? process.execPath, limited.slice(1), {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** Runs one command to its end; killed, and so without a code, when it does not end in time. */
export async function run(args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  const child = spawnCommand(args, options);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const late = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? RUN_TIMEOUT_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(late);
  return { code, stdout, stderr };
}

/** Runs a command that must succeed, and reads the one JSON object that it prints. */
export async function runJson<T>(args: readonly string[], options: SpawnOptions = {}): Promise<T> {
  const { code, stdout, stderr } = await run([...args, '--json'], options);
  if (code !== 0) throw new Error(`${args.join(' ')} ended with code ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

/** Starts a command and kills it after so many milliseconds, or sooner when it ends by itself. */
export async function runAndKill(args: readonly string[], afterMs: number): Promise<void> {
  const child = spawnCommand(args, {});
  const ended = new Promise((resolve) => child.once('close', resolve));
  await Promise.race([ended, sleep(afterMs)]);
  child.kill('SIGKILL');
  await ended;
}

/** What a node prints when it serves. */
export interface Ready {
  readonly nodeId: number;
  readonly peerId: string;
  readonly address: string;
}

/** A process of `node start`. */
export class NodeProcess {
  readonly exited: Promise<Finished>;
  #stderr = '';
  #stdout = '';
  #ready: Ready | undefined;
  #ended = false;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], options: SpawnOptions = {}) {
    this.#child = spawnCommand(['node', 'start', ...args, '--json'], options);
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('the output of a node is read');
    createInterface({ input: stdout }).on('line', (line) => {
      this.#stdout += `${line}\n`;
      if (line.includes('"ready"')) this.#ready = JSON.parse(line) as Ready;
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        this.#ended = true;
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  /** Starts a node and waits until it serves. */
  static async start(args: readonly string[], options: SpawnOptions = {}): Promise<NodeProcess> {
    const node = new NodeProcess(args, options);
    await node.ready();
    return node;
  }

  /** What it has logged so far. */
  get log(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return !this.#ended;
  }

  async ready(timeoutMs = READY_TIMEOUT_MS): Promise<Ready> {
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#ready === undefined) {
      if (this.#ended) throw new Error(`the node ended before it served: ${this.#stderr}`);
      if (performance.now() > deadlineMs) throw new Error(`not ready in time: ${this.#stderr}`);
      await sleep(10);
    }
    return this.#ready;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Sends SIGTERM; resolves with how it ended, and after how many milliseconds. */
  async terminate(): Promise<Finished & { readonly tookMs: number }> {
    const startedMs = performance.now();
    this.#child.kill('SIGTERM');
    const finished = await this.exited;
    return { ...finished, tookMs: performance.now() - startedMs };
  }
}
