/**
 * Bytes of updates, versions and states, version 1; integers are those of `../varint.ts`, texts and
 * bytes stand behind their length. `update` and `state` begin with a u8 that is the version.
 *
 *     text      length in UTF-8, UTF-8
 *     version   count, then replica text and sequence, in the order of the names
 *     time      wallMs, counter
 *     path      count, then kind u8 and key text
 *     dot       replica text, sequence
 *     scalar    tag u8: 0 null, 1 false, 2 true, 3 integer, 4 negative integer, 5 float64 little-endian,
 *               6 text, 7 bytes
 *     content   of a counter: up, down; of a last-write register: time, scalar; of a multi-value
 *               register: scalar; of a set: nothing
 *     change    path, flags u8 (1 an element follows, 2 a content follows), element text, content,
 *               count, dots
 *     update    version u8, replica text, sequence, version, time, count, changes
 *     dots      count, then dot and content, in the order of the dots
 *     value     of a set: count, then element text and dots, in order; of a map: count, then kind u8,
 *               key text and value, in order; of others: dots
 *     state     version u8, version, time, value of the map at the root
 *
 * Each value has one form, so equal states have equal bytes.
 */
import { ByteReader, ByteWriter } from '../varint.js';
import type { HybridTime } from './clock.js';
import { badEncoding } from './error.js';
import {
  CHANGES_PER_UPDATE_MAX,
  DOTS_PER_CHANGE_MAX,
  KEY_CHARACTERS_MAX,
  PATH_DEPTH_MAX,
  REPLICAS_MAX,
  REPLICA_CHARACTERS_MAX,
  STATE_BYTES_MAX,
  TIME_COUNTER_MAX,
  UPDATE_BYTES_MAX,
  VALUE_BYTES_MAX,
} from './limits.js';
import { readScalar, writeScalar } from './scalar-codec.js';
import type { Added, Change, Update } from './update.js';
import {
  type Dotted,
  type Entry,
  type Field,
  KINDS,
  type Kind,
  type MapValue,
  type Value,
  fieldName,
  isEmpty,
} from './value.js';
import { type Dot, type VersionVector, compareDots, compareTexts } from './version.js';

const VERSION = 1;
const HAS_ELEMENT = 1;
const HAS_CONTENT = 2;
/** Bytes of the least item of a list, so that a claimed count is bounded by the bytes there are. */
const ITEM_BYTES_MIN = 1;

/** A state as it is stored and sent whole. */
export interface EncodedState {
  readonly version: VersionVector;
  /** The latest of the times of all updates that the version covers. */
  readonly time: HybridTime;
  readonly root: MapValue;
}

export function encodeUpdate(update: Update): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  writeDot(writer, update);
  writeVersion(writer, update.after);
  writeTime(writer, update.time);
  writer.varint(update.changes.length);
  for (const change of update.changes) writeChange(writer, change);
  return writer.done();
}

/** Throws `CrdtError` `bad-encoding` for everything that `encodeUpdate` would not have written. */
export function decodeUpdate(bytes: Uint8Array): Update {
  if (bytes.length > UPDATE_BYTES_MAX) throw badEncoding('an update is too long');
  const reader = new ByteReader(bytes, badEncoding);
  readFormat(reader);
  const dot = readDot(reader);
  const after = readVersion(reader);
  if ((after.get(dot.replica) ?? 0) !== dot.sequence - 1) {
    throw badEncoding('an update does not follow the one before it');
  }
  const time = readTime(reader);
  const changes: Change[] = [];
  for (let left = readCount(reader, CHANGES_PER_UPDATE_MAX); left > 0; left -= 1) {
    changes.push(readChange(reader));
  }
  reader.end();
  requireOncePerPlace(changes);
  return { ...dot, after, time, changes };
}

/** A dot that is twice in a place would be two contents under one name. */
function requireOncePerPlace(changes: readonly Change[]): void {
  const places = new Set<string>();
  for (const { path, element } of changes) {
    places.add(JSON.stringify([path.map(fieldName), element ?? null]));
  }
  if (places.size !== changes.length) throw badEncoding('an update changes a place twice');
}

export function encodeState(state: EncodedState): Uint8Array {
  const writer = new ByteWriter();
  beginState(writer, state);
  writeValue(writer, state.root);
  return writer.done();
}

/** What stands before the value of the map at the root. */
export function beginState(
  writer: ByteWriter,
  { version, time }: Pick<EncodedState, 'version' | 'time'>,
): void {
  writer.u8(VERSION);
  writeVersion(writer, version);
  writeTime(writer, time);
}

/** Throws `CrdtError` `bad-encoding` for everything that `encodeState` would not have written. */
export function decodeState(bytes: Uint8Array): EncodedState {
  if (bytes.length > STATE_BYTES_MAX) throw badEncoding('a state is too long');
  const reader = new ByteReader(bytes, badEncoding);
  readFormat(reader);
  const version = readVersion(reader);
  const time = readTime(reader);
  const root = readMap(reader, version, 0);
  reader.end();
  return { version, time, root };
}

function readFormat(reader: ByteReader): void {
  const version = reader.u8();
  if (version !== VERSION) throw badEncoding(`format ${version} is not known, only ${VERSION}`);
}

export function writeVersion(writer: ByteWriter, version: VersionVector): void {
  writer.varint(version.size);
  const sorted = [...version].sort(([a], [b]) => compareTexts(a, b));
  for (const [replica, sequence] of sorted) writeDot(writer, { replica, sequence });
}

export function readVersion(reader: ByteReader): Map<string, number> {
  const version = new Map<string, number>();
  let before: string | undefined;
  for (let left = readCount(reader, REPLICAS_MAX); left > 0; left -= 1) {
    const { replica, sequence } = readDot(reader);
    requireOrder(before, replica);
    before = replica;
    version.set(replica, sequence);
  }
  return version;
}

function writeTime(writer: ByteWriter, { wallMs, counter }: HybridTime): void {
  writer.varint(wallMs);
  writer.varint(counter);
}

function readTime(reader: ByteReader): HybridTime {
  const time = { wallMs: reader.varint(), counter: reader.varint() };
  if (time.counter > TIME_COUNTER_MAX) throw badEncoding('the counter of a time is too great');
  return time;
}

function writeDot(writer: ByteWriter, { replica, sequence }: Dot): void {
  writer.text(replica);
  writer.varint(sequence);
}

function readDot(reader: ByteReader): Dot {
  const replica = reader.text(REPLICA_CHARACTERS_MAX);
  const sequence = reader.varint();
  if (replica === '' || sequence === 0) throw badEncoding('a dot names no update');
  return { replica, sequence };
}

function writeField(writer: ByteWriter, { kind, key }: Field): void {
  writer.u8(KINDS.indexOf(kind));
  writer.text(key);
}

function readField(reader: ByteReader): Field {
  const kind = KINDS[reader.u8()];
  if (kind === undefined) throw badEncoding('a kind is not known');
  return { kind, key: reader.text(KEY_CHARACTERS_MAX) };
}

function writeChange(writer: ByteWriter, { path, element, added, removed }: Change): void {
  writer.varint(path.length);
  for (const field of path) writeField(writer, field);
  writer.u8((element === undefined ? 0 : HAS_ELEMENT) + (added === undefined ? 0 : HAS_CONTENT));
  if (element !== undefined) writer.text(element);
  if (added !== undefined) writeContent(writer, added);
  writer.varint(removed.length);
  for (const dot of removed) writeDot(writer, dot);
}

function readChange(reader: ByteReader): Change {
  const path: Field[] = [];
  for (let left = readCount(reader, PATH_DEPTH_MAX); left > 0; left -= 1) {
    path.push(readField(reader));
  }
  const kind = path.at(-1)?.kind;
  if (kind === undefined || kind === 'map' || path.slice(0, -1).some((one) => one.kind !== 'map')) {
    throw badEncoding('a path does not lead through maps to a value');
  }
  const flags = reader.u8();
  if (flags > HAS_ELEMENT + HAS_CONTENT) throw badEncoding('the flags of a change are not known');
  const hasElement = (flags & HAS_ELEMENT) !== 0;
  if (hasElement !== (kind === 'set')) throw badEncoding('an element is one of a set');
  const element = hasElement ? { element: reader.text(KEY_CHARACTERS_MAX) } : {};
  const added = (flags & HAS_CONTENT) === 0 ? {} : { added: readContent(reader, kind) };
  const removed: Dot[] = [];
  for (let left = readCount(reader, DOTS_PER_CHANGE_MAX); left > 0; left -= 1) {
    removed.push(readDot(reader));
  }
  return { path, ...element, ...added, removed };
}

function writeContent(writer: ByteWriter, added: Added): void {
  switch (added.kind) {
    case 'counter':
      writer.varint(added.content.up);
      writer.varint(added.content.down);
      return;
    case 'last-write':
      writeTime(writer, added.content.time);
      writeScalar(writer, added.content.value);
      return;
    case 'multi-value':
      writeScalar(writer, added.content);
      return;
    case 'set':
      return;
  }
}

function readContent(reader: ByteReader, kind: Exclude<Kind, 'map'>): Added {
  switch (kind) {
    case 'counter':
      return { kind, content: { up: reader.varint(), down: reader.varint() } };
    case 'last-write': {
      const time = readTime(reader);
      return { kind, content: { time, value: readScalar(reader, VALUE_BYTES_MAX) } };
    }
    case 'multi-value':
      return { kind, content: readScalar(reader, VALUE_BYTES_MAX) };
    case 'set':
      return { kind, content: null };
  }
}

function writeDots(writer: ByteWriter, kind: Kind, dots: readonly Dotted<unknown>[]): void {
  writer.varint(dots.length);
  for (const dot of dots) {
    writeDot(writer, dot);
    writeContent(writer, { kind, content: dot.content } as Added);
  }
}

function readDots(
  reader: ByteReader,
  kind: Exclude<Kind, 'map'>,
  version: VersionVector,
): Dotted<unknown>[] {
  const dots: Dotted<unknown>[] = [];
  for (let left = readCount(reader, Number.MAX_SAFE_INTEGER); left > 0; left -= 1) {
    const dot = readDot(reader);
    const last = dots.at(-1);
    if (last !== undefined && compareDots(last, dot) >= 0)
      throw badEncoding('dots are not in order');
    if ((version.get(dot.replica) ?? 0) < dot.sequence) {
      throw badEncoding('a state holds an update that its version does not cover');
    }
    dots.push({ ...dot, content: readContent(reader, kind).content });
  }
  if (dots.length === 0) throw badEncoding('a place is empty');
  return dots;
}

function writeValue(writer: ByteWriter, value: Value): void {
  if (value.kind === 'map') {
    const entries = [...value.entries].sort(([a], [b]) => compareTexts(a, b));
    writer.varint(entries.length);
    for (const [, entry] of entries) writeEntry(writer, entry);
  } else if (value.kind === 'set') {
    const elements = [...value.elements].sort(([a], [b]) => compareTexts(a, b));
    writer.varint(elements.length);
    for (const [element, dots] of elements) {
      writer.text(element);
      writeDots(writer, value.kind, dots);
    }
  } else {
    writeDots(writer, value.kind, value.dots);
  }
}

/** One of a map, which has them in the order of `fieldName`. */
export function writeEntry(writer: ByteWriter, { field, value }: Entry): void {
  writeField(writer, field);
  writeValue(writer, value);
}

function readMap(reader: ByteReader, version: VersionVector, depth: number): MapValue {
  if (depth >= PATH_DEPTH_MAX) throw badEncoding('maps are nested too deep');
  const entries = new Map<string, Entry>();
  let before: string | undefined;
  for (let left = readCount(reader, Number.MAX_SAFE_INTEGER); left > 0; left -= 1) {
    const field = readField(reader);
    const name = fieldName(field);
    requireOrder(before, name);
    before = name;
    const value = readValue(reader, field.kind, version, depth);
    if (isEmpty(value)) throw badEncoding('a place is empty');
    entries.set(name, { field, value });
  }
  return { kind: 'map', entries };
}

function readValue(reader: ByteReader, kind: Kind, version: VersionVector, depth: number): Value {
  if (kind === 'map') return readMap(reader, version, depth + 1);
  if (kind !== 'set') return { kind, dots: readDots(reader, kind, version) } as Value;
  const elements = new Map<string, readonly Dotted<null>[]>();
  let before: string | undefined;
  for (let left = readCount(reader, Number.MAX_SAFE_INTEGER); left > 0; left -= 1) {
    const element = reader.text(KEY_CHARACTERS_MAX);
    requireOrder(before, element);
    before = element;
    elements.set(element, readDots(reader, kind, version) as Dotted<null>[]);
  }
  return { kind, elements };
}

function requireOrder(before: string | undefined, next: string): void {
  if (before === undefined || compareTexts(before, next) < 0) return;
  throw badEncoding('names are not in order, or twice');
}

/** A count of items that still follow: never more than the bytes that are left could hold. */
export function readCount(reader: ByteReader, max: number): number {
  const count = reader.varint();
  if (count > max || count * ITEM_BYTES_MIN > reader.left)
    throw badEncoding('a count is too great');
  return count;
}
