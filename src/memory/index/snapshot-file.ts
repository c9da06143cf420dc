/** An index as a file: written beside the old one and put in its place, read back piece by piece. */
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { MemoryError, memoryError, translateError } from '../errors.js';
import { type Piece, putInPlace, replaceFile } from '../replace-file.js';
import { finish } from '../steps.js';
import { HnswIndex } from './hnsw-index.js';
import { checked, describeKernel, PART, type Kernel, type Part } from './kernel.js';
import { ELEMENTS_PER_PIECE, LABEL_BYTES_MAX } from './limits.js';
import { createKernel } from './rung.js';
import { decodeIds, encodeIds } from './snapshot-ids.js';
import {
  decodeHeader,
  encodeHeader,
  HEADER_BYTES,
  layOut,
  type ElementBytes,
  type SnapshotHeader,
} from './snapshot-header.js';

/** Where a block says what its slot is: behind the padded codes, see native/index.h. */
const STATE_OFFSET_BYTES = 23;
const CODES_STEP_BYTES = 64;
/** Pending, twin and linked: what has an id. */
const STATES_FOUND: ReadonlySet<number> = new Set([1, 2, 3]);

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
  const idBytes = encodeIds(ids, slotCount);
  const base = {
    settings: index.settings,
    slotCount,
    rowCount,
    entry,
    topLevel,
    labelBytes: labelBytes.length,
    idsBytes: idBytes.length,
  };
  const unsummed = { label: 0, ids: 0, blocks: 0, originals: 0, rows: 0 };
  const { sections } = layOut({ ...base, checksums: unsummed }, description);
  yield { start: sections.label.start, bytes: labelBytes };
  yield { start: sections.ids.start, bytes: idBytes };
  const checksums = {
    ...unsummed,
    label: kernel.checksum(labelBytes, 0),
    ids: kernel.checksum(idBytes, 0),
  };
  for (const name of ['blocks', 'originals', 'rows'] as const) {
    let start = sections[name].start;
    for (const { from, count, bytes } of piecesOf(PART[name], description)) {
      checked(kernel.read(PART[name], from, count, bytes));
      // Of each piece, with that of the one before it as seed.
      checksums[name] = kernel.checksum(bytes, checksums[name]);
      yield { start, bytes };
      start += bytes.length;
    }
  }
  yield { start: 0, bytes: encodeHeader({ ...base, checksums }, kernel) };
}

interface Counts extends ElementBytes {
  readonly slotCount: number;
  readonly rowCount: number;
}

/** The pieces of a part: first element, how many, and room for their bytes, the same each time. */
function* piecesOf(
  part: Part,
  counts: Counts,
): Generator<{ readonly from: number; readonly count: number; readonly bytes: Buffer }> {
  const each = [counts.blockBytes, counts.originalBytes, counts.rowBytes][part]!;
  const total = part === PART.rows ? counts.rowCount : counts.slotCount;
  const buffer = Buffer.alloc(each * Math.min(total, ELEMENTS_PER_PIECE));
  for (let from = 0; from < total; from += ELEMENTS_PER_PIECE) {
    const count = Math.min(ELEMENTS_PER_PIECE, total - from);
    yield { from, count, bytes: buffer.subarray(0, count * each) };
  }
}

/** An index that was read, and the label that it was saved with. */
export interface OpenedSnapshot {
  readonly index: HnswIndex;
  readonly label: string;
}

/**
 * Reads an index from a file and checks every byte of it. Throws `not-found`, `not-a-database` for a
 * foreign file, `newer-version`, `damaged`, `read-only`, `io`, and `invalid` without memory for it.
 */
export function openSnapshot(path: string): OpenedSnapshot {
  return finish(openSnapshotInSteps(path));
}

/** `openSnapshot` in steps of at most 1,024 vectors, and a longer one that checks the whole. */
export function* openSnapshotInSteps(path: string): Generator<undefined, OpenedSnapshot> {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return yield* readSnapshot(file, path);
  } catch (error) {
    if (error instanceof MemoryError && error.code === 'damaged' && error.path === undefined) {
      throw damaged(path, error.message);
    }
    throw translateError(error, path);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function damaged(path: string, what: string): MemoryError {
  return new MemoryError(
    'damaged',
    `the vector index ${path} is damaged: ${what}; delete it and build it anew from the vectors`,
    path,
  );
}

function* readSnapshot(file: number, path: string): Generator<undefined, OpenedSnapshot> {
  const { size } = fstatSync(file);
  const head = Buffer.alloc(HEADER_BYTES);
  const isWhole = size >= HEADER_BYTES && readSync(file, head, 0, HEADER_BYTES, 0) === HEADER_BYTES;
  const header = decodeHeader(isWhole ? head : Buffer.alloc(0), checksumOfHeader);
  if (header === 'foreign') {
    throw new MemoryError('not-a-database', `${path} is not a vector index; check the path`, path);
  }
  if (header === 'newer') throw memoryError('newer-version', path);
  if (header === 'damaged') throw damaged(path, 'its header does not match its checksum');
  const kernel = createKernel(header.settings);
  let opened: OpenedSnapshot | undefined;
  try {
    opened = yield* readSections(file, path, size, header, kernel);
    return opened;
  } finally {
    // Also when the caller asks for no more steps.
    if (opened === undefined) kernel.destroy();
  }
}

/** Before the settings are known, so with a kernel of any. */
function checksumOfHeader(bytes: Uint8Array): number {
  const kernel = createKernel({
    dimensions: 1,
    metric: 'dot',
    neighbours: 2,
    breadth: 2,
    codes: 'int8',
  });
  try {
    return kernel.checksum(bytes, 0);
  } finally {
    kernel.destroy();
  }
}

function* readSections(
  file: number,
  path: string,
  size: number,
  header: SnapshotHeader,
  kernel: Kernel,
): Generator<undefined, OpenedSnapshot> {
  const { checksums, slotCount, rowCount, settings } = header;
  const counts = { ...describeKernel(kernel), slotCount, rowCount };
  const { sections, fileBytes } = layOut(header, counts);
  // Before anything is allocated: what follows takes memory in proportion to the file.
  if (fileBytes !== size) throw damaged(path, `it has ${size} bytes instead of ${fileBytes}`);
  const section = (name: 'label' | 'ids'): Buffer => {
    const bytes = Buffer.alloc(sections[name].bytes);
    readAll(file, bytes, sections[name].start, path);
    if (kernel.checksum(bytes, 0) !== checksums[name]) throw damagedSection(path, name);
    return bytes;
  };
  const label = section('label').toString();
  const ids = decodeIds(section('ids'), slotCount);
  if (ids === undefined) throw damaged(path, 'its ids cannot be read');
  checked(kernel.beginImport(slotCount, rowCount));
  const codeBytes = Math.ceil(settings.dimensions / CODES_STEP_BYTES) * CODES_STEP_BYTES;
  for (const name of ['blocks', 'originals', 'rows'] as const) {
    let sum = 0;
    let at = sections[name].start;
    for (const { from, count, bytes } of piecesOf(PART[name], counts)) {
      readAll(file, bytes, at, path);
      sum = kernel.checksum(bytes, sum);
      checked(kernel.write(PART[name], from, count, bytes));
      at += bytes.length;
      yield;
      if (name !== 'blocks') continue;
      for (let i = 0; i < count; i += 1) {
        const state = bytes[i * counts.blockBytes + codeBytes + STATE_OFFSET_BYTES]!;
        if (STATES_FOUND.has(state) !== (ids[from + i] !== undefined)) {
          throw damaged(path, 'its ids do not match its vectors');
        }
      }
    }
    if (sum !== checksums[name]) throw damagedSection(path, name);
  }
  checked(kernel.finishImport(header.entry, header.topLevel));
  const slots = new Map<string, number>();
  for (const [slot, id] of ids.entries()) if (id !== undefined) slots.set(id, slot);
  const { linkedCount, pendingCount } = describeKernel(kernel);
  if (slots.size !== linkedCount + pendingCount) throw damaged(path, 'an id comes twice');
  return { index: HnswIndex.restore(settings, kernel, ids, slots), label };
}

function damagedSection(path: string, name: string): MemoryError {
  return damaged(path, `its ${name} do not match their checksum`);
}

function readAll(file: number, bytes: Buffer, start: number, path: string): void {
  for (let done = 0; done < bytes.length;) {
    const read = readSync(file, bytes, done, bytes.length - done, start + done);
    if (read === 0) throw damaged(path, 'it ends early');
    done += read;
  }
}
