/**
 * Bytes of messages, version 1. Numbers are LEB128 of at most 2^53-1, each in its shortest form;
 * bytes that do not fit exactly are refused.
 *
 *     message   version u8, type u8, body, item count, items
 *       1 ping         sequence
 *       2 ack          sequence, target
 *       3 pingRequest  sequence, target
 *       4 nack         sequence, target
 *       5 gossip
 *       6 summary      flags u8 (1 answer), entry count, entries (id, incarnation, status u8)
 *       7 records
 *     record    1 u8, id, incarnation, flags u8 (1 left), metadata version, metadata length,
 *               metadata, public key (32 bytes), signature (64 bytes)
 *     claim     2 u8 (suspect) or 3 u8 (dead), subject, incarnation, accuser, signature (64 bytes)
 *
 * A signature is over `DOMAIN`, the name of the swarm preceded by its length, and all bytes of the
 * record or claim before the signature.
 */
import { ByteReader, ByteWriter } from '../varint.js';
import { GossipError } from './error.js';
import {
  DATAGRAM_BYTES_MAX,
  ITEMS_MAX,
  MEMBERS_MAX,
  METADATA_BYTES_MAX,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  STREAM_BYTES_MAX,
} from './limits.js';
import type { Message, MessageBody } from './message.js';
import type { Claim, ClaimItem, Item, MemberRecord, RecordItem, SummaryEntry } from './types.js';

const VERSION = 1;
const DOMAIN = 'agentic-flow gossip 1\n';
const TYPES = ['ping', 'ack', 'pingRequest', 'nack', 'gossip', 'summary', 'records'] as const;
const STATUSES = ['alive', 'suspect', 'dead', 'left'] as const;
const RECORD = 1;
const SUSPECT = 2;
const DEAD = 3;
const textEncoder = new TextEncoder();

function bad(what: string): GossipError {
  return new GossipError('bad-encoding', `gossip bytes: ${what}`);
}

/** What is signed before the bytes of a record or claim. */
export function signedPrefix(swarm: string): Uint8Array {
  const writer = new ByteWriter();
  writer.raw(textEncoder.encode(DOMAIN));
  writer.text(swarm);
  return writer.done();
}

/** The bytes that the signature of an item is over, after the prefix. */
export function signedPart(item: Item): Uint8Array {
  return item.bytes.subarray(0, item.bytes.length - SIGNATURE_BYTES);
}

/** Makes a record; `sign` is given the bytes after the prefix. */
export function makeRecord(
  record: Omit<MemberRecord, 'signature'>,
  sign: (part: Uint8Array) => Uint8Array,
): RecordItem {
  const { id, incarnation, hasLeft, metadataVersion, metadata, publicKey } = record;
  const writer = new ByteWriter();
  writer.u8(RECORD);
  writer.varint(id);
  writer.varint(incarnation);
  writer.u8(hasLeft ? 1 : 0);
  writer.varint(metadataVersion);
  writer.varint(metadata.length);
  writer.raw(metadata);
  writer.raw(publicKey);
  const signature = sign(writer.done());
  writer.raw(signature);
  return { kind: 'record', record: { ...record, signature }, bytes: writer.done() };
}

/** Makes a claim; `sign` is given the bytes after the prefix. */
export function makeClaim(
  claim: Omit<Claim, 'signature'>,
  sign: (part: Uint8Array) => Uint8Array,
): ClaimItem {
  const writer = new ByteWriter();
  writer.u8(claim.kind === 'suspect' ? SUSPECT : DEAD);
  writer.varint(claim.subject);
  writer.varint(claim.incarnation);
  writer.varint(claim.accuser);
  const signature = sign(writer.done());
  writer.raw(signature);
  return { kind: 'claim', claim: { ...claim, signature }, bytes: writer.done() };
}

/** Bytes of a message with these items. */
export function encodeMessage(body: MessageBody, items: readonly Item[]): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  writer.u8(TYPES.indexOf(body.type) + 1);
  if (body.type === 'summary') writeSummary(writer, body.isAnswer, body.entries);
  else if ('sequence' in body) {
    writer.varint(body.sequence);
    if ('target' in body) writer.varint(body.target);
  }
  writer.varint(items.length);
  for (const { bytes } of items) writer.raw(bytes);
  return writer.done();
}

/** Most bytes that a message of a datagram has besides its items. */
export const DATAGRAM_HEAD_BYTES_MAX = 2 + 8 + 8 + 2;

function writeSummary(
  writer: ByteWriter,
  isAnswer: boolean,
  entries: readonly SummaryEntry[],
): void {
  writer.u8(isAnswer ? 1 : 0);
  writer.varint(entries.length);
  for (const { id, incarnation, status } of entries) {
    writer.varint(id);
    writer.varint(incarnation);
    writer.u8(STATUSES.indexOf(status));
  }
}

/**
 * Reads a message. Keeps no view into the bytes.
 * Throws `GossipError` with code `bad-encoding`.
 */
export function decodeMessage(bytes: Uint8Array, via: 'datagram' | 'stream'): Message {
  const max = via === 'datagram' ? DATAGRAM_BYTES_MAX : STREAM_BYTES_MAX;
  if (bytes.length > max) throw bad(`${bytes.length} of them came by ${via}; at most ${max} do`);
  const reader = new ByteReader(bytes.slice(), bad);
  const version = reader.u8();
  if (version !== VERSION) throw bad(`version ${version} is not known; this release reads 1`);
  const type = TYPES[reader.u8() - 1];
  if (type === undefined) throw bad('a message of unknown type');
  const isForStream = type === 'summary' || type === 'records';
  if (isForStream !== (via === 'stream')) throw bad(`a ${type} does not travel by ${via}`);
  const body = readBody(reader, type);
  const count = reader.varint();
  if (count > ITEMS_MAX) throw bad(`${count} items are more than ${ITEMS_MAX}`);
  const items: Item[] = [];
  for (let at = 0; at < count; at += 1) items.push(readItem(reader));
  reader.end();
  return { ...body, items };
}

function readBody(reader: ByteReader, type: MessageBody['type']): MessageBody {
  switch (type) {
    case 'gossip':
    case 'records':
      return { type };
    case 'summary':
      return readSummary(reader);
    case 'ping':
      return { type, sequence: reader.varint() };
    case 'ack':
    case 'pingRequest':
    case 'nack':
      return { type, sequence: reader.varint(), target: readId(reader) };
  }
}

function readSummary(reader: ByteReader): MessageBody {
  const isAnswer = readFlag(reader);
  const count = reader.varint();
  if (count > MEMBERS_MAX) throw bad(`${count} members are more than ${MEMBERS_MAX}`);
  const entries: SummaryEntry[] = [];
  for (let at = 0; at < count; at += 1) {
    const id = readId(reader);
    const incarnation = reader.varint();
    const status = STATUSES[reader.u8()];
    if (status === undefined) throw bad('a member has an unknown status');
    entries.push({ id, incarnation, status });
  }
  return { type: 'summary', isAnswer, entries };
}

function readItem(reader: ByteReader): Item {
  const start = reader.at;
  const kind = reader.u8();
  if (kind === RECORD) {
    const record = readRecord(reader);
    return { kind: 'record', record, bytes: reader.since(start) };
  }
  if (kind !== SUSPECT && kind !== DEAD) throw bad('an item of unknown kind');
  const claim: Claim = {
    kind: kind === SUSPECT ? 'suspect' : 'dead',
    subject: readId(reader),
    incarnation: reader.varint(),
    accuser: readId(reader),
    signature: reader.raw(SIGNATURE_BYTES),
  };
  return { kind: 'claim', claim, bytes: reader.since(start) };
}

function readRecord(reader: ByteReader): MemberRecord {
  const id = readId(reader);
  const incarnation = reader.varint();
  const hasLeft = readFlag(reader);
  const metadataVersion = reader.varint();
  const length = reader.varint();
  if (length > METADATA_BYTES_MAX) throw bad(`metadata of ${length} bytes is too long`);
  const metadata = reader.raw(length);
  const publicKey = reader.raw(PUBLIC_KEY_BYTES);
  const signature = reader.raw(SIGNATURE_BYTES);
  return { id, incarnation, hasLeft, metadataVersion, metadata, publicKey, signature };
}

function readId(reader: ByteReader): number {
  const id = reader.varint();
  if (id === 0) throw bad('there is no member 0');
  return id;
}

function readFlag(reader: ByteReader): boolean {
  const flags = reader.u8();
  if (flags > 1) throw bad('an unknown flag is set');
  return flags === 1;
}
