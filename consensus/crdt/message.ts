/**
 * What replicas say to each other, version 1: version u8, type u8, then
 *
 *     0 digest   asks u8, version
 *     1 updates  count, then updates behind their lengths
 *     2 state    a state, to the end
 */
import { ByteReader, ByteWriter } from '../varint.js';
import { readCount, readVersion, writeVersion } from './codec.js';
import { badEncoding } from './error.js';
import { STATE_BYTES_MAX, WAITING_UPDATES_MAX } from './limits.js';
import type { VersionVector } from './version.js';

export type Message =
  /** What the sender has for good; with `asks` it wants to hear what the other one has. */
  | { readonly type: 'digest'; readonly version: VersionVector; readonly asks: boolean }
  | { readonly type: 'updates'; readonly updates: readonly Uint8Array[] }
  /** In place of updates that the sender no longer has one by one. */
  | { readonly type: 'state'; readonly state: Uint8Array };

const VERSION = 1;
const TYPES: readonly Message['type'][] = ['digest', 'updates', 'state'];

export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  writer.u8(TYPES.indexOf(message.type));
  switch (message.type) {
    case 'digest':
      writer.u8(message.asks ? 1 : 0);
      writeVersion(writer, message.version);
      break;
    case 'updates':
      writeList(writer, message.updates);
      break;
    case 'state':
      writer.raw(message.state);
      break;
  }
  return writer.done();
}

/** What stands before a state in a message of one. */
export const STATE_HEAD = encodeMessage({ type: 'state', state: new Uint8Array() });

/** Throws `CrdtError` `bad-encoding`. Updates and states are views, and are read on their own. */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length > STATE_BYTES_MAX) throw badEncoding('a message is too long');
  const reader = new ByteReader(bytes, badEncoding);
  const version = reader.u8();
  if (version !== VERSION) throw badEncoding(`format ${version} is not known, only ${VERSION}`);
  const type = TYPES[reader.u8()];
  switch (type) {
    case 'digest': {
      const asks = reader.u8();
      if (asks > 1) throw badEncoding('a digest asks or does not');
      const known = readVersion(reader);
      reader.end();
      return { type, version: known, asks: asks === 1 };
    }
    case 'updates': {
      const updates = readList(reader);
      reader.end();
      return { type, updates };
    }
    case 'state':
      return { type, state: reader.raw(reader.left) };
    default:
      throw badEncoding('the type of a message is not known');
  }
}

export function writeList(writer: ByteWriter, items: readonly Uint8Array[]): void {
  writer.varint(items.length);
  for (const item of items) {
    writer.varint(item.length);
    writer.raw(item);
  }
}

export function readList(reader: ByteReader, max = WAITING_UPDATES_MAX): Uint8Array[] {
  const items: Uint8Array[] = [];
  for (let left = readCount(reader, max); left > 0; left -= 1) {
    items.push(reader.raw(reader.varint()));
  }
  return items;
}
