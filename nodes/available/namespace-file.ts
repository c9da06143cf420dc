/** The file of an available namespace: who this replica is, snapshots, and updates since. */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { FrameFile } from '../../src/frame-log/frame-file.js';
import { NodeError } from '../errors.js';
import { COMPACTION_BYTES_MIN, FILE_BYTES_MAX } from './limits.js';
import type { NamespaceRecordKind } from './namespace-records.js';

/** A file cannot be used; nothing in it was changed. */
export class NamespaceFileError extends NodeError {}

export const namespaceFrames = new FrameFile<NamespaceRecordKind>({
  magic: 'AFavai1\n',
  kinds: { replica: 1, snapshot: 2, update: 3 },
  what: 'an available namespace',
  remedy: 'move it away, and the namespace comes back from the other members',
  bytesMax: FILE_BYTES_MAX,
  compactionBytesMin: COMPACTION_BYTES_MIN,
  fail: (code, sentence, cause) => {
    return new NamespaceFileError(code === 'closed' ? 'stopped' : 'directory', sentence, cause);
  },
  isOwn: (error) => error instanceof NamespaceFileError,
});

const SUFFIX = '.namespace';

/** Whether a file of this name is one of a namespace. */
export function isNamespaceFile(name: string): boolean {
  return name.endsWith(SUFFIX);
}

/** Where a folder of namespaces keeps the one of this name. */
export function namespacePath(directory: string, name: string): string {
  return join(directory, createHash('sha256').update(name).digest('hex') + SUFFIX);
}

/** A name that no replica has ever had. */
export function freshReplicaName(nodeId: number): string {
  return `${nodeId}.${randomBytes(8).toString('hex')}`;
}
