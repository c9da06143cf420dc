/**
 * What a replica writes in one piece, version 1: version u8, state behind its length, version vector of
 * the base (`codec.ts`), count, then updates behind their lengths, each after those that it depends on.
 */
import { ByteReader, ByteWriter } from '../varint.js';
import { type EncodedState, decodeState, encodeState, readVersion, writeVersion } from './codec.js';
import { badEncoding } from './error.js';
import { readList, writeList } from './message.js';
import type { VersionVector } from './version.js';

export interface Snapshot {
  readonly state: EncodedState;
  /** Up to where the updates are gone: they are in the state alone. */
  readonly base: VersionVector;
  readonly updates: readonly Uint8Array[];
}

const VERSION = 1;

export function encodeSnapshot({ state, base, updates }: Snapshot): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  const bytes = encodeState(state);
  writer.varint(bytes.length);
  writer.raw(bytes);
  writeVersion(writer, base);
  writeList(writer, updates);
  return writer.done();
}

/**
 * The snapshot of a replica that begins with this state, and with none of the updates that made it.
 * Throws `CrdtError` `bad-encoding`.
 */
export function snapshotOfState(bytes: Uint8Array): Uint8Array {
  const state = decodeState(bytes);
  return encodeSnapshot({ state, base: state.version, updates: [] });
}

/** Throws `CrdtError` `bad-encoding`. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const reader = new ByteReader(bytes, badEncoding);
  const version = reader.u8();
  if (version !== VERSION) throw badEncoding(`format ${version} is not known, only ${VERSION}`);
  const state = decodeState(reader.raw(reader.varint()));
  const base = readVersion(reader);
  const updates = readList(reader, Number.MAX_SAFE_INTEGER).map((update) => update.slice());
  reader.end();
  return { state, base, updates };
}
