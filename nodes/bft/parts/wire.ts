/**
 * What validators tell each other of values in parts, version 1 each; numbers are LEB128.
 *
 *     held      version u8, name, bitmap (`bitmap.ts`)
 *     request   version u8, height, name, count, places in rising order
 *     answer    version u8, count, parts: place, length, bytes, hash count u8, hashes of 32 bytes
 *     waiting   version u8, height: a command waits that is too long to be told to all
 *     name      length, UTF-8 (`part-set.ts`)
 */
import { bad, readNumber } from '../../../consensus/bft/fields.js';
import type { Height, ValueId } from '../../../consensus/bft/index.js';
import { ByteReader, ByteWriter } from '../../../consensus/varint.js';
import { PARTS_ANSWER_BYTES_MAX, PARTS_PER_CALL_MAX, PART_BYTES } from '../limits.js';
import { isBitmapOf } from '../../../consensus/bitmap.js';
import { HASH_BYTES, proofHashesMax } from './merkle.js';
import { type Part, type PartsName, readPartsName } from './part-set.js';

const VERSION = 1;
const NAME_CHARACTERS_MAX = 128;

/** What somebody has of a value. */
export interface Held {
  readonly id: ValueId;
  readonly bitmap: Uint8Array;
}

/** Which parts somebody asks for. The height is where the value is, once it is decided. */
export interface PartsRequest {
  readonly height: Height;
  readonly id: ValueId;
  readonly places: readonly number[];
}

/** A part at its place in the value. */
export interface PlacedPart extends Part {
  readonly place: number;
}

export function encodeHeld({ id, bitmap }: Held): Uint8Array {
  const writer = begin();
  writer.text(id);
  writer.raw(bitmap);
  return writer.done();
}

/** Keeps no view of the bytes. Throws `BftError` with code `bad-encoding`, as all readers here. */
export function readHeld(bytes: Uint8Array): Held {
  const reader = open(bytes);
  const { id, about } = readName(reader);
  const bitmap = new Uint8Array(reader.raw(reader.left));
  if (!isBitmapOf(bitmap, about.count)) throw bad('a bitmap that does not fit the value');
  return { id, bitmap };
}

export function encodeRequest({ height, id, places }: PartsRequest): Uint8Array {
  const writer = begin();
  writer.varint(height);
  writer.text(id);
  writer.varint(places.length);
  for (const place of places) writer.varint(place);
  return writer.done();
}

export function readRequest(bytes: Uint8Array): PartsRequest {
  const reader = open(bytes);
  const height = readNumber(reader);
  const { id, about } = readName(reader);
  const places = readPlaces(reader, about.count, (place) => place);
  reader.end();
  return { height, id, places };
}

export function encodeAnswer(parts: readonly PlacedPart[]): Uint8Array {
  const writer = begin();
  writer.varint(parts.length);
  for (const { place, bytes, proof } of parts) {
    writer.varint(place);
    writer.varint(bytes.length);
    writer.raw(bytes);
    writer.u8(proof.length);
    for (const hash of proof) writer.raw(hash);
  }
  return writer.done();
}

/** Parts of a value; views into the bytes. They are not yet known to be what they say. */
export function readAnswer(bytes: Uint8Array, { count }: PartsName): readonly PlacedPart[] {
  if (bytes.length > PARTS_ANSWER_BYTES_MAX) throw bad(`an answer of ${bytes.length} bytes`);
  const reader = open(bytes);
  const parts: PlacedPart[] = [];
  readPlaces(reader, count, (place) => {
    const length = reader.varint();
    if (length > PART_BYTES) throw bad(`a part of ${length} bytes`);
    const part = reader.raw(length);
    const hashes = reader.u8();
    if (hashes > proofHashesMax(count)) throw bad(`a proof of ${hashes} hashes`);
    const proof = Array.from({ length: hashes }, () => reader.raw(HASH_BYTES));
    parts.push({ place, bytes: part, proof });
    return place;
  });
  reader.end();
  return parts;
}

export function encodeWaiting(height: Height): Uint8Array {
  const writer = begin();
  writer.varint(height);
  return writer.done();
}

export function readWaiting(bytes: Uint8Array): Height {
  const reader = open(bytes);
  const height = readNumber(reader);
  reader.end();
  return height;
}

function begin(): ByteWriter {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  return writer;
}

function open(bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes, bad);
  const version = reader.u8();
  if (version !== VERSION) throw bad(`version ${version} of a message about parts`);
  return reader;
}

function readName(reader: ByteReader): { readonly id: ValueId; readonly about: PartsName } {
  const id = reader.text(NAME_CHARACTERS_MAX);
  const about = readPartsName(id);
  if (about === null) throw bad('a name that no value in parts has');
  return { id, about };
}

/** At least one place, few enough, each behind the one before; `rest` reads what follows each. */
function readPlaces(
  reader: ByteReader,
  count: number,
  rest: (place: number) => number,
): readonly number[] {
  const length = reader.varint();
  if (length < 1 || length > PARTS_PER_CALL_MAX) throw bad(`${length} parts at once`);
  const places: number[] = [];
  for (let at = 0; at < length; at += 1) {
    const place = reader.varint();
    const isBehind = place > (places.at(-1) ?? -1);
    if (!isBehind || place >= count) throw bad(`a part at place ${place}`);
    places.push(rest(place));
  }
  return places;
}
