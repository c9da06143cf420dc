/**
 * The shared documents of a backup, a record each: name, rights (JSON), update (Yjs, version 1).
 */
import type { FileHandle } from 'node:fs/promises';

import { z } from 'zod';

import { checkName, rightsShape } from '../../src/documents/index.js';
import type { Rights } from '../../src/documents/index.js';
import { isUnknownMethod } from '../../transport/rpc/rpc.js';
import { NodeError, messageOf } from '../errors.js';
import type { SourceCall } from '../snapshots/sources.js';
import { malformed } from './format.js';
import type { BackupPart } from './format.js';
import { PartReader, PartWriter } from './part.js';

export interface BackedUpDocument {
  readonly name: string;
  readonly rights: Rights;
  /** All of its content, as one update. */
  readonly update: Uint8Array;
}

const ASK_TIMEOUT_MS = 30_000;
/** Longest field: names and rights are far shorter. */
const FIELD_BYTES_MAX = 16 * 1024 * 1024;

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
): Promise<BackupPart | undefined> {
  const calling = { timeoutMs: ASK_TIMEOUT_MS, signal };
  const writer = new PartWriter(file, position);
  for (let after = ''; ;) {
    const listed = await call(0, 'documents.list', { after }, calling).catch((error: unknown) => {
      if (isUnknownMethod(error)) return NO_NAMES;
      throw error;
    });
    const { names, isAll } = listAnswer.parse(listed);
    for (const name of names) {
      if (name <= after)
        throw new NodeError('malformed', 'the member lists documents out of order');
      after = name;
      const answer = await call(0, 'documents.export', { name }, calling);
      const { update, rights } = exportAnswer.parse(answer);
      await writer.record(Buffer.from(name), Buffer.from(JSON.stringify(rights)), update);
    }
    if (isAll || names.length === 0) return writer.part;
  }
}

const NO_NAMES = { names: [], isAll: true };

/** The documents of a part; `malformed` where a record, or a byte, is not what it should be. */
export async function* readDocuments(
  path: string,
  file: FileHandle,
  position: number,
  part: BackupPart,
): AsyncGenerator<BackedUpDocument, void, void> {
  const reader = new PartReader(path, file, position, part, 'document');
  const field = (): Promise<Buffer> => reader.field(FIELD_BYTES_MAX);
  for (let count = 0; count < part.count; count += 1) {
    const [name, rights, update] = [await field(), await field(), await field()];
    yield decodeRecord(path, name, rights, update);
  }
  reader.end();
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
