/** One thread of `sim run`, from the side of the one that leads: told what to do, watched, replaced. */
import { Worker } from 'node:worker_threads';

import type { Task, WorkerMessage, WorkerSettings } from './worker-messages.js';

/** How a task ended. */
export type TaskEnd =
  | { readonly kind: 'done' }
  /** The thread is gone; `checker` and `message` say why, as a failure of the seed under way. */
  | {
      readonly kind: 'lost';
      readonly checker: 'worker-died' | 'run-time';
      readonly message: string;
    }
  /** `stop` was called. */
  | { readonly kind: 'stopped' };

/** Starts its thread when it is first needed, and another after one is lost. */
export class WorkerThread {
  readonly #settings: WorkerSettings;
  #worker: Worker | undefined;
  #isStopped = false;
  #current: RunningTask | undefined;

  constructor(settings: WorkerSettings) {
    this.#settings = settings;
  }

  /**
   * Runs a task. `secondsMax` is the longest that may pass between two messages of the thread: it
   * tells of each seed it begins, so this bounds one run.
   */
  run(
    task: Task,
    secondsMax: number,
    onMessage: (message: WorkerMessage) => void,
  ): Promise<TaskEnd> {
    return new Promise((resolve) => {
      if (this.#isStopped) {
        resolve({ kind: 'stopped' });
        return;
      }
      this.#worker ??= this.#start();
      this.#current = { secondsMax, onMessage, resolve, timer: undefined };
      this.#watch(this.#current);
      this.#worker.postMessage(task, []);
    });
  }

  /** Ends the thread, and the task under way with it. */
  stop(): void {
    this.#isStopped = true;
    this.#discard();
    this.#finish({ kind: 'stopped' });
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: this.#settings,
      stdout: true,
    });
    // Results alone go to standard output; what a scenario prints is a diagnostic.
    worker.stdout.pipe(process.stderr, { end: false });
    worker.on('message', (message: WorkerMessage) => this.#take(worker, message));
    worker.on('error', (error: unknown) => {
      this.#die(worker, `failed: ${error instanceof Error ? error.message : String(error)}`);
    });
    worker.on('exit', (code) => this.#die(worker, `ended by itself with exit code ${code}`));
    return worker;
  }

  #take(worker: Worker, message: WorkerMessage): void {
    const current = this.#current;
    if (worker !== this.#worker || current === undefined) return;
    this.#watch(current);
    if (message.kind === 'done') this.#finish({ kind: 'done' });
    else current.onMessage(message);
  }

  #die(worker: Worker, what: string): void {
    if (worker !== this.#worker) return;
    this.#lose('worker-died', `the thread ${what}`);
  }

  #watch(current: RunningTask): void {
    const { secondsMax } = current;
    const message = `the run is not at its end after ${secondsMax} s`;
    clearTimeout(current.timer);
    current.timer = setTimeout(() => this.#lose('run-time', message), secondsMax * 1_000);
  }

  #lose(checker: 'worker-died' | 'run-time', message: string): void {
    this.#discard();
    this.#finish({ kind: 'lost', checker, message });
  }

  /** A thread in a loop without end is still ended by this. */
  #discard(): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
  }

  #finish(end: TaskEnd): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    clearTimeout(current.timer);
    current.resolve(end);
  }
}

interface RunningTask {
  readonly secondsMax: number;
  readonly onMessage: (message: WorkerMessage) => void;
  readonly resolve: (end: TaskEnd) => void;
  timer: NodeJS.Timeout | undefined;
}
