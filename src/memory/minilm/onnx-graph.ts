/** Builds an ONNX model (onnx.proto3, IR 9, opset 20) in memory. */
import {
  encode,
  type Encoded,
  floatField,
  integerField,
  lengthField,
  message,
} from './protobuf-writer.js';

/** `TensorProto.DataType`. */
export const DATA_TYPE = { float: 1, int64: 7, float16: 10 } as const;
export type DataType = (typeof DATA_TYPE)[keyof typeof DATA_TYPE];

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE = { float: 1, integer: 2, string: 3, integers: 7 } as const;

const IR_VERSION = 9;
const OPSET_VERSION = 20;

/** A real number; plain numbers are whole ones. */
interface FloatAttribute {
  readonly float: number;
}
export type Attributes = Readonly<
  Record<string, number | string | readonly number[] | FloatAttribute>
>;

/** Nodes, constants, inputs and outputs, collected in the order of their use. */
export class OnnxGraph {
  readonly #nodes: Encoded[] = [];
  readonly #constants: Encoded[] = [];
  readonly #inputs: Encoded[] = [];
  readonly #outputs: Encoded[] = [];
  #names = 0;

  /** A constant tensor; returns its name. The bytes are little-endian. */
  constant(name: string, shape: readonly number[], type: DataType, bytes: Uint8Array): string {
    const dimensions = shape.map((size) => integerField(1, size));
    const tensor = message(
      ...dimensions,
      integerField(2, type),
      lengthField(8, name),
      lengthField(9, bytes),
    );
    this.#constants.push(lengthField(5, tensor));
    return name;
  }

  floats(name: string, shape: readonly number[], values: Float32Array): string {
    const { buffer, byteOffset, byteLength } = values;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    return this.constant(name, shape, DATA_TYPE.float, bytes);
  }

  integers(name: string, values: readonly number[]): string {
    const words = BigInt64Array.from(values, BigInt);
    return this.constant(name, [values.length], DATA_TYPE.int64, new Uint8Array(words.buffer));
  }

  /** A node with one output; returns the output's name. */
  node(operator: string, inputs: readonly string[], attributes: Attributes = {}): string {
    this.#names += 1;
    const name = `${operator}${this.#names}`;
    const body = message(
      ...inputs.map((input) => lengthField(1, input)),
      lengthField(2, name),
      lengthField(3, name),
      lengthField(4, operator),
      ...Object.entries(attributes).map(([key, value]) => lengthField(5, attribute(key, value))),
    );
    this.#nodes.push(lengthField(1, body));
    return name;
  }

  /** An input of the model; a text as a dimension leaves its size open. */
  input(name: string, type: DataType, shape: readonly (number | string)[]): string {
    this.#inputs.push(lengthField(11, valueInfo(name, type, shape)));
    return name;
  }

  output(name: string, type: DataType, shape: readonly (number | string)[]): void {
    this.#outputs.push(lengthField(12, valueInfo(name, type, shape)));
  }

  /** The bytes of the model file. */
  encode(): Uint8Array {
    const graph = message(
      ...this.#nodes,
      lengthField(2, 'graph'),
      ...this.#constants,
      ...this.#inputs,
      ...this.#outputs,
    );
    const operators = message(lengthField(1, ''), integerField(2, OPSET_VERSION));
    return encode(
      message(
        integerField(1, IR_VERSION),
        lengthField(2, 'agentic-flow'),
        lengthField(7, graph),
        lengthField(8, operators),
      ),
    );
  }
}

function attribute(name: string, value: Attributes[string]): Encoded {
  const key = lengthField(1, name);
  if (typeof value === 'number') {
    return message(key, integerField(3, value), integerField(20, ATTRIBUTE.integer));
  }
  if (typeof value === 'string') {
    return message(key, lengthField(4, value), integerField(20, ATTRIBUTE.string));
  }
  if (value !== undefined && 'float' in value) {
    return message(key, floatField(2, value.float), integerField(20, ATTRIBUTE.float));
  }
  const numbers = (value ?? []).map((number) => integerField(8, number));
  return message(key, ...numbers, integerField(20, ATTRIBUTE.integers));
}

function valueInfo(name: string, type: DataType, shape: readonly (number | string)[]): Encoded {
  const dimensions = shape.map((size) =>
    lengthField(1, typeof size === 'string' ? lengthField(2, size) : integerField(1, size)),
  );
  const tensor = message(integerField(1, type), lengthField(2, message(...dimensions)));
  return message(lengthField(1, name), lengthField(2, lengthField(1, tensor)));
}
