/**
 * The available namespaces of a backup, a record each in the order of their names: name, state (that of
 * `consensus/crdt/codec.ts`, version 1).
 */
import type { FileHandle } from 'node:fs/promises';

import { z } from 'zod';

import { STATE_BYTES_MAX, decodeState } from '../../consensus/crdt/index.js';
import { checkNamespace } from '../../src/memory/memory-key.js';
import { isUnknownMethod } from '../../transport/rpc/rpc.js';
import { NAMESPACES_MAX } from '../available/limits.js';
import { NodeError, messageOf } from '../errors.js';
import type { SourceCall } from '../snapshots/sources.js';
import { NAMESPACE_LENGTH_MAX } from '../wire/limits.js';
import { malformed } from './format.js';
import type { BackupPart } from './format.js';
import { PartReader, PartWriter } from './part.js';

export interface BackedUpNamespace {
  readonly name: string;
  readonly state: Uint8Array;
}

const ASK_TIMEOUT_MS = 30_000;
const UTF8_BYTES_MAX = 4;

const namesAnswer = z.object({ names: z.array(z.string()).max(NAMESPACES_MAX) });
const pieceAnswer = z.object({
  total: z.number().int().min(1).max(STATE_BYTES_MAX),
  bytes: z.instanceof(Uint8Array),
});

/**
 * Writes the namespaces that the member has, from `position` on. Undefined when it has none, or is of a
 * release that gives none.
 */
export async function writeAvailable(
  file: FileHandle,
  position: number,
  call: SourceCall,
  signal: AbortSignal,
): Promise<BackupPart | undefined> {
  const ask = (method: string, payload: object): Promise<unknown> =>
    call(0, method, payload, { timeoutMs: ASK_TIMEOUT_MS, signal });
  const listed = await ask('available.exportable', {}).catch((error: unknown) => {
    if (isUnknownMethod(error)) return { names: [] };
    throw error;
  });
  const writer = new PartWriter(file, position);
  let before = '';
  for (const name of namesAnswer.parse(listed).names) {
    if (name <= before)
      throw new NodeError('malformed', 'the member lists namespaces out of order');
    before = name;
    const read = async (at: number): Promise<z.infer<typeof pieceAnswer>> =>
      pieceAnswer.parse(await ask('available.export', { namespace: name, at }));
    const first = await read(0);
    const pieces = piecesOf(name, first, read);
    await writer.recordInPieces(Buffer.from(name), first.total, pieces);
  }
  return writer.part;
}

async function* piecesOf(
  name: string,
  first: z.infer<typeof pieceAnswer>,
  read: (at: number) => Promise<z.infer<typeof pieceAnswer>>,
): AsyncGenerator<Uint8Array, void, void> {
  let piece = first;
  for (let at = 0; ;) {
    const { total, bytes } = piece;
    if (total !== first.total || bytes.length === 0 || at + bytes.length > total) {
      throw new NodeError('malformed', `the member gives pieces of ${name} that do not fit`);
    }
    yield bytes;
    at += bytes.length;
    if (at === total) return;
    piece = await read(at);
  }
}

/** The namespaces of a part; `malformed` where a record, or a byte, is not what it should be. */
export async function* readAvailable(
  path: string,
  file: FileHandle,
  position: number,
  part: BackupPart,
): AsyncGenerator<BackedUpNamespace, void, void> {
  const reader = new PartReader(path, file, position, part, 'namespace');
  let before = '';
  for (let count = 0; count < part.count; count += 1) {
    const name = decodeName(path, await reader.field(NAMESPACE_LENGTH_MAX * UTF8_BYTES_MAX));
    if (name <= before) throw malformed(path, 'its namespaces are not in order, or twice');
    before = name;
    const state = await reader.field(STATE_BYTES_MAX);
    requireState(path, name, state);
    yield { name, state };
  }
  reader.end();
}

function decodeName(path: string, bytes: Buffer): string {
  try {
    const name = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    checkNamespace(name);
    return name;
  } catch (error) {
    throw malformed(path, `a namespace in it has no name: ${messageOf(error)}`);
  }
}

function requireState(path: string, name: string, state: Uint8Array): void {
  try {
    decodeState(state);
  } catch (error) {
    throw malformed(path, `the namespace ${name} in it is none: ${messageOf(error)}`);
  }
}
