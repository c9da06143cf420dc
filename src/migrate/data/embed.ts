/**
 * Gives the records of a store their vectors. Several rounds of texts are with the embedder at a time, so that
 * its workers never wait for the file; what is made is committed every few seconds, so that a killed
 * run loses no more than that.
 */
import { embeddingText, textHash } from '../../memory/command.js';
import type { Database } from '../../memory/database.js';
import type { Embedder } from '../../memory/engine.js';
import { MemoryError } from '../../memory/errors.js';
import { nextTurn } from '../../memory/pace.js';
import { memoryOf } from '../../memory/v2-file.js';
import { bytesOfVector, vectorOfBytes } from '../../memory/vector-bytes.js';
import type { DataOptions } from './contract.js';
import type { KnownVectors } from './known-vectors.js';
import type { KeptVectors } from './kept-vectors.js';
import {
  ROUND_CHARACTERS,
  ROUND_TEXTS,
  ROUNDS_UNDER_WAY,
  VECTORS_COMMIT_MS,
  VECTORS_PER_COMMIT,
} from './limits.js';
import { Rate } from './rate.js';
import { PENDING_TABLE } from './store-writer.js';

export interface EmbedCounts {
  /** Texts that the embedder was given. */
  embedded: number;
  /** Vectors of v1. */
  kept: number;
  /** Vectors of equal texts, and of runs before. */
  reused: number;
}

interface Waiting {
  readonly seq: number;
  readonly id: string;
  readonly text: string;
  readonly hash: string;
}

interface Made {
  readonly waiting: Waiting;
  readonly vector: Float32Array | null;
}

export interface EmbedParts extends Pick<DataOptions, 'embedder' | 'signal' | 'onProgress'> {
  readonly store: Database;
  readonly known?: KnownVectors | undefined;
  readonly kept?: KeptVectors | undefined;
  readonly step: 'embed' | 'late';
}

/** Returns when every record that waits has its vector. Throws `embedder`, and the signal's reason. */
export async function embedPending(parts: EmbedParts): Promise<EmbedCounts> {
  const run = new EmbedRun(parts);
  // An equal text that is with the embedder is left for the next turn, in which its vector is there.
  while (run.waiting > 0) await run.turn();
  run.end();
  return run.counts;
}

class EmbedRun {
  readonly counts: EmbedCounts = { embedded: 0, kept: 0, reused: 0 };
  readonly #parts: EmbedParts;
  readonly #embedder: Embedder;
  readonly #store: Database;
  readonly #rate: Rate;
  readonly #total: number;
  #done: number;
  readonly #made: Made[] = [];
  /** Hashes of texts that are with the embedder, or made and not written yet. */
  readonly #underWay = new Set<string>();
  #committedMs = performance.now();
  #after = 0;

  constructor(parts: EmbedParts) {
    this.#parts = parts;
    this.#embedder = parts.embedder;
    this.#store = parts.store;
    const pending = this.waiting;
    this.#done = this.#store.number('SELECT count(*) FROM vectors');
    this.#total = pending + this.#done;
    this.#rate = new Rate(parts.step, parts.onProgress, { total: this.#total, before: this.#done });
  }

  get waiting(): number {
    return this.#store.number(`SELECT count(*) FROM ${PENDING_TABLE}`);
  }

  /** Once through all that waits. Ends at once when the signal does, without what the embedder has. */
  async turn(): Promise<void> {
    this.#after = 0;
    const state = { isOver: false };
    const lane = async (): Promise<void> => {
      while (!state.isOver) {
        const round = this.#nextRound();
        if (round === undefined) return;
        await this.#embed(round);
      }
    };
    const abortion = new Abortion(this.#parts.signal);
    try {
      const lanes = Array.from({ length: ROUNDS_UNDER_WAY }, lane);
      await Promise.race([Promise.all(lanes), abortion.rejected]);
    } finally {
      state.isOver = true;
      abortion.forget();
      this.#write();
    }
  }

  end(): void {
    this.#rate.end(this.#total);
  }

  /** The next texts that nobody has a vector of; those somebody has get it here. Undefined at the end. */
  #nextRound(): Waiting[] | undefined {
    const round: Waiting[] = [];
    for (let characters = 0; round.length < ROUND_TEXTS && characters < ROUND_CHARACTERS;) {
      const before = this.#after;
      const rows = this.#store.iterate(
        `SELECT p.seq, r.id, r.body, r.created_at_ms FROM ${PENDING_TABLE} p
         JOIN records r ON r.seq = p.seq WHERE p.seq > ? ORDER BY p.seq LIMIT ${ROUND_TEXTS}`,
        before,
      );
      for (const [seq, ...record] of rows) {
        this.#after = Number(seq);
        characters += this.#take(waitingOf(this.#after, record), round);
        if (round.length === ROUND_TEXTS || characters >= ROUND_CHARACTERS) break;
      }
      this.#writeIfDue();
      if (this.#after === before) break;
    }
    return round.length === 0 ? undefined : round;
  }

  /** Characters that are asked of the embedder. */
  #take(waiting: Waiting, round: Waiting[]): number {
    const { hash } = waiting;
    if (this.#underWay.has(hash)) return 0;
    // Nothing to find it by.
    if (waiting.text.trim() === '') {
      this.#made.push({ waiting, vector: null });
      return 0;
    }
    const vector = this.#found(waiting);
    if (vector === undefined) {
      this.#underWay.add(hash);
      round.push(waiting);
      return waiting.text.length;
    }
    this.#made.push({ waiting, vector });
    return 0;
  }

  /** The vector of a text that need not be embedded. */
  #found({ id, text, hash }: Waiting): Float32Array | undefined {
    const { known, kept } = this.#parts;
    const stored = this.#stored(hash) ?? known?.find(hash, this.#embedder.model);
    const v1 = stored === undefined ? kept?.find(id, text) : undefined;
    const sampled = stored === undefined && v1 === undefined ? kept?.sampled(hash) : undefined;
    if (stored !== undefined) this.counts.reused += 1;
    if (v1 !== undefined) this.counts.kept += 1;
    if (sampled !== undefined) {
      this.counts.embedded += 1;
      this.#underWay.add(hash);
    }
    return stored ?? v1 ?? sampled;
  }

  #stored(hash: string): Float32Array | undefined {
    const bytes = this.#store.get(
      'SELECT vector FROM vectors WHERE text_hash = ? AND model = ? LIMIT 1',
      hash,
      this.#embedder.model,
    )?.[0];
    return bytes instanceof Uint8Array ? vectorOfBytes(bytes) : undefined;
  }

  async #embed(round: readonly Waiting[]): Promise<void> {
    const { signal } = this.#parts;
    signal?.throwIfAborted();
    const texts = round.map(({ text }) => text);
    const vectors = await this.#embedder.embed(texts, 'background');
    signal?.throwIfAborted();
    for (const [at, waiting] of round.entries()) {
      const vector = vectors[at];
      if (vector?.length !== this.#embedder.dimensions || !vector.every(Number.isFinite)) {
        const sentence = `${this.#embedder.model} gave no vector of ${this.#embedder.dimensions} finite numbers`;
        throw new MemoryError('embedder', sentence);
      }
      this.#made.push({ waiting, vector });
    }
    this.counts.embedded += round.length;
    this.#writeIfDue();
    await nextTurn();
  }

  #writeIfDue(): void {
    const isOld = performance.now() - this.#committedMs >= VECTORS_COMMIT_MS;
    if (this.#made.length >= VECTORS_PER_COMMIT || (isOld && this.#made.length > 0)) this.#write();
  }

  #write(): void {
    const made = this.#made.splice(0);
    this.#store.transaction(() => {
      for (const { waiting, vector } of made) this.#writeOne(waiting, vector);
    });
    for (const { waiting } of made) this.#underWay.delete(waiting.hash);
    this.#committedMs = performance.now();
    this.#done += made.length;
    this.#rate.update(this.#done);
  }

  #writeOne({ seq, id, hash }: Waiting, vector: Float32Array | null): void {
    if (vector !== null) {
      this.#store.run(
        'INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)',
        id,
        this.#embedder.model,
        hash,
        bytesOfVector(vector),
      );
    }
    this.#store.run(`DELETE FROM ${PENDING_TABLE} WHERE seq = ?`, seq);
  }
}

/** Rejects with the reason of a signal, and nobody has to wait for it. */
class Abortion {
  readonly rejected: Promise<never>;
  readonly #signal: AbortSignal | undefined;
  #onAbort: () => void = () => undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    this.rejected = new Promise((_, reject) => {
      this.#onAbort = (): void => reject(signal?.reason as Error);
      signal?.addEventListener('abort', this.#onAbort);
    });
    this.rejected.catch(() => undefined);
  }

  forget(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

function waitingOf(seq: number, record: readonly unknown[]): Waiting {
  const { id, content, metadata } = memoryOf(record);
  const text = embeddingText(content, metadata);
  return { seq, id, text, hash: textHash(text) };
}
