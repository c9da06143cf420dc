/** The file of an available namespace: who this replica is, snapshots, and updates since. */
import { FrameFile, type FrameRecord } from '../../src/frame-log/frame-file.js';
import { NodeError } from '../errors.js';
import { COMPACTION_BYTES_MIN, FILE_BYTES_MAX } from './limits.js';

export type NamespaceRecordKind = 'replica' | 'snapshot' | 'update';
export type NamespaceRecord = FrameRecord<NamespaceRecordKind>;

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

/** What the records of a file say, read in their order. */
export interface ReadRecords {
  /** The name of the replica, undefined in a file that is new. */
  readonly replica: string | undefined;
  readonly snapshot: Uint8Array | null;
  /** Behind the snapshot. */
  readonly updates: readonly Uint8Array[];
}

export function readRecords(records: readonly NamespaceRecord[]): ReadRecords {
  let replica: string | undefined;
  let snapshot: Uint8Array | null = null;
  let updates: Uint8Array[] = [];
  for (const { kind, bytes } of records) {
    if (kind === 'replica') replica = Buffer.from(bytes).toString('utf8');
    else if (kind === 'update') updates.push(bytes);
    else [snapshot, updates] = [bytes, []];
  }
  return { replica, snapshot, updates };
}
