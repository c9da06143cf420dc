/**
 * Linearizable reads that wait on one node. They share questions: while one is under way, those that
 * come wait for the next, so that any number of reads costs one question a round trip.
 */
import type { RaftRefusal } from '../consensus/raft/index.js';
import { READS_MAX, READ_RETRY_MS } from './limits.js';
import { ProposalError } from './proposal-error.js';

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** See the head of this file. */
export class ReadBarriers {
  /** Asks the core for an index; its answer, or that there will be none, names the context. */
  readonly #ask: (context: string) => RaftRefusal | undefined;
  #asked: Waiting[] = [];
  #new: Waiting[] = [];
  #context = '';
  #askedAtMs = 0;
  #count = 0;
  #stopped = false;

  constructor(ask: (context: string) => RaftRefusal | undefined) {
    this.#ask = ask;
  }

  /** Resolves when a read on this node shows every write acknowledged before the call. */
  wait(signal?: AbortSignal): Promise<void> {
    if (this.#stopped) return Promise.reject(new ProposalError('stopping'));
    if (this.#new.length + this.#asked.length >= READS_MAX) {
      return Promise.reject(new ProposalError('overloaded'));
    }
    return new Promise((resolve, reject) => {
      const read = { resolve, reject };
      this.#new.push(read);
      signal?.addEventListener('abort', () => this.#forget(read), { once: true });
      // Reads of one turn of the event loop share one question.
      if (this.#new.length === 1) queueMicrotask(() => this.ask());
    });
  }

  /** Asks for those that wait, unless a question is under way that may still be answered. */
  ask(): void {
    if (this.#stopped) return;
    const now = performance.now();
    const waiting = this.#asked.length > 0;
    if (waiting && now - this.#askedAtMs < READ_RETRY_MS) return;
    if (!waiting && this.#new.length === 0) return;
    this.#asked = this.#asked.concat(this.#new);
    this.#new = [];
    this.#count += 1;
    this.#context = String(this.#count);
    this.#askedAtMs = now;
    // Refused without a leader: the next tick asks again.
    if (this.#ask(this.#context) !== undefined) this.#askedAtMs = 0;
  }

  /** The core says that these questions will get no answer. */
  dropped(contexts: readonly string[]): void {
    if (contexts.includes(this.#context)) this.#askedAtMs = 0;
  }

  /** What these questions asked for is applied. */
  served(contexts: readonly string[]): void {
    if (!contexts.includes(this.#context)) return;
    for (const read of this.#asked) read.resolve();
    this.#asked = [];
    this.#context = '';
    this.ask();
  }

  stop(): void {
    this.#stopped = true;
    for (const read of [...this.#asked, ...this.#new]) read.reject(new ProposalError('stopping'));
    this.#asked = [];
    this.#new = [];
  }

  /** Nobody waits for this read any more. */
  #forget(read: Waiting): void {
    this.#new = this.#new.filter((one) => one !== read);
    this.#asked = this.#asked.filter((one) => one !== read);
    read.reject(new ProposalError('stopping'));
  }
}
