/** The demo's side of the load process. */

import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { deferred, deferredFailure } from './deferred.js';
import { DemoError } from './demo-error.js';
import type { Operation, PhaseTimes } from './history.js';
import { limits } from './limits.js';
import type { LoadCommand, LoadMessage } from './load-protocol.js';

const SCRIPT = fileURLToPath(new URL('./load.js', import.meta.url));

export class LoadProcess {
  /** Every request that the load has reported so far. */
  readonly operations: Operation[] = [];
  /** Rejects when the load ends before it was asked to. */
  readonly failure: Promise<never>;
  readonly #process: ChildProcess;
  readonly #moments = new Map<'started' | 'rollout' | 'after' | 'stopped', number>();
  readonly #waiting = new Set<() => void>();
  readonly #ended: Promise<void>;
  #complaint = '';
  #stallMs = 0;
  readonly #failing = deferredFailure();

  constructor(start: Omit<Extract<LoadCommand, { type: 'start' }>, 'type'>) {
    this.failure = this.#failing.promise;
    this.#process = fork(SCRIPT, [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#complaint = (this.#complaint + chunk.toString()).slice(-limits.logLineCharactersMax);
    });
    this.#process.on('message', (message) => this.#receive(message as LoadMessage));
    this.#process.on('error', (error) => {
      this.#failing.reject(new DemoError('process-died', `the load process: ${error.message}`));
    });
    this.#ended = new Promise((resolve) => {
      this.#process.on('close', (code, signal) => {
        if (!this.#moments.has('stopped')) {
          const how = signal === null ? `with code ${code}` : `by ${signal}`;
          const last = this.#complaint.trim();
          this.#failing.reject(
            new DemoError('process-died', `the load process ended ${how}: ${last}`),
          );
        }
        resolve();
      });
    });
    this.#send({ type: 'start', ...start });
  }

  /** The longest time for which the load process itself was held up; known when it has stopped. */
  get stallMs(): number {
    return this.#stallMs;
  }

  /** Resolves once the clients run. */
  async started(): Promise<void> {
    await this.#moment('started', limits.startTimeoutMs);
  }

  /** Marks the beginning or the end of the rollout on the clock of the load. */
  async mark(name: 'rollout' | 'after'): Promise<void> {
    this.#send({ type: 'mark', name });
    await this.#moment(name, limits.loadStopTimeoutMs);
  }

  /** Lets every client finish its request; all operations have arrived when it resolves. */
  async stop(): Promise<PhaseTimes> {
    this.#send({ type: 'stop' });
    const endMicroseconds = await this.#moment('stopped', limits.loadStopTimeoutMs);
    const startMicroseconds = this.#moments.get('started') ?? endMicroseconds;
    const rolloutMicroseconds = this.#moments.get('rollout') ?? endMicroseconds;
    const afterMicroseconds = this.#moments.get('after') ?? endMicroseconds;
    return { startMicroseconds, rolloutMicroseconds, afterMicroseconds, endMicroseconds };
  }

  async kill(): Promise<void> {
    this.killNow();
    await this.#ended;
  }

  killNow(): void {
    this.#process.kill('SIGKILL');
  }

  #send(command: LoadCommand): void {
    // The end of the process is reported by 'close', with its reason.
    if (this.#process.connected) this.#process.send(command, () => undefined);
  }

  #receive(message: LoadMessage): void {
    if (message.type === 'operations') {
      // Not push(...): a large message would exceed the number of arguments.
      for (const operation of message.operations) this.operations.push(operation);
      return;
    }
    if (message.type === 'failed') {
      this.#failing.reject(
        new DemoError('process-died', `the load could not run: ${message.message}`),
      );
      return;
    }
    if (message.type === 'stopped') this.#stallMs = message.stallMs;
    const name = message.type === 'marked' ? message.name : message.type;
    this.#moments.set(name, message.microseconds);
    for (const wake of this.#waiting) wake();
  }

  async #moment(
    name: 'started' | 'rollout' | 'after' | 'stopped',
    timeoutMs: number,
  ): Promise<number> {
    const arrived = deferred<number>();
    const wake = (): void => {
      const microseconds = this.#moments.get(name);
      if (microseconds !== undefined) arrived.resolve(microseconds);
    };
    this.#waiting.add(wake);
    wake();
    const timer = setTimeout(() => {
      const seconds = timeoutMs / 1000;
      arrived.reject(new DemoError('timeout', `the load did not reach '${name}' in ${seconds} s`));
    }, timeoutMs);
    try {
      return await Promise.race([arrived.promise, this.failure]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(wake);
    }
  }
}
