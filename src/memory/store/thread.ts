/**
 * The caller's side of the thread of a store: a bounded number of calls there, the others wait here in
 * their order. When the thread ends, whatever was not answered fails.
 */
import { Worker } from 'node:worker_threads';
import { MemoryError } from '../errors.js';
import {
  CALLS_MAX,
  CALLS_UNDER_WAY_MAX,
  WAITING_CHARACTERS_MAX,
  END_TIMEOUT_MS,
} from './limits.js';
import type { StoreModel } from './store-file.js';
import {
  type Answer,
  type CallAnswer,
  receivedError,
  type Request,
  type ThreadCalls,
  type ThreadMethod,
  type ThreadSettings,
} from './thread-messages.js';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Handed over without a copy; the caller has them no more. */
  readonly transfer?: readonly ArrayBuffer[];
}

interface Call extends CallOptions {
  readonly request: Request & { type: 'call' };
  readonly cancel: () => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class StoreThread {
  readonly #path: string;
  readonly #worker: Worker;
  readonly #underWayMax: number;
  readonly #waiting: Call[] = [];
  readonly #underWay = new Map<number, Call>();
  #calls = 0;
  #admitted = 0;
  #admittedCharacters = 0;
  #isEnding = false;
  #end: MemoryError | undefined;
  readonly #ended: Promise<void>;

  private constructor(settings: ThreadSettings, workerUrl: URL) {
    this.#path = settings.path;
    this.#underWayMax = Math.max(CALLS_UNDER_WAY_MAX, 2 * settings.batchOperations);
    this.#worker = new Worker(workerUrl, { workerData: settings });
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => resolve());
    });
  }

  /** Resolves once the store is open. Throws what `StoreFile.open` throws. */
  static async open(
    settings: ThreadSettings,
    workerUrl = new URL('worker.js', import.meta.url),
  ): Promise<{ thread: StoreThread; model: StoreModel | null }> {
    const thread = new StoreThread(settings, workerUrl);
    return { thread, model: await thread.#start() };
  }

  /**
   * Counts work that is for the thread, now or once something else is done. Throws `overloaded` when too
   * much of it waits.
   */
  async admit<T>(characters: number, work: () => Promise<T>): Promise<T> {
    if (this.#end !== undefined) throw this.#end;
    const total = this.#admittedCharacters + characters;
    if (this.#admitted >= CALLS_MAX || (total > WAITING_CHARACTERS_MAX && this.#admitted > 0)) {
      const what = `${this.#admitted} calls with ${this.#admittedCharacters} characters`;
      const sentence = `${what} wait for ${this.#path} already; wait for some of them`;
      throw new MemoryError('overloaded', sentence, this.#path);
    }
    this.#admitted += 1;
    this.#admittedCharacters += characters;
    try {
      return await work();
    } finally {
      this.#admitted -= 1;
      this.#admittedCharacters -= characters;
    }
  }

  /** Asks the thread. Rejects with its error, or `closed` when it has ended. */
  call<Method extends ThreadMethod>(
    method: Method,
    args: Parameters<ThreadCalls[Method]>,
    options: CallOptions = {},
  ): Promise<Awaited<ReturnType<ThreadCalls[Method]>>> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      this.#calls += 1;
      const request = { type: 'call', call: this.#calls, method, args } as const;
      const cancel = (): void => this.#send({ type: 'cancel', call: request.call });
      const settle = { resolve: resolve as Call['resolve'], reject };
      this.#waiting.push({ ...options, request, cancel, ...settle });
      this.#pump();
    });
  }

  /** After the last call; resolves when the thread has ended. */
  async close(): Promise<void> {
    this.#isEnding = true;
    if (this.#end === undefined) await this.call('close', []);
    await this.#ended;
  }

  /**
   * Ends the thread without what waits, as a crash would. The thread ends itself: one that is terminated in a
   * call of the SQLite binding takes the process with it.
   */
  async terminate(): Promise<void> {
    this.#isEnding = true;
    this.#worker.ref();
    this.#send({ type: 'end' });
    const late = setTimeout(() => void this.#worker.terminate(), END_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(late);
  }

  #start(): Promise<StoreModel | null> {
    return new Promise((resolve, reject) => {
      let failure: unknown;
      this.#worker.on('message', (answer: Answer) => {
        if (answer.type === 'opened') {
          this.#pump();
          resolve(answer.model);
        } else if (answer.type === 'refused') {
          failure = receivedError(answer.error);
        } else {
          this.#take(answer);
        }
      });
      this.#worker.on('error', (error) => (failure ??= error));
      this.#worker.once('exit', (code) => {
        this.#finish(code === 0 ? failure : (failure ?? new Error(`exit code ${code}`)));
        reject(failure instanceof MemoryError ? failure : this.#end);
      });
    });
  }

  #pump(): void {
    while (this.#underWay.size < this.#underWayMax) {
      const call = this.#waiting.shift();
      if (call === undefined) break;
      const { request, signal } = call;
      if (signal?.aborted === true) {
        call.reject(signal.reason);
        continue;
      }
      this.#underWay.set(request.call, call);
      signal?.addEventListener('abort', call.cancel, { once: true });
      try {
        this.#send(request, call.transfer);
      } catch (error) {
        // A function, say, among the parameters of a query.
        this.#underWay.delete(request.call);
        signal?.removeEventListener('abort', call.cancel);
        const sentence = `the arguments of ${request.method} cannot be sent to a thread`;
        call.reject(new MemoryError('invalid', sentence, this.#path, error));
      }
    }
    // An idle store does not keep the process alive.
    if (this.#underWay.size > 0 || this.#isEnding) this.#worker.ref();
    else this.#worker.unref();
  }

  #send(request: Request, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #take(answer: CallAnswer): void {
    const call = this.#underWay.get(answer.call);
    if (call === undefined) return;
    if (answer.type === 'progress') {
      call.onProgress?.(answer.done, answer.total);
      return;
    }
    this.#underWay.delete(answer.call);
    call.signal?.removeEventListener('abort', call.cancel);
    if (answer.type === 'done') call.resolve(answer.value);
    else if (call.signal?.aborted === true) call.reject(call.signal.reason);
    else call.reject(receivedError(answer.error));
    this.#pump();
  }

  #finish(failure: unknown): void {
    const detail = failure instanceof Error ? `: ${failure.message}` : '';
    const sentence =
      failure === undefined
        ? `${this.#path} is closed; open it again`
        : `the thread of ${this.#path} died${detail}; what was acknowledged is safe; open it again`;
    this.#end = new MemoryError('closed', sentence, this.#path, failure);
    const left = [...this.#underWay.values(), ...this.#waiting.splice(0)];
    this.#underWay.clear();
    for (const { reject } of left) reject(this.#end);
  }
}
