/** An embedder around any function: batches, priorities, bounds, and a check of what comes back. */
import type { Embedder } from '../engine.js';
import { MemoryError } from '../errors.js';
import { NAME_CHARACTERS_MAX, QUEUED_TEXTS_MAX, VECTOR_DIMENSIONS_MAX } from '../limits.js';
import { Overtaking } from '../overtaking.js';
import { BATCH_TEXTS, BATCH_TEXTS_MAX, CALLS_UNDER_WAY, CALLS_UNDER_WAY_MAX } from './limits.js';

/** Computes a vector for each text, in their order. `signal` is aborted when the embedder closes. */
export type EmbedFunction = (
  texts: readonly string[],
  signal: AbortSignal,
) => Promise<readonly ArrayLike<number>[]>;

export interface EmbedderOptions {
  /** Names the vectors: those of different models are never compared. */
  readonly model: string;
  /** Components of each vector. */
  readonly dimensions: number;
  readonly embed: EmbedFunction;
  /** Most texts of one call of `embed`. Default 64. */
  readonly batchTexts?: number;
  /** Most calls of `embed` at a time. Default 2. */
  readonly callsUnderWay?: number;
}

interface Request {
  readonly text: string;
  readonly resolve: (vector: Float32Array) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Makes an embedder of a function. What the function returns is checked: a vector with another number
 * of components, with a component that is not finite, or of zeros only, fails its text with the code
 * `embedder`, as does whatever the function throws.
 *
 * @throws MemoryError `invalid` if an option is out of its range.
 */
export function createEmbedder(options: EmbedderOptions): Embedder {
  return new BatchingEmbedder(options);
}

class BatchingEmbedder implements Embedder {
  readonly model: string;
  readonly dimensions: number;
  readonly #embed: EmbedFunction;
  readonly #batchTexts: number;
  readonly #callsMax: number;
  readonly #interactive: Request[] = [];
  readonly #background: Request[] = [];
  readonly #overtaking = new Overtaking();
  readonly #closing = new AbortController();
  readonly #calls = new Set<Promise<void>>();

  constructor(options: EmbedderOptions) {
    const { model, dimensions, batchTexts = BATCH_TEXTS } = options;
    const { callsUnderWay = CALLS_UNDER_WAY } = options;
    if (typeof model !== 'string' || model === '' || model.length > NAME_CHARACTERS_MAX) {
      throw new MemoryError('invalid', `model must have 1 to ${NAME_CHARACTERS_MAX} characters`);
    }
    this.model = model;
    this.dimensions = within('dimensions', dimensions, VECTOR_DIMENSIONS_MAX);
    this.#embed = options.embed;
    this.#batchTexts = within('batchTexts', batchTexts, BATCH_TEXTS_MAX);
    this.#callsMax = within('callsUnderWay', callsUnderWay, CALLS_UNDER_WAY_MAX);
  }

  async embed(
    texts: readonly string[],
    priority: 'interactive' | 'background' = 'interactive',
  ): Promise<Float32Array[]> {
    if (this.#closing.signal.aborted) throw closedError();
    const queue = priority === 'interactive' ? this.#interactive : this.#background;
    if (queue.length + texts.length > QUEUED_TEXTS_MAX) {
      throw new MemoryError('embedder', `more than ${QUEUED_TEXTS_MAX} texts wait to be embedded`);
    }
    const vectors = texts.map((text) => {
      return new Promise<Float32Array>((resolve, reject) => queue.push({ text, resolve, reject }));
    });
    this.#pump();
    return Promise.all(vectors);
  }

  /** Fails what waits, and resolves when no call is under way any more. */
  async close(): Promise<void> {
    this.#closing.abort(closedError());
    const left = [...this.#interactive.splice(0), ...this.#background.splice(0)];
    for (const { reject } of left) reject(closedError());
    await Promise.all(this.#calls);
  }

  #nextQueue(): Request[] {
    const [interactive, background] = [this.#interactive, this.#background];
    const next = this.#overtaking.next(interactive.length, background.length);
    return next === 'interactive' ? interactive : background;
  }

  #pump(): void {
    while (this.#calls.size < this.#callsMax) {
      const queue = this.#nextQueue();
      const batch = queue.splice(0, this.#batchTexts);
      if (batch.length === 0) return;
      const call = this.#call(batch).finally(() => {
        this.#calls.delete(call);
        this.#pump();
      });
      this.#calls.add(call);
    }
  }

  async #call(batch: readonly Request[]): Promise<void> {
    try {
      const texts = batch.map(({ text }) => text);
      const vectors = await this.#embed(texts, this.#closing.signal);
      this.#closing.signal.throwIfAborted();
      if (!Array.isArray(vectors) || vectors.length !== batch.length) {
        const count = Array.isArray(vectors) ? `${vectors.length} vectors` : 'no list of vectors';
        throw new MemoryError(
          'embedder',
          `${this.model} gave ${count} for ${batch.length} texts; each text wants one`,
        );
      }
      for (const [at, { resolve, reject }] of batch.entries()) {
        const vector: unknown = vectors[at];
        const problem = this.#problemOf(vector);
        if (problem === undefined) resolve(Float32Array.from(vector as ArrayLike<number>));
        else reject(new MemoryError('embedder', `${this.model} gave ${problem}`));
      }
    } catch (error) {
      const failure = this.#closing.signal.aborted
        ? closedError()
        : asMemoryError(error, this.model);
      for (const { reject } of batch) reject(failure);
    }
  }

  #problemOf(vector: unknown): string | undefined {
    if (
      !Array.isArray(vector) &&
      !(vector instanceof Float32Array || vector instanceof Float64Array)
    ) {
      return 'something that is no list of numbers';
    }
    if (vector.length !== this.dimensions) {
      return `a vector of ${vector.length} components; ${this.dimensions} were said`;
    }
    // As it will be stored: what does not fit a float32 becomes infinite.
    const bad = vector.findIndex((value) => {
      return typeof value !== 'number' || !Number.isFinite(Math.fround(value));
    });
    if (bad >= 0) return `a vector whose component ${bad} is not finite`;
    return vector.every((value) => Math.fround(value as number) === 0)
      ? 'a vector of zeros'
      : undefined;
  }
}

function within(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new MemoryError('invalid', `${name} must be a whole number from 1 to ${most}`);
}

function asMemoryError(error: unknown, model: string): MemoryError {
  if (error instanceof MemoryError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new MemoryError('embedder', `${model} failed: ${detail}`, undefined, error);
}

function closedError(): MemoryError {
  return new MemoryError('embedder', 'the embedder was closed');
}
