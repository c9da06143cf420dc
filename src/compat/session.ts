/**
 * The store of a project in this process, for callers that wait and callers that cannot.
 *
 *   released --first call--> held --idle, or wanted by another program--> released
 *
 * v1 had SQLite, so several programs used one file at a time; a v2 store has one opener. So a session
 * takes the store when it is called, waits for the program that has it, and lets go when it is idle. A
 * write is on the disk (fdatasync) before it is acknowledged, to both kinds of callers.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MemoryError } from '../memory/errors.js';
import { StoreHost } from '../memory/store/host.js';
import { lockHolder } from '../memory/store/lock.js';
import type { Operation } from '../memory/store/operations.js';
import { CompatError } from './errors.js';
import {
  HELD_WHILE_WANTED_MS,
  IDLE_MS,
  LET_IN_MS,
  LOCK_POLL_MS,
  LOCK_WAIT_MS,
  OWN_LOCK_WAIT_MS,
} from './limits.js';

export interface SessionOptions {
  /** Refuses to write, and makes no file. */
  readonly readOnly?: boolean | undefined;
  /** How long another program may keep the store, in milliseconds. */
  readonly lockWaitMs?: number | undefined;
}

/** The v1 file of a project that runs side by side. */
export interface Mirror {
  /** Writes there what the v2 store is about to get, uncommitted. Throws if it cannot have it. */
  begin(operations: readonly Operation[]): MirrorWrite;
  /** Lets go of the file; the next write opens it again. */
  close(): void;
}

/** A write that v1 does not see yet. */
export interface MirrorWrite {
  /** On the disk when it returns. */
  commit(): void;
  rollback(): void;
}

/** The file by which a program asks for a store that another has: sessions and the MCP server heed it. */
export function wantedPath(store: string): string {
  return `${store}-wanted`;
}

/** One a store and process. */
const sessions = new Map<string, Session>();
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** The session of a store; made if this process has none. */
export function sessionAt(path: string): Session {
  let session = sessions.get(path);
  if (session === undefined) {
    if (sessions.size === 0) process.once('exit', closeAll);
    session = new Session(path);
    sessions.set(path, session);
  }
  return session;
}

function closeAll(): void {
  for (const session of sessions.values()) {
    try {
      session.release();
    } catch {
      // The process ends, and the system takes the lock back; what was acknowledged is on the disk.
    }
  }
}

export class Session {
  readonly path: string;
  /** Writes go here as well, when it is set. */
  mirror: Mirror | undefined;
  #host: StoreHost | undefined;
  #takenMs = 0;
  #users = 0;
  #idle: NodeJS.Timeout | undefined;
  /** What others remember of the file as it is while it is held, by their own keys. */
  readonly #remembered = new Map<string, unknown>();

  constructor(path: string) {
    this.path = path;
  }

  get isHeld(): boolean {
    return this.#host !== undefined;
  }

  /** Runs `work` on the open store; waits for another program without giving the thread away. */
  use<T>(work: (host: StoreHost) => T, options: SessionOptions = {}): T {
    this.#users += 1;
    try {
      return work(this.#host ?? this.#takeNow(options));
    } finally {
      this.#leave();
    }
  }

  /** The same for work that waits. The store is kept until the work is done. */
  async useAsync<T>(
    work: (host: StoreHost) => Promise<T> | T,
    options: SessionOptions = {},
  ): Promise<T> {
    this.#users += 1;
    try {
      if (this.#host === undefined) await this.#take(options);
      return await work(this.#host ?? this.#takeNow(options));
    } finally {
      this.#leave();
    }
  }

  /**
   * One transaction, on the disk when it returns. True for each operation that found what it is about.
   * Throws what the store throws, and `mirror`.
   */
  write(operations: readonly Operation[], options: SessionOptions = {}): boolean[] {
    if (options.readOnly === true) {
      throw new CompatError('read-only', `${this.path} was opened to be read; open it to write`);
    }
    return this.use((host) => {
      const mirrored = this.mirror?.begin(operations);
      let outcomes: boolean[];
      try {
        outcomes = host.writeNow(operations);
      } catch (error) {
        mirrored?.rollback();
        throw error;
      }
      mirrored?.commit();
      return outcomes;
    }, options);
  }

  /** What `make` gave for this key since the store was taken. */
  remember<T>(key: string, make: () => T): T {
    if (!this.#remembered.has(key)) this.#remembered.set(key, make());
    return this.#remembered.get(key) as T;
  }

  forget(key: string): void {
    this.#remembered.delete(key);
  }

  /** Lets go of the store; the next call takes it again. Nobody may be using it. */
  release(): void {
    clearTimeout(this.#idle);
    this.#idle = undefined;
    const host = this.#host;
    this.#host = undefined;
    this.#remembered.clear();
    try {
      host?.closeNow();
    } finally {
      this.mirror?.close();
    }
  }

  #open({ readOnly = false }: SessionOptions): StoreHost {
    if (!readOnly) mkdirSync(dirname(this.path), { recursive: true });
    const settings = { path: this.path, create: !readOnly, adopt: false };
    const host = new StoreHost({ ...settings, batchOperations: 1, batchDelayMs: 0 });
    this.#host = host;
    this.#takenMs = performance.now();
    rmSync(wantedPath(this.path), { force: true });
    return host;
  }

  #takeNow(options: SessionOptions): StoreHost {
    const sinceMs = performance.now();
    for (;;) {
      try {
        return this.#open(options);
      } catch (error) {
        this.#throwUnlessWaiting(error, sinceMs, options, 'blocks');
        Atomics.wait(sleeper, 0, 0, LOCK_POLL_MS);
      }
    }
  }

  async #take(options: SessionOptions): Promise<void> {
    const sinceMs = performance.now();
    while (this.#host === undefined) {
      try {
        this.#open(options);
      } catch (error) {
        this.#throwUnlessWaiting(error, sinceMs, options, 'yields');
        await delay(LOCK_POLL_MS);
      }
    }
  }

  #throwUnlessWaiting(
    error: unknown,
    sinceMs: number,
    { lockWaitMs = LOCK_WAIT_MS }: SessionOptions,
    waiting: 'blocks' | 'yields',
  ): void {
    const isLocked = error instanceof MemoryError && error.code === 'locked';
    const waitedMs = performance.now() - sinceMs;
    if (!isLocked || waitedMs >= lockWaitMs) throw error;
    // Another thread of this process may let go; what this one has open itself cannot, while it waits.
    const isOwn = waiting === 'blocks' && lockHolder(this.path) === process.pid;
    if (isOwn && waitedMs >= OWN_LOCK_WAIT_MS) throw error;
    writeFileSync(wantedPath(this.path), '');
  }

  #leave(): void {
    this.#users -= 1;
    if (this.#users > 0 || this.#host === undefined) return;
    const heldMs = performance.now() - this.#takenMs;
    if (heldMs > HELD_WHILE_WANTED_MS && existsSync(wantedPath(this.path))) {
      this.release();
      this.#letTheOtherIn();
      return;
    }
    if (this.#idle === undefined) {
      this.#idle = setTimeout(() => this.#becomeIdle(), IDLE_MS);
      this.#idle.unref();
    } else {
      this.#idle.refresh();
    }
  }

  /** Whoever takes the store removes the file; one that was left by a program which died is removed here. */
  #letTheOtherIn(): void {
    const untilMs = performance.now() + LET_IN_MS;
    while (existsSync(wantedPath(this.path)) && performance.now() < untilMs) {
      Atomics.wait(sleeper, 0, 0, LOCK_POLL_MS);
    }
    rmSync(wantedPath(this.path), { force: true });
  }

  #becomeIdle(): void {
    this.#idle = undefined;
    if (this.#users === 0) this.release();
  }
}
