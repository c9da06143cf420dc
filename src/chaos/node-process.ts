/** One node of the swarm: a process that can be killed, paused and started again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { limits } from './limits.js';

/** What a node is started with. */
export interface NodeCommand {
  readonly name: string;
  /** Network namespace in which it runs. */
  readonly namespace: string;
  /** `main.js` of the release that it runs. */
  readonly program: string;
  readonly logPath: string;
  /** Told in a sentence when a process ends that nobody ended. */
  readonly died: (sentence: string) => void;
}

export class NodeProcess {
  readonly name: string;
  readonly #command: NodeCommand;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isPaused = false;
  /** The end of the process that runs is our doing. */
  #isExpected = false;

  constructor(command: NodeCommand) {
    this.name = command.name;
    this.#command = command;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Starts `agentic-flow ARGS`; does nothing while it runs. */
  start(args: readonly string[]): boolean {
    if (this.#child !== undefined) return false;
    const { namespace, program, logPath } = this.#command;
    const log = openSync(logPath, 'a');
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, program, ...args], {
      // A group of its own: Ctrl-C is for the experiment, which ends its nodes itself.
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    this.#isPaused = false;
    this.#isExpected = false;
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        if (this.#child !== child) return;
        this.#child = undefined;
        if (!this.#isExpected) this.#command.died(this.#deathOf(how));
        resolve();
      };
      child.on('error', (error) => end(`could not be started: ${error.message}`));
      child.on('exit', (code, signal) => {
        end(signal === null ? `ended with code ${code}` : `was ended by ${signal}`);
      });
    });
    return true;
  }

  /** SIGKILL; resolves when the process is gone, false when none ran. */
  async kill(): Promise<boolean> {
    if (this.#child === undefined) return false;
    this.killNow();
    await this.#ended;
    return true;
  }

  /** SIGKILL, from a place where nothing can be awaited. */
  killNow(): void {
    this.#isExpected = true;
    this.#child?.kill('SIGKILL');
  }

  /** SIGSTOP; false when it does not run or is paused already. */
  pause(): boolean {
    if (this.#child === undefined || this.#isPaused) return false;
    this.#isPaused = this.#child.kill('SIGSTOP');
    return this.#isPaused;
  }

  /** SIGCONT; false when it is not paused. */
  resume(): boolean {
    if (this.#child === undefined || !this.#isPaused) return false;
    this.#isPaused = false;
    return this.#child.kill('SIGCONT');
  }

  /** SIGTERM, and SIGKILL when that does not end it in time. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#isExpected = true;
    this.resume();
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), limits.stopTimeoutMs);
    await this.#ended;
    clearTimeout(late);
  }

  #deathOf(how: string): string {
    const lines = readFileSync(this.#command.logPath, 'utf8').trimEnd().split('\n');
    const last = lines.slice(-limits.logLinesPrintedMax).map((line) => `    ${line}`);
    return `${this.name} ${how}; the last lines of its log:\n${last.join('\n')}`;
  }
}
