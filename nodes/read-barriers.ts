/** Linearizable reads that wait on one node, each with its promise. */
import { randomBytes } from 'node:crypto';

import type { RaftRefusal } from '../consensus/raft/index.js';
import { READS_MAX, READ_RETRY_MS } from './limits.js';
import { ProposalError } from './proposal-error.js';
import { ReadQueue } from './read-queue.js';

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** See the head of this file. */
export class ReadBarriers {
  /** Asks the core for an index; its answer, or that there will be none, names the context. */
  readonly #ask: (context: string) => RaftRefusal | undefined;
  readonly #queue = new ReadQueue<Waiting>(randomBytes(6).toString('base64url'));
  #stopped = false;

  constructor(ask: (context: string) => RaftRefusal | undefined) {
    this.#ask = ask;
  }

  /** Resolves when a read on this node shows every write acknowledged before the call. */
  wait(signal?: AbortSignal): Promise<void> {
    if (this.#stopped) return Promise.reject(new ProposalError('stopping'));
    if (this.#queue.size >= READS_MAX) return Promise.reject(new ProposalError('overloaded'));
    return new Promise((resolve, reject) => {
      const read = { resolve, reject };
      this.#queue.add(read);
      signal?.addEventListener('abort', () => this.#fail((one) => one === read), { once: true });
      // Reads of one turn of the event loop share one question.
      queueMicrotask(() => this.ask());
    });
  }

  /** Asks for those that wait, unless a question is under way that may still be answered. */
  ask(): void {
    if (this.#stopped) return;
    const context = this.#queue.next(performance.now(), READ_RETRY_MS);
    if (context === undefined) return;
    // Refused without a leader: the next tick asks again.
    if (this.#ask(context) !== undefined) this.#queue.forget(context);
  }

  /** The core says that these questions will get no answer. */
  dropped(contexts: readonly string[]): void {
    for (const context of contexts) this.#queue.forget(context);
  }

  /** What these questions asked for is applied. */
  served(contexts: readonly string[]): void {
    const served = contexts.flatMap((context) => this.#queue.takeAnswered(context));
    for (const read of served) read.resolve();
    if (served.length > 0) this.ask();
  }

  stop(): void {
    this.#stopped = true;
    this.#fail(() => true);
  }

  /** Nobody waits for these any more. */
  #fail(isOver: (read: Waiting) => boolean): void {
    for (const read of this.#queue.takeWhere(isOver)) read.reject(new ProposalError('stopping'));
  }
}
