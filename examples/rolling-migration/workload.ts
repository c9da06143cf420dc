/** What the clients of the load ask for. Deterministic for a seed; no network here. */

import type { OperationKind } from './history.js';
import { Random } from './random.js';

export type Request =
  | { readonly kind: 'get'; readonly id: string }
  | { readonly kind: 'insert'; readonly id: string; readonly content: string }
  | { readonly kind: 'search'; readonly text: string }
  | {
      readonly kind: 'addEdge';
      readonly from: string;
      readonly to: string;
      readonly relation: string;
      readonly weight: number;
    };

/** Ids that all clients overwrite and read: where a stale or lost write would show. */
export const SHARED_IDS: readonly string[] = sharedIds('demo');

function sharedIds(prefix: string): string[] {
  return Array.from({ length: 24 }, (_each, at) => {
    return `${prefix}-shared-${String(at).padStart(2, '0')}`;
  });
}

/** What the requests of a load are. */
export interface Mix {
  /** How many of a hundred are gets. */
  readonly gets: number;
  /** How many of a hundred others embed a text, inserts and searches; the rest adds edges. */
  readonly texts: number;
}

export const MIX_DEFAULT: Mix = { gets: 40, texts: 83 };
/** Of a hundred requests that embed a text. */
const INSERTS = 60;

const SUBJECTS = ['deploy', 'login', 'invoice', 'search index', 'cache', 'build', 'webhook'];
const FAULTS = ['times out', 'returns stale data', 'fails twice', 'leaks memory', 'is retried'];
const CAUSES = ['an expired key', 'a slow query', 'a full disk', 'a race', 'a wrong time zone'];
const REMEDIES = ['rotate the key', 'add an index', 'prune old files', 'take a lock', 'use UTC'];

/** One closed-loop client: asks `next()`, sends it, and tells `acknowledged()` what was written. */
export class ClientScript {
  readonly #client: number;
  readonly #random: Random;
  readonly #sourceIds: readonly string[];
  readonly #prefix: string;
  readonly #shared: readonly string[];
  readonly #mix: Mix;
  readonly #own: string[] = [];
  #written = 0;

  /** `prefix` begins the ids that are written, so that several loads do not meet. */
  constructor(
    client: number,
    seed: number,
    sourceIds: readonly string[],
    prefix = 'demo',
    mix = MIX_DEFAULT,
  ) {
    this.#mix = mix;
    this.#prefix = prefix;
    this.#shared = sharedIds(prefix);
    this.#client = client;
    this.#random = new Random(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(client + 1, 0x85ebca6b));
    this.#sourceIds = sourceIds;
  }

  next(): Request {
    let kind = this.#kind();
    // Searches and edges need something of one's own to look for or to start from.
    if (this.#own.length < 2 && kind !== 'get') kind = 'insert';
    switch (kind) {
      case 'get':
        return { kind, id: this.#readable() };
      case 'insert':
        return this.#insert();
      case 'search':
        return { kind, text: this.#trouble() };
      case 'addEdge':
        return this.#edge();
    }
  }

  /** 0.5 to 1.5, so that clients do not march in step. */
  jitter(): number {
    return 0.5 + this.#random.next();
  }

  /** The insert was answered: its id may be linked from now on. */
  acknowledged(id: string): void {
    if (!this.#shared.includes(id)) this.#own.push(id);
  }

  #kind(): OperationKind {
    if (this.#random.below(100) < this.#mix.gets) return 'get';
    if (this.#random.below(100) >= this.#mix.texts) return 'addEdge';
    return this.#random.below(100) < INSERTS ? 'insert' : 'search';
  }

  #readable(): string {
    const roll = this.#random.next();
    if (roll < 0.6) return this.#random.pick(this.#shared);
    if (roll < 0.8 && this.#own.length > 0) return this.#random.pick(this.#own);
    return this.#sourceIds.length > 0
      ? this.#random.pick(this.#sourceIds)
      : this.#random.pick(this.#shared);
  }

  #insert(): Request {
    this.#written += 1;
    const shared = this.#random.next() < 0.5;
    const id = shared
      ? this.#random.pick(this.#shared)
      : `${this.#prefix}-c${String(this.#client).padStart(2, '0')}-${this.#written}`;
    // Unique, so that a get tells which write it saw.
    const content = `${this.#sentence()} (${this.#client}.${this.#written})`;
    return { kind: 'insert', id, content };
  }

  #edge(): Request {
    const from = this.#random.pick(this.#own);
    const others = this.#random.next() < 0.3 ? this.#sourceIds : this.#own;
    const to = others.length > 0 ? this.#random.pick(others) : from;
    const weight = this.#random.below(1_000) / 1_000;
    return { kind: 'addEdge', from, to, relation: 'follows', weight };
  }

  #sentence(): string {
    return `${this.#trouble()}, ${this.#random.pick(CAUSES)}: ${this.#random.pick(REMEDIES)}`;
  }

  /** What agents look for again and again. */
  #trouble(): string {
    return `${this.#random.pick(SUBJECTS)} ${this.#random.pick(FAULTS)}`;
  }
}
