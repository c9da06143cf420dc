/**
 * A trained reranker as a file: written beside the old one and put in its place, read back with a check
 * of every byte. All numbers are little-endian words of 32 bits, weights are float32:
 *
 *      0  magic, 8 bytes       8  version        12  number of the architecture
 *     16  dimensions          20  width          24  heads
 *     28  experts             32  active         36  hops
 *     40  bytes of the model's name              44  number of weights
 *     48  CRC-32 of the name  52  of the weights
 *     56  zeros               60  CRC-32 of the 60 bytes before
 *
 * Then the name and the weights, without gaps; nothing follows them.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { MemoryError, memoryError, translateError } from '../errors.js';
import { replaceFile } from '../replace-file.js';
import { bytesOfVector, vectorOfBytes } from '../vector-bytes.js';
import {
  type Architecture,
  ARCHITECTURES,
  type ModelShape,
  shapeProblem,
  weightCount,
} from './architecture.js';
import { MODEL_BYTES_MAX } from './limits.js';
import { Reranker } from './reranker.js';

const HEADER_BYTES = 64;
const FILE_VERSION = 1;
const MAGIC = 'AFRANK\r\n';
const SHAPE_FIELDS = ['dimensions', 'width', 'heads', 'experts', 'active', 'hops'] as const;
const SHAPE_AT = 16;
const CHECKED_BYTES = 60;

/** Writes a reranker, synced, in one step that a crash does not divide. Throws `invalid`, `disk-full`, `read-only`, `io`. */
export function saveReranker(reranker: Reranker, path: string): void {
  const { shape, model } = reranker;
  const name = Buffer.from(model);
  if (name.length > MODEL_BYTES_MAX) {
    throw new MemoryError(
      'invalid',
      `the name of a model with ${name.length} bytes is too long`,
      path,
    );
  }
  const weights = bytesOfVector(reranker.weights());
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 'latin1');
  header.writeUInt32LE(FILE_VERSION, 8);
  header.writeUInt32LE(ARCHITECTURES.indexOf(shape.architecture), 12);
  for (const [at, field] of SHAPE_FIELDS.entries()) {
    header.writeUInt32LE(shape[field], SHAPE_AT + 4 * at);
  }
  header.writeUInt32LE(name.length, 40);
  header.writeUInt32LE(weights.length / 4, 44);
  header.writeUInt32LE(crc32(name), 48);
  header.writeUInt32LE(crc32(weights), 52);
  header.writeUInt32LE(crc32(header.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
  replaceFile(path, [{ start: 0, bytes: Buffer.concat([header, name, weights]) }]);
}

/**
 * Reads a reranker from a file. Throws `not-found`, `not-a-database` for a foreign file,
 * `newer-version`, `damaged`, `read-only`, `io`.
 */
export function openReranker(path: string): Reranker {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { size } = fstatSync(file);
    const header = readFrom(file, 0, Math.min(size, HEADER_BYTES));
    const { shape, nameBytes, weights } = headerOf(header, path);
    const bytes = HEADER_BYTES + nameBytes + 4 * weights;
    if (bytes !== size) throw damaged(path, `it has ${size} bytes instead of ${bytes}`);
    const body = readFrom(file, HEADER_BYTES, size - HEADER_BYTES);
    const [name, values] = [body.subarray(0, nameBytes), body.subarray(nameBytes)];
    const isSound =
      crc32(name) === header.readUInt32LE(48) && crc32(values) === header.readUInt32LE(52);
    if (!isSound) throw damaged(path, 'a part does not match its checksum');
    return new Reranker(shape, name.toString(), vectorOfBytes(values));
  } catch (error) {
    // Weights that are no numbers, under sums that are right: whoever wrote them was wrong.
    if (error instanceof MemoryError && error.code === 'invalid')
      throw damaged(path, error.message);
    throw translateError(error, path);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

interface Header {
  readonly shape: ModelShape;
  readonly nameBytes: number;
  readonly weights: number;
}

/** The only thing that is believed before its checksum is the version. */
function headerOf(header: Buffer, path: string): Header {
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    const sentence = `${path} is no file of a trained reranker; check the path`;
    throw new MemoryError('not-a-database', sentence, path);
  }
  if (header.readUInt32LE(8) > FILE_VERSION) throw memoryError('newer-version', path);
  const sum = crc32(header.subarray(0, CHECKED_BYTES));
  if (sum !== header.readUInt32LE(CHECKED_BYTES) || header.readUInt32LE(8) !== FILE_VERSION) {
    throw damaged(path, 'its header does not match its checksum');
  }
  const architecture = ARCHITECTURES[header.readUInt32LE(12)] as Architecture;
  const numbers = SHAPE_FIELDS.map((field, at) => {
    return [field, header.readUInt32LE(SHAPE_AT + 4 * at)] as const;
  });
  const shape = { architecture, ...Object.fromEntries(numbers) } as unknown as ModelShape;
  const problem = shapeProblem(shape);
  if (problem !== undefined) throw damaged(path, problem);
  const [nameBytes, weights] = [header.readUInt32LE(40), header.readUInt32LE(44)];
  if (nameBytes > MODEL_BYTES_MAX)
    throw damaged(path, `the name of its model has ${nameBytes} bytes`);
  const expected = weightCount(shape);
  if (weights !== expected) throw damaged(path, `it has ${weights} weights instead of ${expected}`);
  return { shape, nameBytes, weights };
}

function damaged(path: string, what: string): MemoryError {
  const sentence = `the reranker ${path} is damaged: ${what}; take a copy, or train it anew`;
  return new MemoryError('damaged', sentence, path);
}

/** So many bytes, fewer at the end of the file: then the checksums do not match. */
function readFrom(file: number, start: number, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let done = 0; done < count;) {
    const read = readSync(file, bytes, done, count - done, start + done);
    if (read === 0) break;
    done += read;
  }
  return bytes;
}
