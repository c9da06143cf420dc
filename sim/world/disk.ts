import { SimulationError } from './errors.js';
import { limits } from './limits.js';
import type { RandomStream } from './random.js';

/** What a process sees of the disk when it starts: everything that outlived the last crash. */
export interface DiskView<Value> {
  get(key: string): Value | undefined;
  /** Keys in the order of their names, those with the prefix when one is given. */
  keys(prefix?: string): string[];
}

/** What a crash leaves of the writes that no sync has covered. */
export type CrashLoss = 'all-unsynced' | 'random-suffix';

interface PendingWrite<Value> {
  readonly key: string;
  /** Undefined removes the key. */
  readonly value: Value | undefined;
}

/**
 * The disk of one node: a map of keys. Writes go to a page cache, in order; `sync` makes durable
 * what was written before it. Reads see the page cache. A crash loses every write that no finished
 * sync covers, or keeps a random prefix of them, since a kernel may write back early.
 *
 * Values must not be changed after they are written; bytes are copied.
 */
export class SimulatedDisk<Value> implements DiskView<Value> {
  readonly #durable = new Map<string, Value>();
  readonly #visible = new Map<string, Value>();
  readonly #pending: PendingWrite<Value>[] = [];
  /** Writes ever made, and how many of them are durable: `sync` names a place in that order. */
  #writes = 0;
  #durableWrites = 0;

  get(key: string): Value | undefined {
    return this.#visible.get(key);
  }

  keys(prefix = ''): string[] {
    const names = [...this.#visible.keys()].filter((key) => key.startsWith(prefix));
    return names.sort();
  }

  /** Writes that a crash now could lose. */
  get unsyncedWrites(): number {
    return this.#pending.length;
  }

  /** Puts a value into the page cache; undefined removes the key. */
  write(key: string, value: Value | undefined): void {
    if (this.#pending.length >= limits.unsyncedWritesPerNodeMax) {
      throw new SimulationError(
        'limit-exceeded',
        `a node has ${this.#pending.length} writes that no sync covers`,
      );
    }
    const kept = value instanceof Uint8Array ? (value.slice() as Value & Uint8Array) : value;
    this.#pending.push({ key, value: kept });
    this.#writes += 1;
    put(this.#visible, key, kept);
  }

  /** The place in the order of writes that a sync begun now will make durable. */
  get syncPoint(): number {
    return this.#writes;
  }

  /** A sync that began at this place has finished. */
  finishSync(syncPoint: number): void {
    const covered = Math.max(0, syncPoint - this.#durableWrites);
    this.#persist(covered);
  }

  /** Power is lost: the page cache is gone. */
  crash(loss: CrashLoss, random: RandomStream): void {
    const count = this.#pending.length;
    if (loss === 'random-suffix' && count > 0) this.#persist(random.integer(0, count));
    this.#pending.length = 0;
    this.#writes = this.#durableWrites;
    this.#visible.clear();
    for (const [key, value] of this.#durable) this.#visible.set(key, value);
  }

  /** The disk is replaced by an empty one. */
  wipe(): void {
    this.#pending.length = 0;
    this.#writes = this.#durableWrites;
    this.#durable.clear();
    this.#visible.clear();
  }

  #persist(count: number): void {
    for (const { key, value } of this.#pending.splice(0, count)) put(this.#durable, key, value);
    this.#durableWrites += count;
  }
}

function put<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
