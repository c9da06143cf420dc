/**
 * Has another thread move the write-ahead log of a file into the file, so that no commit waits for it.
 *
 *   owner: commit, commit, ... --wakes--> thread: is the log long? then a passive checkpoint
 *
 * A passive checkpoint holds no writer up and waits for no reader. Once it has moved all frames, the next
 * commit begins the log anew; while commits come faster than that the log grows, and from
 * `WAL_BACKSTOP_PAGES` on a commit moves itself what little is left. The thread starts when the log is
 * long for the first time, so a small store never has one.
 *
 * Both connections are SQLite's of one process, which knows of both; nothing here opens the database file
 * by itself (see `database.ts` on POSIX locks). The thread's connection is closed before the owner's.
 */
import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { CHECKPOINT_LOG_BYTES_MIN, CHECKPOINT_STOP_MAX_MS } from './limits.js';

/** What the thread is given. */
export interface CheckpointThread {
  readonly path: string;
  readonly shared: SharedArrayBuffer;
}

/** Places in the memory that owner and thread share. */
export const CELLS = { commits: 0, isMoving: 1, isPaused: 2, isEnding: 3, hasEnded: 4 } as const;

export class Checkpoints {
  readonly #path: string;
  readonly #onLost: () => void;
  readonly #shared = new SharedArrayBuffer(4 * Object.keys(CELLS).length);
  readonly #cells = new Int32Array(this.#shared);
  #worker: Worker | undefined;
  #isStopped = false;

  /** `onLost`: the thread has died, and the owner has to move the log itself from now on. */
  constructor(path: string, onLost: () => void) {
    this.#path = path;
    this.#onLost = onLost;
  }

  /** The owner has committed something. */
  committed(): void {
    if (this.#isStopped) return;
    if (this.#worker === undefined) {
      if (logBytes(this.#path) < CHECKPOINT_LOG_BYTES_MIN) return;
      this.#start();
    }
    Atomics.add(this.#cells, CELLS.commits, 1);
    Atomics.notify(this.#cells, CELLS.commits);
  }

  /** Runs what needs the log for itself, while the thread does not touch it. */
  paused<T>(work: () => T): T {
    Atomics.store(this.#cells, CELLS.isPaused, 1);
    try {
      Atomics.wait(this.#cells, CELLS.isMoving, 1, CHECKPOINT_STOP_MAX_MS);
      return work();
    } finally {
      Atomics.store(this.#cells, CELLS.isPaused, 0);
    }
  }

  /** Returns when the thread has closed its connection. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.#worker === undefined) return;
    Atomics.store(this.#cells, CELLS.isEnding, 1);
    Atomics.notify(this.#cells, CELLS.isEnding);
    Atomics.add(this.#cells, CELLS.commits, 1);
    Atomics.notify(this.#cells, CELLS.commits);
    Atomics.wait(this.#cells, CELLS.hasEnded, 0, CHECKPOINT_STOP_MAX_MS);
  }

  #start(): void {
    const workerData: CheckpointThread = { path: this.#path, shared: this.#shared };
    const worker = new Worker(new URL('checkpoint-worker.js', import.meta.url), { workerData });
    worker.unref();
    // What it died of is told by its exit alone: without it everything works, but slower.
    worker.on('error', () => undefined);
    worker.once('exit', () => {
      if (this.#isStopped) return;
      this.#isStopped = true;
      this.#onLost();
    });
    this.#worker = worker;
  }
}

function logBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
