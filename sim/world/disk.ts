import { damaged, openGate, rot, tear, type DamageGate, type Stored } from './damage.js';
import { SimulationError } from './errors.js';
import { limits } from './limits.js';
import type { RandomStream } from './random.js';

/** What a process sees of the disk when it starts: everything that outlived the last crash. */
export interface DiskView<Value> {
  /** Undefined when there is nothing under the key, or nothing that can be read. */
  get(key: string): Value | undefined;
  /**
   * True when there is something under the key that cannot be read. Never true of bytes: those are
   * returned as they are, and the checksums of the program have to find the damage.
   */
  isDamaged(key: string): boolean;
  /** Keys in the order of their names, those with the prefix when one is given. */
  keys(prefix?: string): string[];
}

/**
 * What a crash leaves of the writes that no sync has covered: nothing, a prefix of them in the
 * order in which they were made, or any of them, each by itself.
 */
export type CrashLoss = 'all-unsynced' | 'random-suffix' | 'any-subset';

/** How a sync failed: the device refused it, or there was no room for what it covers. */
export type DiskFailure = 'sync-failed' | 'full';

/** What is wrong with a disk. Probabilities are from 0 to 1. */
export interface DiskFaults {
  /** For each write that a crash takes away: half of it is on the disk, over the old value. */
  readonly tornWriteProbability: number;
  /** For each write that a sync covers: it is acknowledged and never reaches the disk. */
  readonly lostWriteProbability: number;
  /** For each write that a sync covers: it lands under another key that holds something. */
  readonly misdirectedWriteProbability: number;
  /** For each sync: it fails, and what it should have covered will never be durable. */
  readonly syncFailureProbability: number;
  /** Syncs report success and make nothing durable; the next honest one does. */
  readonly liesAboutSync: boolean;
  /** Syncs that cover a value fail, as with delayed allocation. Keys can be removed. */
  readonly isFull: boolean;
}

/** A disk that does what it says. */
const honestDisk: DiskFaults = {
  tornWriteProbability: 0,
  lostWriteProbability: 0,
  misdirectedWriteProbability: 0,
  syncFailureProbability: 0,
  liesAboutSync: false,
  isFull: false,
};

interface PendingWrite<Value> {
  readonly key: string;
  /** Undefined removes the key. */
  readonly value: Value | undefined;
}

/**
 * The disk of one node: a map of keys. Writes go to a page cache, in order; `sync` makes durable
 * what was written before it. Reads see the page cache. A crash loses of the writes that no
 * finished sync covers what `CrashLoss` says, since a kernel may write back early.
 *
 * Values must not be changed after they are written; bytes are copied.
 */
export class SimulatedDisk<Value> implements DiskView<Value> {
  readonly #node: string;
  readonly #durable = new Map<string, Stored<Value>>();
  readonly #visible = new Map<string, Stored<Value>>();
  readonly #pending: PendingWrite<Value>[] = [];
  /** Writes ever made, and how many of them are settled: `sync` names a place in that order. */
  #writes = 0;
  #settledWrites = 0;
  /** The writes up to here were reported durable, and some of them are not. */
  #falselySyncedWrites = 0;
  #faults: DiskFaults = honestDisk;
  /** Durable keys whose value is not what the program was told is there. */
  readonly #wrong = new Set<string>();
  /** Keys that were damaged and not written again since; the gate counts them. */
  readonly #owed = new Set<string>();
  gate: DamageGate = openGate;

  constructor(node = '') {
    this.#node = node;
  }

  get(key: string): Value | undefined {
    const value = this.#visible.get(key);
    return value === damaged ? undefined : value;
  }

  isDamaged(key: string): boolean {
    return this.#visible.get(key) === damaged;
  }

  keys(prefix = ''): string[] {
    const names = [...this.#visible.keys()].filter((key) => key.startsWith(prefix));
    return names.sort();
  }

  /** Writes that a crash now could lose. */
  get unsyncedWrites(): number {
    return this.#pending.length;
  }

  get faults(): DiskFaults {
    return this.#faults;
  }

  /** Durable keys that hold something else than what was acknowledged, damaged or stale. */
  get wrongKeys(): string[] {
    return [...this.#wrong].sort();
  }

  /** Lets the disk do what it says from now on; what is wrong on it stays wrong. */
  endFaults(): void {
    this.#faults = honestDisk;
  }

  /** Changes what is wrong with the disk from now on. */
  changeFaults(faults: Partial<DiskFaults>): void {
    const changed = { ...this.#faults, ...faults };
    for (const [name, value] of Object.entries(changed)) {
      if (typeof value === 'number' && !(value >= 0 && value <= 1)) {
        throw new SimulationError('invalid-option', `${name} is ${value}; use 0 to 1`);
      }
    }
    this.#faults = changed;
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

  /** A sync that began at this place has finished; undefined when it reports success. */
  finishSync(syncPoint: number, random: RandomStream): DiskFailure | undefined {
    const count = Math.max(0, syncPoint - this.#settledWrites);
    if (this.#faults === honestDisk) {
      this.#persist(count);
      return undefined;
    }
    const { syncFailureProbability, liesAboutSync, isFull } = this.#faults;
    const fails = random.chance(syncFailureProbability);
    if (liesAboutSync && !fails) {
      this.#falselySyncedWrites = Math.max(this.#falselySyncedWrites, syncPoint);
      return undefined;
    }
    const first = this.#settledWrites;
    const writes = this.#settle(count);
    let failure: DiskFailure | undefined = fails ? 'sync-failed' : undefined;
    for (const [index, write] of writes.entries()) {
      const findsRoom = !isFull || write.value === undefined;
      if (!findsRoom) failure ??= 'full';
      // As Linux does: pages of a failed sync stay readable, and no later sync writes them.
      if (!fails && findsRoom) this.#storeFaultily(write, random);
      else if (first + index < this.#falselySyncedWrites) this.#lose(write);
    }
    return failure;
  }

  /** Power is lost: the page cache is gone. */
  crash(loss: CrashLoss, random: RandomStream): void {
    const first = this.#settledWrites;
    const writes = this.#settle(this.#pending.length);
    const isPrefix = loss === 'random-suffix' && writes.length > 0;
    const prefix = isPrefix ? random.integer(0, writes.length) : 0;
    for (const [index, write] of writes.entries()) {
      const isKept = loss === 'any-subset' ? random.chance(0.5) : index < prefix;
      if (isKept) this.#store(write);
      else if (this.#tear(write, random)) continue;
      else if (first + index < this.#falselySyncedWrites) this.#lose(write);
    }
    this.#falselySyncedWrites = 0;
    this.#visible.clear();
    for (const [key, value] of this.#durable) this.#visible.set(key, value);
  }

  /** The disk is replaced by an empty one. */
  wipe(): void {
    this.#settle(this.#pending.length);
    this.#falselySyncedWrites = 0;
    this.#durable.clear();
    this.#visible.clear();
    this.#wrong.clear();
  }

  /**
   * Damages durable values, up to `keysMax` of those whose key has the prefix, drawn at random. A
   * reader sees it at once unless it has written the key since. Returns the keys.
   */
  rot(random: RandomStream, prefix = '', keysMax = 1): string[] {
    const keys = [...this.#durable.keys()].filter((key) => key.startsWith(prefix)).sort();
    const chosen = random.shuffle(keys).slice(0, keysMax);
    return chosen.filter((key) => {
      if (!this.gate.admit(this.#node, key)) return false;
      const value = this.#durable.get(key)!;
      this.#replace(key, value, rot(value, random));
      return true;
    });
  }

  /** Takes the oldest unsettled writes off the list. */
  #settle(count: number): PendingWrite<Value>[] {
    const writes = this.#pending.splice(0, count);
    this.#settledWrites += count;
    return writes;
  }

  #persist(count: number): void {
    const pending = this.#pending;
    if (count !== pending.length) {
      for (const write of this.#settle(count)) this.#store(write);
      return;
    }
    // The usual case, without a copy: nothing was written while the sync ran.
    for (const write of pending) this.#store(write);
    this.#settledWrites += count;
    pending.length = 0;
  }

  #storeFaultily(write: PendingWrite<Value>, random: RandomStream): void {
    const isLost = random.chance(this.#faults.lostWriteProbability);
    const isMisdirected = random.chance(this.#faults.misdirectedWriteProbability);
    if (isMisdirected && this.#misdirect(write, random)) return;
    if (isLost) this.#lose(write);
    else this.#store(write);
  }

  #store({ key, value }: PendingWrite<Value>): void {
    put(this.#durable, key, value);
    if (this.#owed.size === 0) return;
    this.#wrong.delete(key);
    // A key that is removed is not wrong any more, but nothing was repaired either.
    if (value !== undefined && this.#owed.delete(key)) this.gate.repaired(this.#node, key);
  }

  /** An acknowledged write never arrives, if the gate admits that. */
  #lose(write: PendingWrite<Value>): void {
    if (this.gate.admit(this.#node, write.key)) this.#markWrong(write.key);
    else this.#store(write);
  }

  #markWrong(key: string): void {
    this.#wrong.add(key);
    this.#owed.add(key);
  }

  /** False when the write is simply lost. */
  #tear({ key, value }: PendingWrite<Value>, random: RandomStream): boolean {
    if (value === undefined || !random.chance(this.#faults.tornWriteProbability)) return false;
    if (!this.gate.admit(this.#node, key)) return false;
    this.#durable.set(key, tear(value, this.#durable.get(key), random));
    this.#markWrong(key);
    return true;
  }

  /** False when there is no other key to hit, or when the gate does not admit it. */
  #misdirect({ key, value }: PendingWrite<Value>, random: RandomStream): boolean {
    const others = [...this.#durable.keys()].filter((other) => other !== key).sort();
    if (value === undefined || others.length === 0) return false;
    const victim = random.pick(others);
    if (!this.gate.admit(this.#node, victim)) return false;
    if (!this.gate.admit(this.#node, key)) {
      if (!this.#owed.has(victim)) this.gate.repaired(this.#node, victim);
      return false;
    }
    this.#markWrong(key);
    const landed = value instanceof Uint8Array ? value : damaged;
    this.#replace(victim, this.#durable.get(victim)!, landed);
    return true;
  }

  /** Puts damage in place of a durable value, before the reader too if that reads this value. */
  #replace(key: string, value: Stored<Value>, damage: Stored<Value>): void {
    this.#durable.set(key, damage);
    this.#markWrong(key);
    if (this.#visible.get(key) === value) this.#visible.set(key, damage);
  }
}

function put<Value>(map: Map<string, Stored<Value>>, key: string, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
