/** One worker thread of the embedder, seen from outside. */
import { Worker } from 'node:worker_threads';

import { assert } from '../errors.js';
import type { WorkerAnswer, WorkerSettings } from './worker.js';

/** A text that somebody waits for. */
export interface Request {
  readonly text: string;
  readonly priority: Priority;
  /** Whether a worker died with it already. */
  readonly isRetried: boolean;
  readonly resolve: (vector: Float32Array) => void;
  readonly reject: (error: Error) => void;
}

export type Priority = 'interactive' | 'background';

export interface ModelWorkerEvents {
  readonly onReady: (answer: WorkerAnswer & { type: 'ready' }) => void;
  /** The worker has answered, or refused, what it was asked. */
  readonly onAnswer: (batch: readonly Request[], answer: WorkerAnswer) => void;
  /** Told once, with what it left unanswered. */
  readonly onDeath: (worker: ModelWorker, batch: readonly Request[], detail: string) => void;
}

/**
 *   starting --ready--> idle --ask--> busy --answer--> idle
 *   from each of them to dead, by an error or the end of the thread
 */
export class ModelWorker {
  readonly #thread: Worker;
  #state: 'starting' | 'idle' | 'busy' | 'dead' = 'starting';
  #batch: readonly Request[] = [];
  #wasReady = false;

  constructor(url: URL, settings: WorkerSettings, events: ModelWorkerEvents) {
    this.#thread = new Worker(url, { workerData: settings });
    this.#thread.on('message', (answer: WorkerAnswer) => {
      if (this.#state === 'dead') return;
      const batch = this.abandon();
      this.#state = 'idle';
      if (answer.type === 'ready') {
        this.#wasReady = true;
        events.onReady(answer);
      } else {
        events.onAnswer(batch, answer);
      }
    });
    const died = (detail: string): void => {
      if (this.#state === 'dead') return;
      this.#state = 'dead';
      events.onDeath(this, this.abandon(), detail);
    };
    this.#thread.on('error', (error) => died(String(error)));
    this.#thread.on('exit', (code) => died(`exit code ${code}`));
  }

  get isStarting(): boolean {
    return this.#state === 'starting';
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  get isBusy(): boolean {
    return this.#state === 'busy';
  }

  /** Whether it has ever loaded the model. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  ask(batch: readonly Request[]): void {
    assert(this.isIdle, 'a worker has one batch at a time');
    this.#state = 'busy';
    this.#batch = batch;
    this.#thread.postMessage(
      batch.map(({ text }) => text),
      [],
    );
  }

  /** Whether it keeps the process alive. */
  setWanted(isWanted: boolean): void {
    if (isWanted) this.#thread.ref();
    else this.#thread.unref();
  }

  async stop(): Promise<void> {
    this.#state = 'dead';
    await this.#thread.terminate();
  }

  /** What it was asked and has not answered; it is the caller's from now on. */
  abandon(): readonly Request[] {
    const batch = this.#batch;
    this.#batch = [];
    return batch;
  }
}
