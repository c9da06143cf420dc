/** Writes an index to a file, beside the one that it replaces. `snapshot-reader.ts` reads it. */
import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { MemoryError, translateError } from '../errors.js';
import { type Piece, putInPlace, replaceFile } from '../replace-file.js';
import { Codebook } from './codebook.js';
import { codeNameOf } from './codes.js';
import type { HnswIndex } from './hnsw-index.js';
import { checked, describeKernel, PART, type Part } from './kernel.js';
import {
  ELEMENTS_PER_PIECE,
  ID_PIECE_BYTES,
  LABEL_BYTES_MAX,
  ORIGINAL_PIECE_BYTES,
} from './limits.js';
import { encodeHeader, layOut, type ElementBytes } from './snapshot-header.js';

/**
 * Writes the index to a file, synced, in one step that a crash does not divide. `label` comes back
 * with it: what the caller has to know of the index, at most 65,536 bytes of UTF-8.
 * Throws `invalid`, `disk-full`, `read-only`, `io`.
 */
export function saveSnapshot(index: HnswIndex, path: string, label = ''): void {
  replaceFile(path, snapshotPieces(index, label, path));
}

/**
 * `saveSnapshot` piece by piece, with the event loop between the pieces and the disk on other threads.
 * The index must not change until the promise settles; it may be searched. The reason of the signal
 * is thrown at the next piece, and nothing has changed then.
 */
export async function saveSnapshotInPieces(
  index: HnswIndex,
  path: string,
  label: string,
  signal: AbortSignal,
): Promise<void> {
  // A name of its own: after an abort the caller may write the same file at once.
  unfinished += 1;
  const temporary = `${path}.${unfinished}.new`;
  try {
    rmSync(temporary, { force: true });
    const file = await open(temporary, 'wx', 0o600);
    try {
      signal.throwIfAborted();
      for (const { start, bytes } of snapshotPieces(index, label, path)) {
        for (let done = 0; done < bytes.length;) {
          const { bytesWritten } = await file.write(bytes, done, bytes.length - done, start + done);
          done += bytesWritten;
          signal.throwIfAborted();
        }
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    signal.throwIfAborted();
    putInPlace(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw translateError(error, path);
  }
}

let unfinished = 0;

/** The file as pieces; the header comes last, when the checksums are known. */
function* snapshotPieces(index: HnswIndex, label: string, path: string): Generator<Piece> {
  const labelBytes = Buffer.from(label);
  if (labelBytes.length > LABEL_BYTES_MAX) {
    throw new MemoryError('invalid', `a label of ${labelBytes.length} bytes is too long`, path);
  }
  const { kernel, ids } = index.parts();
  const description = describeKernel(kernel);
  const { slotCount, rowCount, entry, topLevel } = description;
  const { codes } = index.settings;
  const bookBytes = codes instanceof Codebook ? codes.encode() : Buffer.alloc(0);
  const base = {
    settings: index.settings,
    slotCount,
    rowCount,
    entry,
    topLevel,
    labelBytes: labelBytes.length,
    idsBytes: ids.encodedBytes(slotCount),
    codes: codeNameOf(codes),
    codebookBytes: bookBytes.length,
  } as const;
  const { sections } = layOut(base, description);
  yield { start: sections.label.start, bytes: labelBytes };
  yield { start: sections.codebook.start, bytes: bookBytes };
  const checksums = {
    label: kernel.checksum(labelBytes, 0),
    ids: 0,
    codebook: kernel.checksum(bookBytes, 0),
    rows: 0,
    sums: 0,
    blocks: 0,
    // Each original has its own in `sums`.
    originals: 0,
  };
  let idsAt = sections.ids.start;
  for (const bytes of ids.encode(slotCount, ID_PIECE_BYTES)) {
    checksums.ids = kernel.checksum(bytes, checksums.ids);
    yield { start: idsAt, bytes };
    idsAt += bytes.length;
  }
  for (const name of ['rows', 'sums', 'blocks', 'originals'] as const) {
    let start = sections[name].start;
    // Originals have no checksum over a piece, so theirs may be small enough to be written at once.
    const most = name === 'originals' ? originalsAtOnce(description.originalBytes) : undefined;
    for (const { from, count, bytes } of piecesOf(PART[name], description, most)) {
      checked(kernel.read(PART[name], from, count, bytes));
      // Of each piece, with that of the one before it as seed.
      if (name !== 'originals') checksums[name] = kernel.checksum(bytes, checksums[name]);
      yield { start, bytes };
      start += bytes.length;
    }
  }
  yield { start: 0, bytes: encodeHeader({ ...base, checksums }, kernel) };
}

const SUM_BYTES = 4;

function originalsAtOnce(originalBytes: number): number {
  return Math.max(1, Math.floor(ORIGINAL_PIECE_BYTES / originalBytes));
}

export interface Counts extends ElementBytes {
  readonly slotCount: number;
  readonly rowCount: number;
}

/** The pieces of a part: first element, how many, and room for their bytes, the same each time. */
export function* piecesOf(
  part: Part,
  counts: Counts,
  elements = ELEMENTS_PER_PIECE,
): Generator<{ readonly from: number; readonly count: number; readonly bytes: Buffer }> {
  const each = [counts.blockBytes, counts.originalBytes, counts.rowBytes, SUM_BYTES][part]!;
  const total = part === PART.rows ? counts.rowCount : counts.slotCount;
  const buffer = Buffer.alloc(each * Math.min(total, elements));
  for (let from = 0; from < total; from += elements) {
    const count = Math.min(elements, total - from);
    yield { from, count, bytes: buffer.subarray(0, count * each) };
  }
}
