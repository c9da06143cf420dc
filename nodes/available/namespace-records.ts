/** What is kept of a namespace: who this replica is, snapshots, and updates since. */
import type { FrameRecord } from '../../src/frame-log/frame-file.js';

export type NamespaceRecordKind = 'replica' | 'snapshot' | 'update';
export type NamespaceRecord = FrameRecord<NamespaceRecordKind>;

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
    if (kind === 'replica') replica = decoder.decode(bytes);
    else if (kind === 'update') updates.push(bytes);
    else [snapshot, updates] = [bytes, []];
  }
  return { replica, snapshot, updates };
}

const decoder = new TextDecoder();
