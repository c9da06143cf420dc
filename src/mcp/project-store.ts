/**
 * The store of a project, for a server that lives as long as its client does.
 *
 *   closed --first call--> open --idle, or wanted by another program--> closed
 *
 * A store has one opener, and a project may have several programs: two windows of an editor each start
 * a server. So nobody keeps the store, and who finds it taken says so in a file beside it and waits.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Embedder } from '../memory/engine.js';
import {
  createMiniLmEmbedder,
  MemoryError,
  type MemoryStore,
  openMemoryStore,
} from '../memory/index.js';
import { wantedPath } from '../compat/session.js';
import { v2Files } from '../migrate/files.js';
import { ToolError } from './errors.js';
import {
  HELD_WHILE_WANTED_MS,
  IDLE_MS,
  LOCK_POLL_MS,
  LOCK_WAIT_MS,
  WANTED_POLL_MS,
} from './limits.js';

export interface ProjectStoreOptions {
  /** MiniLM when left out. Closed with the store. */
  readonly embedder?: Embedder | undefined;
  readonly idleMs?: number | undefined;
  /** How long another program may keep the store. */
  readonly lockWaitMs?: number | undefined;
}

/** What v1 left in a project, by which it is known that a migration is due. */
const V1_FILES = [
  '.swarm/memory.db',
  'agentdb.db',
  '.agentdb/reasoningbank.db',
  '.hive-mind/hive.db',
  '.hive-mind/memory.db',
  'memory/memory-store.json',
];

export class ProjectStore {
  /** Absolute. */
  readonly directory: string;
  readonly path: string;
  readonly #embedder: Embedder;
  readonly #idleMs: number;
  readonly #lockWaitMs: number;
  #opening: Promise<MemoryStore> | undefined;
  #openedMs = 0;
  #users = 0;
  #idle: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #isEnded = false;
  #warmed: Promise<unknown> | undefined;
  /** To be closed as soon as nobody uses it. */
  #isDue = false;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(directory: string, options: ProjectStoreOptions = {}) {
    const { embedder, idleMs = IDLE_MS, lockWaitMs = LOCK_WAIT_MS } = options;
    this.directory = resolve(directory);
    this.path = v2Files(this.directory).store;
    this.#embedder = embedder ?? createMiniLmEmbedder();
    this.#idleMs = idleMs;
    this.#lockWaitMs = lockWaitMs;
  }

  /** Runs `work` with the store open; waits for another program that has it. */
  async use<T>(work: (store: MemoryStore) => Promise<T>): Promise<T> {
    this.#users += 1;
    clearInterval(this.#idle);
    try {
      return await work(await this.#opened());
    } finally {
      this.#users -= 1;
      await this.#left();
    }
  }

  /** Work that reads what it then changes: one at a time of those with the same name. */
  async inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(name, settled);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(name) === settled) this.#turns.delete(name);
    }
  }

  /** Loads the model, before a store is opened that others wait for: it may take seconds. */
  async warm(): Promise<void> {
    this.#warmed ??= this.embed(['a']).catch((error: unknown) => {
      this.#warmed = undefined;
      throw error;
    });
    await this.#warmed;
  }

  /** A vector of the model of the store. */
  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    return this.#embedder.embed(texts, 'interactive');
  }

  /** Lets go of the store, with all that is cached of it, once nobody uses it; the next call opens it. */
  async forget(): Promise<void> {
    this.#isDue = true;
    if (this.#users === 0) await this.#release();
  }

  async #release(): Promise<void> {
    clearInterval(this.#idle);
    this.#isDue = false;
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening === undefined) return this.#closing;
    const closing = opening.then(
      (store) => store.close(),
      () => undefined,
    );
    // The next opener waits: this process would find its own lock.
    this.#closing = closing;
    await closing;
    if (this.#closing === closing) this.#closing = undefined;
  }

  /** The end: later calls are refused. */
  async close(): Promise<void> {
    this.#isEnded = true;
    await this.#release();
    await this.#embedder.close();
  }

  #opened(): Promise<MemoryStore> {
    if (this.#isEnded) throw new ToolError('the server is ending');
    if (this.#opening === undefined) {
      const opening = this.#open();
      this.#opening = opening;
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = undefined;
      });
    }
    return this.#opening;
  }

  async #open(): Promise<MemoryStore> {
    await this.#closing;
    this.#refuseUnmigrated();
    mkdirSync(dirname(this.path), { recursive: true });
    const untilMs = performance.now() + this.#lockWaitMs;
    for (;;) {
      try {
        const store = await openMemoryStore(this.path, {
          embedder: this.#embedder,
          groupCommit: { maxDelayMs: 0 },
        });
        rmSync(wantedPath(this.path), { force: true });
        this.#openedMs = performance.now();
        return store;
      } catch (error) {
        const isLocked = error instanceof MemoryError && error.code === 'locked';
        if (!isLocked || performance.now() >= untilMs) throw error;
        writeFileSync(wantedPath(this.path), '');
        await delay(LOCK_POLL_MS);
      }
    }
  }

  #refuseUnmigrated(): void {
    if (existsSync(v2Files(this.directory).work)) {
      throw new ToolError(
        `a migration of ${this.directory} is under way or was stopped; run ` +
          '"agentic-flow migrate v2" there to the end first',
      );
    }
    if (existsSync(this.path)) return;
    const found = V1_FILES.find((name) => existsSync(join(this.directory, name)));
    if (found === undefined) return;
    throw new ToolError(
      `${this.directory} holds memories of v1 (${found}) and no v2 store; run ` +
        '"agentic-flow migrate v2" there first',
    );
  }

  async #left(): Promise<void> {
    if (this.#users > 0 || this.#opening === undefined) return;
    const heldMs = performance.now() - this.#openedMs;
    const isWanted = heldMs > HELD_WHILE_WANTED_MS && existsSync(wantedPath(this.path));
    if (this.#isDue || isWanted) {
      await this.#release();
      return;
    }
    const idleFromMs = performance.now();
    const wait = Math.min(this.#idleMs, WANTED_POLL_MS);
    this.#idle = setInterval(() => {
      const isIdle = performance.now() - idleFromMs >= this.#idleMs;
      if (isIdle || existsSync(wantedPath(this.path))) void this.#becomeIdle();
    }, wait);
    this.#idle.unref();
  }

  async #becomeIdle(): Promise<void> {
    if (this.#users > 0) return;
    await this.#release().catch((error: unknown) => {
      process.stderr.write(`closing ${this.path}: ${String(error)}\n`);
    });
  }
}
