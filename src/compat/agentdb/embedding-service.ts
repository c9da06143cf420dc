/** agentdb's `EmbeddingService`: vectors of texts, by MiniLM in this process or by OpenAI's endpoint. */
import type { Embedder } from '../../memory/engine.js';
import { createHttpEmbedder } from '../../memory/embedders/http-embedder.js';
import { MODEL_DIMENSIONS } from '../../memory/model.js';
import { embedTexts } from '../embedding.js';
import { CompatError } from '../errors.js';
import { TEXTS_REMEMBERED_MAX } from './limits.js';

export interface EmbeddingConfig {
  readonly model: string;
  readonly dimension: number;
  readonly provider: string;
  readonly apiKey?: string | undefined;
}

const OPENAI = 'https://api.openai.com/v1';

/** v1 made up vectors when its model was missing; here that is an error. */
export class EmbeddingService {
  readonly config: EmbeddingConfig;
  readonly #cache = new Map<string, Promise<Float32Array>>();
  #remote: Embedder | undefined;

  constructor(config: EmbeddingConfig) {
    this.config = config;
  }

  /** Throws `invalid` for a model that is not here, and `embedder` if the model cannot work. */
  async initialize(): Promise<void> {
    this.#check();
    if (!this.#isRemote) await embedTexts(['ready']);
  }

  /** `config.dimension` components. */
  async embed(text: string): Promise<Float32Array> {
    this.#check();
    const known = this.#cache.get(text);
    if (known !== undefined) return known;
    const vector = this.#make(text);
    this.#cache.set(text, vector);
    const oldest = this.#cache.keys().next().value;
    if (this.#cache.size > TEXTS_REMEMBERED_MAX && oldest !== undefined) this.#cache.delete(oldest);
    try {
      return await vector;
    } catch (error) {
      this.#cache.delete(text);
      throw error;
    }
  }

  async embedBatch(texts: readonly string[]): Promise<Float32Array[]> {
    return Promise.all(texts.map((text) => this.embed(text)));
  }

  clearCache(): void {
    this.#cache.clear();
  }

  get #isRemote(): boolean {
    return this.config.provider === 'openai' && (this.config.apiKey ?? '') !== '';
  }

  #check(): void {
    const { model, dimension } = this.config;
    if (this.#isRemote) return;
    if (/MiniLM-L6-v2/i.test(model) && dimension === MODEL_DIMENSIONS) return;
    throw new CompatError(
      'invalid',
      `the model ${JSON.stringify(model)} with ${dimension} components is not in this package, which has ` +
        `all-MiniLM-L6-v2 with ${MODEL_DIMENSIONS}; name that, or the provider "openai" with its apiKey`,
    );
  }

  async #make(text: string): Promise<Float32Array> {
    const { model, dimension: dimensions, apiKey = '' } = this.config;
    if (this.#isRemote) {
      this.#remote ??= createHttpEmbedder({ baseUrl: OPENAI, model, dimensions, apiKey });
    }
    const vectors = this.#isRemote ? await this.#remote?.embed([text]) : await embedTexts([text]);
    const [vector] = vectors ?? [];
    if (vector === undefined) throw new Error('assertion failed: a text gets a vector');
    return vector;
  }
}
