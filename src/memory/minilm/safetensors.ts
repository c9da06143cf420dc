/** Reads the safetensors format: a JSON header with the place of each tensor, then their bytes. */
import { MemoryError } from '../errors.js';

/** A tensor whose bytes are a view into the file. */
export interface Tensor {
  readonly type: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const HEADER_BYTES_MAX = 16 * 1024 * 1024;

/** Tensors by name. Throws `damaged` if the header does not fit the file. */
export function readSafetensors(file: Uint8Array, path: string): Map<string, Tensor> {
  const damaged = (): MemoryError =>
    new MemoryError('damaged', `${path} is no safetensors file; install the package again`, path);
  if (file.byteLength < 8) throw damaged();
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  const start = 8 + headerBytes;
  if (headerBytes > HEADER_BYTES_MAX || start > file.byteLength) throw damaged();
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, start))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [from, to] = offsets;
    if (from < 0 || from > to || start + to > file.byteLength) throw damaged();
    tensors.set(name, { type: dtype, shape, bytes: file.subarray(start + from, start + to) });
  }
  return tensors;
}

/** All 65,536 half-precision values (IEEE 754 binary16) as floats; one look-up beats computing each. */
function halfTable(): Float32Array {
  const table = new Float32Array(65_536);
  for (let bits = 0; bits < table.length; bits += 1) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) table[bits] = fraction === 0 ? sign * Infinity : NaN;
    else table[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return table;
}

let halves: Float32Array | undefined;

/** The values of a tensor of type F16 or F32. */
export function floatsOf(tensor: Tensor): Float32Array {
  // A copy, since the bytes may not be aligned. (`slice` of a Buffer would not copy.)
  const bytes = Uint8Array.from(tensor.bytes);
  if (tensor.type === 'F32') return new Float32Array(bytes.buffer);
  if (tensor.type !== 'F16') {
    throw new MemoryError('invalid', `tensors of type ${tensor.type} are not read`);
  }
  halves ??= halfTable();
  const table = halves;
  const bits = new Uint16Array(bytes.buffer);
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) values[i] = table[bits[i] as number] as number;
  return values;
}
