/** Texts to vectors with all-MiniLM-L6-v2, in a worker thread. */
import { Worker } from 'node:worker_threads';

import type { Embedder } from './engine.js';
import { assert, MemoryError } from './errors.js';
import { CACHED_TEXT_CHARACTERS_MAX, CACHED_TEXTS_MAX, QUEUED_TEXTS_MAX } from './limits.js';
import type { WorkerAnswer, WorkerSettings } from './minilm/worker.js';
import { MODEL_DIMENSIONS, MODEL_NAME } from './model.js';

export interface MiniLmOptions {
  /** Threads of the runtime; more than one helps only a machine with nothing else to do. Default 1. */
  readonly threads?: number;
  /** Another worker file, for tests. */
  readonly workerUrl?: URL;
}

export type Priority = 'interactive' | 'background';

interface Request {
  readonly text: string;
  readonly resolve: (vector: Float32Array) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Makes an embedder. The worker starts with the first text or with `warm`, and again after it died;
 * calls that it left unanswered fail with the code `embedder`.
 */
export function createMiniLmEmbedder(options: MiniLmOptions = {}): MiniLmEmbedder {
  return new MiniLmEmbedder(options);
}

/** See `Embedder`; made by `createMiniLmEmbedder`. */
export class MiniLmEmbedder implements Embedder {
  readonly model = MODEL_NAME;
  readonly dimensions = MODEL_DIMENSIONS;
  readonly #settings: WorkerSettings;
  readonly #workerUrl: URL;
  readonly #queues: Record<Priority, Request[]> = { interactive: [], background: [] };
  /** Recent texts, the oldest first. */
  readonly #cache = new Map<string, Float32Array>();
  #worker: Worker | undefined;
  #isReady = false;
  /** The text that the worker has; the others wait, so that an interactive one waits for one only. */
  #running: Request | undefined;
  #waitingForReady: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #isClosed = false;

  constructor(options: MiniLmOptions) {
    this.#settings = { threads: options.threads ?? 1 };
    this.#workerUrl = options.workerUrl ?? new URL('minilm/worker.js', import.meta.url);
  }

  /** Loads the model now. */
  warm(): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError());
    if (this.#isReady) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waitingForReady.push({ resolve, reject });
      this.#start();
    });
  }

  async embed(
    texts: readonly string[],
    priority: Priority = 'interactive',
  ): Promise<Float32Array[]> {
    if (this.#isClosed) throw closedError();
    const queue = this.#queues[priority];
    if (queue.length + texts.length > QUEUED_TEXTS_MAX) {
      throw new MemoryError('embedder', `more than ${QUEUED_TEXTS_MAX} texts wait to be embedded`);
    }
    const vectors = texts.map((text) => {
      const known = this.#remembered(text);
      if (known !== undefined) return known;
      return new Promise<Float32Array>((resolve, reject) => {
        queue.push({ text, resolve, reject });
      });
    });
    this.#pump();
    return Promise.all(vectors);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#fail(closedError());
    await worker?.terminate();
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(this.#workerUrl, { workerData: this.#settings });
    this.#worker = worker;
    const died = (detail: string): void => {
      if (this.#worker === worker) this.#fail(diedError(detail));
    };
    worker.on('message', (answer: WorkerAnswer) => this.#take(answer));
    worker.on('error', (error) => died(String(error)));
    worker.on('exit', (code) => died(`exit code ${code}`));
    return worker;
  }

  /** Sends the next text if the worker is free. */
  #pump(): void {
    if (this.#running !== undefined || this.#isClosed) return;
    const queue = Object.values(this.#queues).find((waiting) => waiting.length > 0);
    const isWanted = queue !== undefined || this.#waitingForReady.length > 0;
    if (!isWanted) {
      // An idle worker does not keep the process alive.
      this.#worker?.unref();
      return;
    }
    const worker = this.#start();
    worker.ref();
    if (!this.#isReady || queue === undefined) return;
    const request = queue.shift();
    assert(request !== undefined, 'the queue holds a request');
    this.#running = request;
    worker.postMessage(request.text, []);
  }

  #take(answer: WorkerAnswer): void {
    if (answer.type === 'ready') {
      this.#isReady = true;
      for (const { resolve } of this.#waitingForReady.splice(0)) resolve();
    } else {
      const request = this.#running;
      assert(request !== undefined, 'the worker answers what it was asked');
      this.#running = undefined;
      if (answer.type === 'vector') this.#answer(request, answer.values);
      else request.reject(new MemoryError('embedder', answer.message));
    }
    this.#pump();
  }

  #answer({ text, resolve }: Request, vector: Float32Array): void {
    assert(vector.length === MODEL_DIMENSIONS, 'a vector of the model has its dimensions');
    if (text.length <= CACHED_TEXT_CHARACTERS_MAX) {
      this.#cache.set(text, vector.slice());
      const oldest = this.#cache.keys().next().value;
      if (this.#cache.size > CACHED_TEXTS_MAX && oldest !== undefined) this.#cache.delete(oldest);
    }
    resolve(vector);
  }

  #remembered(text: string): Float32Array | undefined {
    const vector = this.#cache.get(text);
    if (vector === undefined) return undefined;
    this.#cache.delete(text);
    this.#cache.set(text, vector);
    return vector.slice();
  }

  #fail(error: MemoryError): void {
    const { interactive, background } = this.#queues;
    const running = this.#running === undefined ? [] : [this.#running];
    const left = [...running, ...interactive.splice(0), ...background.splice(0)];
    const waiting = this.#waitingForReady.splice(0);
    this.#running = undefined;
    this.#worker = undefined;
    this.#isReady = false;
    for (const { reject } of [...left, ...waiting]) reject(error);
  }
}

function closedError(): MemoryError {
  return new MemoryError('embedder', 'the embedder was closed');
}

function diedError(detail: string): MemoryError {
  const sentence = `the embedding worker died (${detail}); the next call starts another`;
  return new MemoryError('embedder', sentence);
}
