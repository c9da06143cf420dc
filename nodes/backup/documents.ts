/**
 * The shared documents of a backup, one record each. Integers are little-endian.
 *
 *     name bytes u32, name, rights bytes u32, rights (JSON), update bytes u32, update (Yjs, version 1)
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

import { z } from 'zod';

import { checkName, rightsShape } from '../../src/documents/index.js';
import type { Rights } from '../../src/documents/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { NodeError, messageOf } from '../errors.js';
import { readExactly, writeAll } from '../snapshots/build.js';
import type { SourceCall } from '../snapshots/sources.js';
import { malformed } from './format.js';
import type { DocumentsPart } from './format.js';

export interface BackedUpDocument {
  readonly name: string;
  readonly rights: Rights;
  /** All of its content, as one update. */
  readonly update: Uint8Array;
}

const ASK_TIMEOUT_MS = 30_000;
/** Longest field: names and rights are far shorter. */
const FIELD_BYTES_MAX = 16 * 1024 * 1024;
const LENGTH_BYTES = 4;

const listAnswer = z.object({ names: z.array(z.string()), isAll: z.boolean() });
const exportAnswer = z.object({ update: z.instanceof(Uint8Array), rights: rightsShape });

/**
 * Writes the documents that the member has, from `position` on. Undefined when it has none, or is of a
 * release that knows none.
 */
export async function writeDocuments(
  file: FileHandle,
  position: number,
  call: SourceCall,
  signal: AbortSignal,
): Promise<DocumentsPart | undefined> {
  const calling = { timeoutMs: ASK_TIMEOUT_MS, signal };
  const hash = createHash('sha256');
  let [count, bytes, after] = [0, 0, ''];
  for (;;) {
    const listed = await call(0, 'documents.list', { after }, calling).catch((error: unknown) => {
      if (error instanceof RpcError && error.code === 'unknown-method') return NO_NAMES;
      throw error;
    });
    const { names, isAll } = listAnswer.parse(listed);
    for (const name of names) {
      if (name <= after)
        throw new NodeError('malformed', 'the member lists documents out of order');
      after = name;
      const answer = await call(0, 'documents.export', { name }, calling);
      const { update, rights } = exportAnswer.parse(answer);
      const record = encodeRecord({ name, update, rights });
      hash.update(record);
      await writeAll(file, record, position + bytes);
      bytes += record.length;
      count += 1;
    }
    if (isAll || names.length === 0) break;
  }
  return count === 0 ? undefined : { count, bytes, sha256: hash.digest('hex') };
}

const NO_NAMES = { names: [], isAll: true };

/**
 * The documents of a part; `malformed` where a record is not what it should be. `read` gets every byte
 * of the part, in order.
 */
export async function* readDocuments(
  path: string,
  file: FileHandle,
  position: number,
  part: DocumentsPart,
  read: (bytes: Uint8Array) => void = () => undefined,
): AsyncGenerator<BackedUpDocument, void, void> {
  const end = position + part.bytes;
  let at = position;
  const take = async (length: number): Promise<Buffer> => {
    const isInside = length <= FIELD_BYTES_MAX && at + length <= end;
    const bytes = isInside ? await readExactly(file, at, length) : undefined;
    if (bytes === undefined) throw malformed(path, 'a document in it is cut off');
    at += length;
    read(bytes);
    return bytes;
  };
  const field = async (): Promise<Buffer> => take((await take(LENGTH_BYTES)).readUInt32LE(0));
  for (let count = 0; count < part.count; count += 1) {
    const [name, rights, update] = [await field(), await field(), await field()];
    yield decodeRecord(path, name, rights, update);
  }
  if (at !== end) throw malformed(path, 'bytes follow its last document');
}

/** Throws `malformed` unless the bytes are those that were written, and each record has its form. */
export async function checkDocuments(
  path: string,
  file: FileHandle,
  position: number,
  part: DocumentsPart,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  const read = (bytes: Uint8Array): void => void hash.update(bytes);
  for await (const _ of readDocuments(path, file, position, part, read)) signal.throwIfAborted();
  if (hash.digest('hex') !== part.sha256) throw malformed(path, 'its documents are damaged');
}

function encodeRecord({ name, rights, update }: BackedUpDocument): Buffer {
  const fields = [Buffer.from(name), Buffer.from(JSON.stringify(rights)), update];
  return Buffer.concat(fields.flatMap((field) => [lengthOf(field), field]));
}

function lengthOf(field: Uint8Array): Buffer {
  const bytes = Buffer.alloc(LENGTH_BYTES);
  bytes.writeUInt32LE(field.length);
  return bytes;
}

function decodeRecord(
  path: string,
  nameBytes: Buffer,
  rightsBytes: Buffer,
  update: Buffer,
): BackedUpDocument {
  try {
    const name = new TextDecoder('utf-8', { fatal: true }).decode(nameBytes);
    checkName(name);
    return { name, rights: rightsShape.parse(JSON.parse(rightsBytes.toString())), update };
  } catch (error) {
    throw malformed(path, `a document in it has no name or rights: ${messageOf(error)}`);
  }
}
