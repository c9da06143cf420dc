/** An index as a file: written beside the old one and put in its place, read back piece by piece. */
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { MemoryError, memoryError, translateError } from '../errors.js';
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
  type BySection,
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
  const labelBytes = Buffer.from(label);
  if (labelBytes.length > LABEL_BYTES_MAX) {
    throw new MemoryError('invalid', `a label of ${labelBytes.length} bytes is too long`, path);
  }
  const temporary = `${path}.new`;
  try {
    const file = openSync(temporary, 'w', 0o600);
    try {
      writeSnapshot(file, index, labelBytes);
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw translateError(error, path);
  }
}

function writeSnapshot(file: number, index: HnswIndex, label: Buffer): void {
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
    labelBytes: label.length,
    idsBytes: idBytes.length,
  };
  const unsummed = { label: 0, ids: 0, blocks: 0, originals: 0, rows: 0 };
  const { sections } = layOut({ ...base, checksums: unsummed }, description);
  writeAll(file, label, sections.label.start);
  writeAll(file, idBytes, sections.ids.start);
  const checksums: BySection<number> = {
    label: kernel.checksum(label, 0),
    ids: kernel.checksum(idBytes, 0),
    blocks: writePart(file, kernel, PART.blocks, description, sections.blocks.start),
    originals: writePart(file, kernel, PART.originals, description, sections.originals.start),
    rows: writePart(file, kernel, PART.rows, description, sections.rows.start),
  };
  writeAll(file, encodeHeader({ ...base, checksums }, kernel), 0);
}

interface Counts extends ElementBytes {
  readonly slotCount: number;
  readonly rowCount: number;
}

/** Calls back for each piece of a part: its first element, how many, and room for their bytes. */
function forEachPiece(
  part: Part,
  counts: Counts,
  visit: (from: number, count: number, bytes: Buffer) => void,
): void {
  const each = [counts.blockBytes, counts.originalBytes, counts.rowBytes][part]!;
  const total = part === PART.rows ? counts.rowCount : counts.slotCount;
  const buffer = Buffer.alloc(each * Math.min(total, ELEMENTS_PER_PIECE));
  for (let from = 0; from < total; from += ELEMENTS_PER_PIECE) {
    const count = Math.min(ELEMENTS_PER_PIECE, total - from);
    visit(from, count, buffer.subarray(0, count * each));
  }
}

/** Answers the checksum: of each piece, with that of the one before it as seed. */
function writePart(
  file: number,
  kernel: Kernel,
  part: Part,
  counts: Counts,
  start: number,
): number {
  let sum = 0;
  let at = start;
  forEachPiece(part, counts, (from, count, bytes) => {
    checked(kernel.read(part, from, count, bytes));
    sum = kernel.checksum(bytes, sum);
    writeAll(file, bytes, at);
    at += bytes.length;
  });
  return sum;
}

function writeAll(file: number, bytes: Uint8Array, start: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, start + done);
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
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
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return readSnapshot(file, path);
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

function readSnapshot(file: number, path: string): OpenedSnapshot {
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
  try {
    return readSections(file, path, size, header, kernel);
  } catch (error) {
    kernel.destroy();
    throw error;
  }
}

/** Before the settings are known, so with a kernel of any. */
function checksumOfHeader(bytes: Uint8Array): number {
  const kernel = createKernel({ dimensions: 1, metric: 'dot', neighbours: 2, breadth: 2 });
  try {
    return kernel.checksum(bytes, 0);
  } finally {
    kernel.destroy();
  }
}

function readSections(
  file: number,
  path: string,
  size: number,
  header: SnapshotHeader,
  kernel: Kernel,
): OpenedSnapshot {
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
    forEachPiece(PART[name], counts, (from, count, bytes) => {
      readAll(file, bytes, at, path);
      sum = kernel.checksum(bytes, sum);
      checked(kernel.write(PART[name], from, count, bytes));
      at += bytes.length;
      if (name !== 'blocks') return;
      for (let i = 0; i < count; i += 1) {
        const state = bytes[i * counts.blockBytes + codeBytes + STATE_OFFSET_BYTES]!;
        if (STATES_FOUND.has(state) !== (ids[from + i] !== undefined)) {
          throw damaged(path, 'its ids do not match its vectors');
        }
      }
    });
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
