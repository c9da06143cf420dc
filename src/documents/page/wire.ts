/**
 * What a page and a node say to each other, in bytes: version 1. A session (WebTransport, or the
 * WebSocket gateway) has streams in both directions, each opened by the page, and a stream has frames:
 *
 *     length   4 bytes, big-endian: of what follows
 *     kind     1 byte
 *     fields   varints (LEB128), and texts and bytes with their length before them
 *
 * On the first stream the page is let in:
 *
 *     page                                    node
 *       begin(1)                         -->
 *                                        <--  challenge(nodePeerId, nonce)
 *       proof(token, publicKey, signature) -->
 *                                        <--  admitted(peerId)
 *       ping                             -->
 *                                        <--  pong
 *
 * Each further stream is one open document, with the messages of `messages.ts`. A node ends a stream
 * that went wrong with `failed(code, message)`.
 */
import { ByteReader, ByteWriter } from '../../../consensus/varint.js';
import { DocumentError } from '../error.js';
import {
  AWARENESS_BYTES_MAX,
  NAME_CHARACTERS_MAX,
  STATE_VECTOR_BYTES_MAX,
  TEXT_CHARACTERS_MAX,
  UPDATE_BYTES_MAX,
} from '../limits.js';
import { type NodeMessage, PROTOCOL, type PeerMessage } from '../messages.js';
import { PEER_ID_CHARACTERS_MAX, TOKEN_CHARACTERS_MAX } from './limits.js';

/** The version that `begin` names. */
export const PAGE_PROTOCOL = 1;
export const NONCE_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const LENGTH_BYTES = 4;

/** What a page says. */
export type PageFrame =
  | readonly ['begin', version: number]
  /** Without a token it is the empty text. */
  | readonly ['proof', token: string, publicKey: Uint8Array, signature: Uint8Array]
  | readonly ['ping']
  | readonly ['hello', version: number, name: string, stateVector: Uint8Array]
  | Readonly<PeerMessage>;

/** What a node says. */
export type NodeFrame =
  | readonly ['challenge', nodePeerId: string, nonce: Uint8Array]
  | readonly ['admitted', peerId: string]
  | readonly ['pong']
  | readonly ['failed', code: string, message: string]
  | NodeMessage;

/** Kinds are never given to something else. */
const KINDS = {
  begin: 1,
  challenge: 2,
  proof: 3,
  admitted: 4,
  ping: 5,
  pong: 6,
  failed: 7,
  hello: 16,
  update: 17,
  aware: 18,
  welcome: 19,
  saved: 20,
  refused: 21,
} as const;

/** A frame of a page, with its length before it. */
export function encodePageFrame(frame: PageFrame): Uint8Array {
  const writer = begun(frame[0]);
  switch (frame[0]) {
    case 'begin':
      writer.varint(frame[1]);
      break;
    case 'proof':
      writer.text(frame[1]);
      writer.raw(frame[2]);
      writer.raw(frame[3]);
      break;
    case 'ping':
      break;
    case 'hello':
      writer.varint(frame[1]);
      writer.text(frame[2]);
      writeBytes(writer, frame[3]);
      break;
    case 'update':
      writer.varint(frame[1]);
      writeBytes(writer, frame[2]);
      break;
    case 'aware':
      writeBytes(writer, frame[1]);
      break;
  }
  return framed(writer);
}

/** A frame of a node, with its length before it. */
export function encodeNodeFrame(frame: NodeFrame): Uint8Array {
  const writer = begun(frame[0]);
  switch (frame[0]) {
    case 'challenge':
      writer.text(frame[1]);
      writer.raw(frame[2]);
      break;
    case 'admitted':
      writer.text(frame[1]);
      break;
    case 'pong':
      break;
    case 'failed':
      writer.text(frame[1]);
      writer.text(frame[2].slice(0, TEXT_CHARACTERS_MAX));
      break;
    case 'welcome':
      writer.varint(frame[1]);
      writer.u8(frame[2] ? 1 : 0);
      writeBytes(writer, frame[3]);
      writeBytes(writer, frame[4]);
      break;
    case 'update':
    case 'aware':
      writeBytes(writer, frame[1]);
      break;
    case 'saved':
      writer.varint(frame[1]);
      break;
    case 'refused':
      writer.varint(frame[1]);
      writer.text(frame[2]);
      writer.text(frame[3].slice(0, TEXT_CHARACTERS_MAX));
      break;
  }
  return framed(writer);
}

/** A frame of a page without its length. Throws `DocumentError`: `malformed-frame`, `unsupported-version`. */
export function decodePageFrame(bytes: Uint8Array): PageFrame {
  const reader = new ByteReader(bytes, bad);
  const frame = readPageFrame(reader);
  reader.end();
  return frame;
}

/** A frame of a node without its length. Throws `DocumentError` `malformed-frame`. */
export function decodeNodeFrame(bytes: Uint8Array): NodeFrame {
  const reader = new ByteReader(bytes, bad);
  const frame = readNodeFrame(reader);
  reader.end();
  return frame;
}

function readPageFrame(reader: ByteReader): PageFrame {
  const kind = reader.u8();
  switch (kind) {
    case KINDS.begin:
      return ['begin', readVersion(reader, PAGE_PROTOCOL)];
    case KINDS.proof:
      return [
        'proof',
        reader.text(TOKEN_CHARACTERS_MAX),
        reader.raw(PUBLIC_KEY_BYTES).slice(),
        reader.raw(SIGNATURE_BYTES).slice(),
      ];
    case KINDS.ping:
      return ['ping'];
    case KINDS.hello: {
      const version = readVersion(reader, PROTOCOL);
      const name = reader.text(NAME_CHARACTERS_MAX);
      return ['hello', version, name, readBytes(reader, STATE_VECTOR_BYTES_MAX)];
    }
    case KINDS.update:
      return ['update', reader.varint(), readBytes(reader, UPDATE_BYTES_MAX)];
    case KINDS.aware:
      return ['aware', readBytes(reader, AWARENESS_BYTES_MAX)];
    default:
      throw bad(`a page says nothing of kind ${kind}`);
  }
}

function readNodeFrame(reader: ByteReader): NodeFrame {
  const kind = reader.u8();
  switch (kind) {
    case KINDS.challenge:
      return ['challenge', reader.text(PEER_ID_CHARACTERS_MAX), reader.raw(NONCE_BYTES).slice()];
    case KINDS.admitted:
      return ['admitted', reader.text(PEER_ID_CHARACTERS_MAX)];
    case KINDS.pong:
      return ['pong'];
    case KINDS.failed:
      return ['failed', reader.text(TEXT_CHARACTERS_MAX), reader.text(TEXT_CHARACTERS_MAX)];
    case KINDS.welcome: {
      const author = reader.varint();
      const canWrite = reader.u8();
      if (canWrite > 1) throw bad('a yes or no is neither');
      const stateVector = readBytes(reader, STATE_VECTOR_BYTES_MAX);
      const missing = readBytes(reader, 2 * UPDATE_BYTES_MAX);
      return ['welcome', author, canWrite === 1, stateVector, missing];
    }
    case KINDS.update:
      return ['update', readBytes(reader, 2 * UPDATE_BYTES_MAX)];
    case KINDS.aware:
      return ['aware', readBytes(reader, UPDATE_BYTES_MAX)];
    case KINDS.saved:
      return ['saved', reader.varint()];
    case KINDS.refused: {
      const id = reader.varint();
      return ['refused', id, reader.text(TEXT_CHARACTERS_MAX), reader.text(TEXT_CHARACTERS_MAX)];
    }
    default:
      throw bad(`a node says nothing of kind ${kind}`);
  }
}

function begun(kind: keyof typeof KINDS): ByteWriter {
  const writer = new ByteWriter();
  for (let index = 0; index < LENGTH_BYTES; index += 1) writer.u8(0);
  writer.u8(KINDS[kind]);
  return writer;
}

function framed(writer: ByteWriter): Uint8Array {
  const bytes = writer.done();
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, bytes.length - LENGTH_BYTES);
  return bytes;
}

function writeBytes(writer: ByteWriter, bytes: Uint8Array): void {
  writer.varint(bytes.length);
  writer.raw(bytes);
}

/** In memory of their own: a view would keep the whole frame. */
function readBytes(reader: ByteReader, bytesMax: number): Uint8Array {
  const length = reader.varint();
  if (length > bytesMax) throw bad(`${length} bytes, and ${bytesMax} are the most`);
  return reader.raw(length).slice();
}

function readVersion(reader: ByteReader, known: number): number {
  const version = reader.varint();
  if (version === known) return version;
  throw new DocumentError(
    'unsupported-version',
    `the page speaks version ${version} of the protocol of documents, and this node ${known}: ` +
      'load the page of this release',
  );
}

function bad(what: string): DocumentError {
  return new DocumentError(
    'malformed-frame',
    `bytes are no message of the protocol of documents: ${what}`,
  );
}
