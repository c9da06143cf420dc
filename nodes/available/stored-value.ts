/**
 * What one writer has put under an id, as bytes of replicated data, version 1: version u8, bytes of the
 * JSON u32 little-endian, JSON in UTF-8 (`storedShape`), then the vector as float32 little-endian.
 */
import { z } from 'zod';

import type { JsonObject, ModelVector } from '../../src/memory/engine.js';
import { NodeError } from '../errors.js';
import { bytesToFloats, floatsToBytes, isJsonObject } from '../wire/fields.js';
import { MEMORY_BYTES_MAX } from './limits.js';

const VERSION = 1;
const HEAD_BYTES = 5;

const storedShape = z.object({
  content: z.string(),
  metadata: z.custom<JsonObject>(isJsonObject),
  /** Peer id of the client. */
  by: z.string(),
  /** When it was written, by the clock of the member that took it; milliseconds since 1970. */
  atMs: z.number(),
  /** From when on it is served no more; left out: it stays. Releases of before serve it until it is removed. */
  expiresAtMs: z.number().optional(),
  /** Of the vector; null where there is none. */
  model: z.string().nullable(),
});

export interface StoredValue {
  readonly content: string;
  readonly metadata: JsonObject;
  readonly by: string;
  readonly atMs: number;
  readonly expiresAtMs?: number | undefined;
  readonly vector: ModelVector | null;
}

/** Throws `NodeError` `refused` for what is too large. */
export function encodeStored({ vector, ...about }: StoredValue): Uint8Array {
  const json = Buffer.from(JSON.stringify({ ...about, model: vector?.model ?? null }));
  const floats = vector === null ? new Uint8Array() : floatsToBytes(vector.values);
  const bytes = Buffer.alloc(HEAD_BYTES + json.length + floats.length);
  if (bytes.length > MEMORY_BYTES_MAX) {
    throw new NodeError(
      'refused',
      `a memory of an available namespace has at most ${MEMORY_BYTES_MAX} bytes with its vector, ` +
        `and this one has ${bytes.length}`,
    );
  }
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUInt32LE(json.length, 1);
  bytes.set(json, HEAD_BYTES);
  bytes.set(floats, HEAD_BYTES + json.length);
  return bytes;
}

/** Undefined for what a later release wrote, or what is no value at all. */
export function decodeStored(value: unknown): StoredValue | undefined {
  if (!(value instanceof Uint8Array) || value.length < HEAD_BYTES) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = HEAD_BYTES + bytes.readUInt32LE(1);
  if (bytes[0] !== VERSION || end > bytes.length || (bytes.length - end) % 4 !== 0)
    return undefined;
  const parsed = storedShape.safeParse(parseJson(bytes.toString('utf8', HEAD_BYTES, end)));
  if (!parsed.success) return undefined;
  const { model, ...about } = parsed.data;
  const values = bytesToFloats(bytes.subarray(end));
  const isVector = model !== null && values.length > 0 && values.every(Number.isFinite);
  return { ...about, vector: isVector ? { model, values } : null };
}

/** Whether it is served at this time; milliseconds since 1970. */
export function isLive({ expiresAtMs = Infinity }: StoredValue, nowMs: number): boolean {
  return expiresAtMs > nowMs;
}

/** When the bytes of a value say that it expires; `Infinity`: never, or they are no value. */
export function expiryOf(value: unknown): number {
  // Most have none, and need not be decoded.
  if (!(value instanceof Uint8Array) || !hasExpiry(value)) return Infinity;
  return decodeStored(value)?.expiresAtMs ?? Infinity;
}

function hasExpiry(value: Uint8Array): boolean {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).includes('"expiresAtMs":');
}

/**
 * Values that are in conflict: one for each content, the latest first. What two writers have said alike,
 * or one has sent twice, is no conflict. The same at every member that holds the same.
 */
export function conflicting(values: readonly StoredValue[]): StoredValue[] {
  const ordered = values.toSorted((a, b) => b.atMs - a.atMs || compare(keyOf(a), keyOf(b)));
  const seen = new Set<string>();
  return ordered.filter((value) => {
    const said = JSON.stringify([value.content, value.metadata]);
    if (seen.has(said)) return false;
    seen.add(said);
    return true;
  });
}

function keyOf({ by, content, metadata }: StoredValue): string {
  return JSON.stringify([by, content, metadata]);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
