/** Texts to vectors with all-MiniLM-L6-v2, in worker threads. */
import type { Embedder } from './engine.js';
import { assert, MemoryError } from './errors.js';
import {
  CACHED_TEXT_CHARACTERS_MAX,
  CACHED_TEXTS_MAX,
  EMBEDDING_THREADS_MAX,
  EMBEDDING_WORKERS_MAX,
  QUEUED_TEXTS_MAX,
  URGED_BATCH_TEXTS_MAX,
  WORKER_BATCH_CHARACTERS_MAX,
  WORKER_BATCH_TEXTS_MAX,
} from './limits.js';
import { ModelWorker, type Priority, type Request } from './minilm/model-worker.js';
import { forcedRuntime, type RuntimeName } from './minilm/runtime.js';
import type { WorkerAnswer, WorkerSettings } from './minilm/worker.js';
import { MODEL_DIMENSIONS, MODEL_NAME } from './model.js';
import { Overtaking } from './overtaking.js';

export interface MiniLmOptions {
  /** Worker threads, each with the model in its memory (300 to 450 MB). Default 1. */
  readonly workers?: number;
  /** Threads of the runtime in each; more than one helps only long texts. Default 1. */
  readonly threads?: number;
  /**
   * What runs the model. Left out, `AGENTIC_FLOW_ONNX` says it, else it is `node` where
   * `onnxruntime-node` is installed and works, and `web`. Both give the same vectors but for rounding.
   */
  readonly runtime?: RuntimeName;
  /** Another worker file, for tests. */
  readonly workerUrl?: URL;
}

/**
 * Makes an embedder. Workers start with the first texts, as many as have something to do, or with
 * `warm`. One that dies is replaced; its texts are tried once more, each by itself, and fail with the
 * code `embedder` if they take another worker with them.
 *
 * @throws MemoryError `invalid` for an option or a variable of the environment out of its range.
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
  #workersMax: number;
  readonly #queues: Record<Priority, Request[]> = { interactive: [], background: [] };
  readonly #overtaking = new Overtaking();
  /** Recent texts, the oldest first. */
  readonly #cache = new Map<string, Float32Array>();
  readonly #workers = new Set<ModelWorker>();
  #runtime: RuntimeName | undefined;
  #isWarned = false;
  #waitingForReady: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #isClosed = false;

  constructor(options: MiniLmOptions) {
    const { workers = 1, threads = 1, runtime = forcedRuntime(process.env) } = options;
    this.#workersMax = within('workers', workers, EMBEDDING_WORKERS_MAX);
    this.#settings = { threads: within('threads', threads, EMBEDDING_THREADS_MAX), runtime };
    this.#workerUrl = options.workerUrl ?? new URL('minilm/worker.js', import.meta.url);
  }

  /** What runs the model; undefined before a worker has loaded it. */
  get runtime(): RuntimeName | undefined {
    return this.#runtime;
  }

  /** Loads the model now, in one worker. */
  warm(): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError());
    if ([...this.#workers].some(({ isStarting }) => !isStarting)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waitingForReady.push({ resolve, reject });
      this.#pump();
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
        queue.push({ text, priority, isRetried: false, resolve, reject });
      });
    });
    this.#pump();
    return Promise.all(vectors);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#failAll(closedError());
    const workers = [...this.#workers];
    this.#workers.clear();
    await Promise.all(workers.map((worker) => worker.stop()));
  }

  /** Gives each worker that is free the next texts, and starts workers for what is left. */
  #pump(): void {
    if (this.#isClosed) return;
    for (const worker of this.#workers) {
      if (!worker.isIdle) continue;
      const batch = this.#nextBatch();
      if (batch.length > 0) worker.ask(batch);
    }
    this.#startMissing();
    // Without this an idle worker would keep the process alive.
    const isWanted = this.#isAnyWaiting();
    for (const worker of this.#workers) worker.setWanted(isWanted || worker.isBusy);
  }

  #isAnyWaiting(): boolean {
    const { interactive, background } = this.#queues;
    return interactive.length + background.length + this.#waitingForReady.length > 0;
  }

  #nextBatch(): Request[] {
    const { interactive, background } = this.#queues;
    const priority = this.#overtaking.next(interactive.length, background.length);
    const queue = this.#queues[priority];
    const isUrged = priority === 'background' && interactive.length > 0;
    const textsMax = isUrged ? URGED_BATCH_TEXTS_MAX : WORKER_BATCH_TEXTS_MAX;
    let count = 0;
    let characters = 0;
    for (const { text, isRetried } of queue) {
      // A text that a worker died with is tried alone: the others of its batch may be innocent.
      if (count > 0 && (isRetried || queue[0]?.isRetried === true)) break;
      characters += Math.min(text.length, WORKER_BATCH_CHARACTERS_MAX);
      if (count > 0 && characters > WORKER_BATCH_CHARACTERS_MAX) break;
      count += 1;
      if (count === textsMax) break;
    }
    return queue.splice(0, count);
  }

  #startMissing(): void {
    const { interactive, background } = this.#queues;
    const batches = Math.ceil((interactive.length + background.length) / WORKER_BATCH_TEXTS_MAX);
    const wanted = Math.max(batches, Math.min(1, this.#waitingForReady.length));
    const starting = [...this.#workers].filter(({ isStarting }) => isStarting).length;
    const room = this.#workersMax - this.#workers.size;
    for (let left = Math.min(wanted - starting, room); left > 0; left -= 1) {
      this.#workers.add(
        new ModelWorker(this.#workerUrl, this.#settings, {
          onReady: (answer) => this.#welcome(answer),
          onAnswer: (batch, answer) => this.#take(batch, answer),
          onDeath: (worker, batch, detail) => this.#bury(worker, batch, detail),
        }),
      );
    }
  }

  #welcome({ runtime, notice }: WorkerAnswer & { type: 'ready' }): void {
    this.#runtime = runtime;
    if (notice !== undefined && !this.#isWarned) {
      this.#isWarned = true;
      process.emitWarning(notice);
    }
    for (const { resolve } of this.#waitingForReady.splice(0)) resolve();
    this.#pump();
  }

  #take(batch: readonly Request[], answer: WorkerAnswer): void {
    if (answer.type === 'vectors') {
      const { values } = answer;
      assert(
        values.length === batch.length * MODEL_DIMENSIONS,
        'each text gets a vector with the dimensions of the model',
      );
      for (const [at, request] of batch.entries()) {
        const start = at * MODEL_DIMENSIONS;
        this.#answer(request, values.slice(start, start + MODEL_DIMENSIONS));
      }
    } else {
      assert(answer.type === 'failed', 'a worker is ready once');
      for (const { reject } of batch) reject(new MemoryError('embedder', answer.message));
    }
    this.#pump();
  }

  #answer({ text, resolve }: Request, vector: Float32Array): void {
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

  /** A dead worker: its texts come first again, or fail if it is the second that died with them. */
  #bury(worker: ModelWorker, batch: readonly Request[], detail: string): void {
    this.#workers.delete(worker);
    if (!worker.wasReady) {
      // What could not start would not start again. The others go on, if there are any.
      if (this.#workers.size === 0) this.#failAll(diedError(detail));
      else this.#workersMax = this.#workers.size;
    }
    for (const request of [...batch].reverse()) {
      if (request.isRetried) request.reject(diedError(detail));
      else this.#queues[request.priority].unshift({ ...request, isRetried: true });
    }
    this.#pump();
  }

  /** Fails everything that waits and what the workers have. */
  #failAll(error: MemoryError): void {
    const { interactive, background } = this.#queues;
    const asked = [...this.#workers].flatMap((worker) => worker.abandon());
    const left = [...asked, ...interactive.splice(0), ...background.splice(0)];
    const waiting = this.#waitingForReady.splice(0);
    for (const { reject } of [...left, ...waiting]) reject(error);
  }
}

function within(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new MemoryError('invalid', `${name} must be a whole number from 1 to ${most}`);
}

function closedError(): MemoryError {
  return new MemoryError('embedder', 'the embedder was closed');
}

function diedError(detail: string): MemoryError {
  const sentence = `the embedding worker died (${detail}); the next call starts another`;
  return new MemoryError('embedder', sentence);
}
