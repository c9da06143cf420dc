/** The file of one snapshot: a header, then one frame with the name, and one with the data. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  type SnapshotMeta,
  decodeSnapshotMeta,
  encodeSnapshotMeta,
} from '../../consensus/raft/index.js';
import { atomicWriteFile } from './atomic-write.js';
import type { StorageDisk } from './disk.js';
import { damaged } from './error.js';
import {
  FRAME_HEADER_BYTES,
  decodeFileHeader,
  encodeFileHeader,
  encodeFrame,
  frameAt,
} from './format.js';
import { FRAME_BYTES_MAX } from './limits.js';

/** A snapshot with the bytes of the application. */
export interface StoredSnapshot {
  readonly meta: SnapshotMeta;
  readonly data: Uint8Array;
}

const PATTERN = /^snapshot-([0-9a-f]{14})\.snap$/;

/** Name of the file of the snapshot at `index`; names sort like indexes. */
export function snapshotFileName(index: number): string {
  return `snapshot-${index.toString(16).padStart(14, '0')}.snap`;
}

/** The index in a file name, or undefined if it is not the name of a snapshot. */
export function snapshotIndexOf(name: string): number | undefined {
  const match = PATTERN.exec(name);
  return match === null ? undefined : Number.parseInt(match[1] as string, 16);
}

/** Writes a snapshot durably. */
export async function writeSnapshotFile(
  disk: StorageDisk,
  directory: string,
  clusterId: string,
  snapshot: StoredSnapshot,
): Promise<void> {
  if (snapshot.data.length > FRAME_BYTES_MAX) {
    throw new RangeError(`a snapshot has at most ${FRAME_BYTES_MAX} bytes`);
  }
  const salt = randomBytes(4).readUInt32LE();
  const { index } = snapshot.meta;
  const bytes = Buffer.concat([
    encodeFileHeader('snapshot', { clusterId, sequence: index, salt }),
    encodeFrame([encodeSnapshotMeta(snapshot.meta)], salt),
    encodeFrame([snapshot.data], salt),
  ]);
  await atomicWriteFile(join(directory, snapshotFileName(index)), bytes, disk);
}

/** Reads a snapshot. Throws a `StorageError`; a snapshot is whole or the file is damaged. */
export async function readSnapshotFile(
  disk: StorageDisk,
  path: string,
  clusterId: string,
): Promise<StoredSnapshot> {
  const bytes = Buffer.from(await disk.read(path));
  const header = decodeFileHeader('snapshot', path, bytes, clusterId);
  const name = frameAt(bytes, header.bytes, header.salt);
  if (name === null) throw damaged(path, header.bytes, 'the name of the snapshot is not whole');
  const dataAt = header.bytes + FRAME_HEADER_BYTES + name.length;
  const data = frameAt(bytes, dataAt, header.salt);
  if (data === null) throw damaged(path, dataAt, 'the data of the snapshot is not whole');
  const end = dataAt + FRAME_HEADER_BYTES + data.length;
  if (end !== bytes.length) throw damaged(path, end, 'something follows the snapshot');
  const meta = decodeSnapshotMeta(name);
  if (meta.index !== header.sequence) throw damaged(path, 16, 'the index is not the one stored');
  return { meta, data: new Uint8Array(data) };
}
