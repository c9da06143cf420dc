/** Reads the fields of decoded msgpack arrays, and trusts none of them. */
import { Packr } from 'msgpackr';

import type { JsonObject, JsonValue } from '../../src/memory/engine.js';
import { NodeError } from '../errors.js';

// No records and no shared structures: the bytes are plain msgpack that any reader understands.
const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'number' });

/**
 * Bytes of their own. The codec gives views of a buffer that it shares with all who encode, and that
 * is large after a large message: a command in the log would keep all of that in memory.
 */
export function encode(value: unknown): Uint8Array {
  return new Uint8Array(packr.pack(value));
}

export function decode(bytes: Uint8Array, what: string): unknown {
  try {
    return packr.unpack(bytes);
  } catch (error) {
    throw new NodeError('malformed', `${what} is not msgpack: ${String(error)}`, error);
  }
}

/** Takes the fields of one array in order; every taker fails with the name of the field. */
export class Fields {
  readonly #values: readonly unknown[];
  readonly #what: string;
  #next = 0;

  constructor(value: unknown, what: string) {
    if (!Array.isArray(value)) throw new NodeError('malformed', `${what} is not an array`);
    this.#values = value;
    this.#what = what;
  }

  /** True when every value was taken: what a later form of the bytes added is not there. */
  get isAtEnd(): boolean {
    return this.#next >= this.#values.length;
  }

  string(name: string, lengthMax: number): string {
    const value = this.#take();
    if (typeof value !== 'string') return this.fail(name, 'a string');
    if (value.length > lengthMax) return this.fail(name, `at most ${lengthMax} characters`);
    return value;
  }

  /** A whole number, 0 to 2^53 - 1. */
  count(name: string): number {
    const value = this.#take();
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      return this.fail(name, 'a whole number');
    }
    return value;
  }

  /** A whole number of either sign. */
  integer(name: string): number {
    const value = this.#take();
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      return this.fail(name, 'a whole number');
    }
    return value;
  }

  number(name: string): number {
    const value = this.#take();
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      return this.fail(name, 'a finite number');
    }
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#take();
    if (typeof value !== 'boolean') return this.fail(name, 'true or false');
    return value;
  }

  oneOf<const T extends string>(name: string, allowed: readonly T[]): T {
    const value = this.#take();
    const found = allowed.find((one) => one === value);
    return found ?? this.fail(name, `one of ${allowed.join(', ')}`);
  }

  bytes(name: string): Uint8Array {
    const value = this.#take();
    if (!(value instanceof Uint8Array)) return this.fail(name, 'bytes');
    return value;
  }

  nullable<T>(read: (fields: Fields) => T): T | null {
    if (this.#values[this.#next] === null) {
      this.#next += 1;
      return null;
    }
    return read(this);
  }

  list<T>(name: string, lengthMax: number, read: (fields: Fields) => T): T[] {
    const value = this.#take();
    if (!Array.isArray(value) || value.length > lengthMax) {
      return this.fail(name, `a list of at most ${lengthMax}`);
    }
    const fields = new Fields(value, `${this.#what}.${name}`);
    return value.map(() => read(fields));
  }

  /** A nested array, read with its own takers. */
  fields(name: string): Fields {
    return new Fields(this.#take(), `${this.#what}.${name}`);
  }

  /** JSON text on the wire, so that an object of a user is never decoded by the codec itself. */
  json(name: string, lengthMax: number): JsonObject {
    const text = this.string(name, lengthMax);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return this.fail(name, 'JSON');
    }
    if (!isJsonObject(value)) return this.fail(name, 'a JSON object');
    return value;
  }

  fail(name: string, expected: string): never {
    throw new NodeError('malformed', `${this.#what}: ${name} must be ${expected}`);
  }

  #take(): unknown {
    const value = this.#values[this.#next];
    this.#next += 1;
    return value;
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Nesting depth of a JSON value, counted up to `depthMax + 1`. */
export function jsonDepth(value: JsonValue, depthMax: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depthMax < 0) return 1;
  let deepest = 0;
  for (const member of Array.isArray(value) ? value : Object.values(value)) {
    deepest = Math.max(deepest, jsonDepth(member as JsonValue, depthMax - 1));
  }
  return deepest + 1;
}

/** Little-endian 32-bit floats. */
export function floatsToBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setFloat32(i * 4, value, true));
  return bytes;
}

export function bytesToFloats(bytes: Uint8Array): Float32Array {
  if (bytes.byteLength % 4 !== 0) {
    throw new NodeError('malformed', `a vector of ${bytes.byteLength} bytes is not whole floats`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength / 4 }, (_, i) =>
    view.getFloat32(i * 4, true),
  );
}
