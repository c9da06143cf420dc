/** One child process: its log, the lines it prints, and the end of it. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import { deferred } from './deferred.js';
import { DemoError } from './demo-error.js';
import { limits } from './limits.js';

export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** How a process is started when it is not started just so. */
export interface Launch {
  /** A command that runs the command after it: `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A Node process that runs one script; both of its outputs are logged to a file. */
export class Child {
  /** As it is called in errors. */
  name: string;
  readonly exited: Promise<ChildExit>;
  #exit: ChildExit | undefined;
  readonly #process: ChildProcess;
  readonly #logPath: string;
  readonly #lines: string[] = [];
  readonly #watchers = new Set<(line: string) => void>();

  constructor(
    name: string,
    script: string,
    args: readonly string[],
    logPath: string,
    { prefix = [], env = {} }: Launch = {},
  ) {
    this.name = name;
    this.#logPath = logPath;
    const [program = process.execPath, ...rest] = [...prefix, process.execPath, script, ...args];
    this.#process = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#follow(this.#process.stdout, (line) => {
      for (const watch of this.#watchers) watch(line);
    });
    this.#follow(this.#process.stderr, () => undefined);
    this.exited = new Promise((resolve) => {
      const end = (exit: ChildExit): void => {
        this.#exit = exit;
        resolve(exit);
      };
      this.#process.on('error', (error) => {
        this.#log(`could not be started: ${error.message}`);
        end({ code: 1, signal: null });
      });
      this.#process.on('close', (code, signal) => end({ code, signal }));
    });
  }

  get isRunning(): boolean {
    return this.#exit === undefined;
  }

  signal(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (this.isRunning) this.#process.kill(signal);
  }

  /** The first line on standard output for which `read` returns something. */
  async line<T>(read: (line: string) => T | undefined, timeoutMs: number): Promise<T> {
    const found = deferred<T>();
    const watch = (line: string): void => {
      const value = read(line);
      if (value !== undefined) found.resolve(value);
    };
    this.#watchers.add(watch);
    const timer = setTimeout(() => {
      const seconds = timeoutMs / 1000;
      found.reject(new DemoError('timeout', `${this.name} did not start within ${seconds} s`));
    }, timeoutMs);
    const died = this.exited.then((exit) => {
      throw this.deathError(exit);
    });
    try {
      return await Promise.race([found.promise, died]);
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(watch);
    }
  }

  /** What happened, with the last lines of the log. */
  deathError(exit: ChildExit): DemoError {
    const how = exit.signal === null ? `with code ${exit.code}` : `by ${exit.signal}`;
    const last = this.#lines.slice(-limits.logLinesPrintedMax).map((line) => `  ${line}`);
    const log = last.length === 0 ? '  (it logged nothing)' : last.join('\n');
    return new DemoError('process-died', `${this.name} ended ${how}; its last lines:\n${log}`);
  }

  #follow(stream: Readable | null, onLine: (line: string) => void): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      this.#log(line);
      onLine(line);
    });
  }

  #log(line: string): void {
    this.#lines.push(line.slice(0, limits.logLineCharactersMax));
    if (this.#lines.length > limits.logLinesMax) this.#lines.shift();
    appendFileSync(this.#logPath, `${line}\n`);
  }
}

/** Runs a script to its end; its standard output, or an error with what it said on the other. */
export async function runToEnd(
  name: string,
  script: string,
  args: readonly string[],
  prefix: readonly string[] = [],
): Promise<string> {
  const [program = process.execPath, ...rest] = [...prefix, process.execPath, script, ...args];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-limits.logLineCharactersMax);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new DemoError('process-died', `${name} failed: ${complaint.trim()}`);
  return output;
}
