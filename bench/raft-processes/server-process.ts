import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** What a server said last, for the error that tells that it ended. */
const SAID_BYTES_MAX = 2_000;
const READY_MS_MAX = 60_000;
/** Clock ticks a second in /proc (`getconf CLK_TCK`; 100 on every Linux that Node runs on). */
const TICK_MICROSECONDS = 10_000;

/** One server in a process of its own, which ends with this process. */
export class ServerProcess {
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #lines: string[] = [];
  #said = '';
  #hasExited = false;
  readonly #onParentExit = (): void => void this.#process.kill('SIGKILL');

  constructor(command: string, args: readonly string[]) {
    this.#process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-SAID_BYTES_MAX);
    });
    if (this.#process.stdout !== null) {
      createInterface({ input: this.#process.stdout }).on('line', (line) => {
        if (this.#lines.length < 10) this.#lines.push(line);
      });
    }
    process.once('exit', this.#onParentExit);
    this.#exited = new Promise((resolve) => {
      const end = (): void => {
        this.#hasExited = true;
        process.removeListener('exit', this.#onParentExit);
        resolve();
      };
      this.#process.once('error', (error) => {
        this.#said += error.message;
        end();
      });
      this.#process.once('exit', end);
    });
  }

  /** The first of what `look` finds; it is asked again and again, until the process has ended. */
  async until<T>(look: (lines: readonly string[]) => Promise<T | undefined>): Promise<T> {
    const deadlineMs = performance.now() + READY_MS_MAX;
    while (!this.#hasExited && performance.now() < deadlineMs) {
      const found = await look(this.#lines);
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const what = this.#hasExited ? 'ended' : `was not ready in ${READY_MS_MAX} ms`;
    throw new Error(`${this.#process.spawnfile} ${what}: ${this.#said}`);
  }

  kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#process.kill(signal);
    return this.#exited;
  }

  /** User and system time of all threads; 0 where there is no /proc. */
  cpuMicroseconds(): number {
    try {
      const stat = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8');
      // The name of the program, in parentheses, may hold blanks; utime and stime follow it.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS;
    } catch {
      return 0;
    }
  }
}
