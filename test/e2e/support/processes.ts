/** Runs the commands of the product as processes of their own, and ends every one of them. */
import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { afterAll } from 'vitest';
import { sleep, until } from '../../waiting.js';

const COMMAND = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const WARM = fileURLToPath(new URL('./warm-main.js', import.meta.url));
const AS_NOBODY = fileURLToPath(new URL('./as-nobody.js', import.meta.url));

const running = new Set<ChildProcess>();

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

process.on('exit', killAll);
afterAll(async () => {
  killAll();
  await until('all processes are gone', () => running.size === 0);
});

export interface SpawnOptions {
  /** Without the rights of root: every file counts as what its mode says. */
  readonly asNobody?: boolean;
  /** Greatest size of a file that the process may write, in units of `ulimit -f`. */
  readonly fileSizeLimit?: number | undefined;
  readonly env?: Readonly<Record<string, string>>;
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

/** Runs one command to its end. */
export async function run(args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  const child = spawnCommand(args, options);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  try {
    return await until(`${args.join(' ')} has ended`, () => ended);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

let warm: ChildProcess | undefined;
let warmTurn: Promise<unknown> = Promise.resolve();

/**
 * Runs a command to its end in a process that has run others, one at a time: most of what a command
 * costs is the start of its process. For many commands whose answers are the point.
 */
export function runWarm(args: readonly string[]): Promise<Finished> {
  const turn = warmTurn.then(async () => {
    const child = (warm ??= startWarm());
    let finished: Finished | undefined;
    child.once('message', (message) => (finished = message as Finished));
    child.send(args);
    return until(`${args.join(' ')} has ended`, () => {
      if (!running.has(child)) throw new Error(`${args.join(' ')} ended its process`);
      return finished;
    });
  });
  warmTurn = turn.catch(() => undefined);
  return turn;
}

function startWarm(): ChildProcess {
  const env = { ...process.env };
  delete env['AGENTIC_FLOW_TOKEN'];
  const child = fork(WARM, [], { env, execArgv: ['--liftoff-only'], stdio: 'inherit' });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
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

  async ready(): Promise<Ready> {
    try {
      return await until('the node serves', () => {
        if (this.#ended) throw new Error('it has ended');
        return this.#ready;
      });
    } catch (cause) {
      throw new Error(`the node does not serve: ${this.#stderr}`, { cause });
    }
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
