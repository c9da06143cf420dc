/** Opens the file of an index: by mapping where the kernel can, else by reading it piece by piece. */
import { fstatSync } from 'node:fs';
import { MemoryError, memoryError, translateError } from '../errors.js';
import { finish } from '../steps.js';
import { HnswIndex } from './hnsw-index.js';
import { IdTable } from './id-table.js';
import { Codebook } from './codebook.js';
import type { Codes } from './codes.js';
import {
  checked,
  describeKernel,
  PART,
  type ImportedFile,
  type Kernel,
  type KernelSettings,
} from './kernel.js';
import { CHECKED_STEPS, ID_PIECE_BYTES } from './limits.js';
import { OpenFile } from './open-file.js';
import { PaddedBlocks } from './padded-blocks.js';
import { createKernel } from './rung.js';
import { piecesOf, type Counts } from './snapshot-file.js';
import {
  decodeHeader,
  HEADER_BYTES,
  layOut,
  UNPADDED_VERSION,
  type BySection,
  type Section,
  type SnapshotHeader,
} from './snapshot-header.js';
import { decodeIdsOfVersion1 } from './snapshot-ids.js';

/** An index that was read, and the label that it was saved with. */
export interface OpenedSnapshot {
  readonly index: HnswIndex;
  readonly label: string;
}

/**
 * Opens an index from a file. All of it but the originals is checked now, each of those when it is
 * touched first: a search that meets a damaged one throws `damaged`. The file may be replaced or removed
 * while the index is in use, by a rename as `saveSnapshot` does it, and must not be changed in place.
 * Throws `not-found`, `not-a-database` for a foreign file, `newer-version`, `damaged`, `read-only`, `io`,
 * and `invalid` without memory for it.
 */
export function openSnapshot(path: string): OpenedSnapshot {
  return finish(openSnapshotInSteps(path));
}

/** `openSnapshot` in steps of about a thousand vectors. */
export function* openSnapshotInSteps(path: string): Generator<undefined, OpenedSnapshot> {
  let file: OpenFile | undefined;
  let isKept = false;
  try {
    file = OpenFile.read(path);
    const opened = yield* readSnapshot(file, path);
    isKept = opened.index.parts().kernel.keepsFiles;
    return opened;
  } catch (error) {
    if (error instanceof MemoryError && error.code === 'damaged' && error.path === undefined) {
      throw damaged(path, error.message);
    }
    throw translateError(error, path);
  } finally {
    if (!isKept) file?.close();
  }
}

function damaged(path: string, what: string): MemoryError {
  return new MemoryError(
    'damaged',
    `the vector index ${path} is damaged: ${what}; delete it and build it anew from the vectors`,
    path,
  );
}

function* readSnapshot(file: OpenFile, path: string): Generator<undefined, OpenedSnapshot> {
  const { size } = fstatSync(file.descriptor);
  const head = Buffer.alloc(Math.min(size, HEADER_BYTES));
  file.fill(head, 0);
  const header = decodeHeader(head, checksumOfHeader);
  if (header === 'foreign') {
    throw new MemoryError('not-a-database', `${path} is not a vector index; check the path`, path);
  }
  if (header === 'newer') throw memoryError('newer-version', path);
  if (header === 'damaged') throw damaged(path, 'its header does not match its checksum');
  const settings = { ...header.settings, codes: codesOf(file, path, header) };
  const kernel = createKernel(settings);
  let opened: OpenedSnapshot | undefined;
  try {
    opened = yield* new SnapshotReader(file, path, size, header, settings, kernel).read();
    return opened;
  } finally {
    // Also when the caller asks for no more steps.
    if (opened === undefined) kernel.destroy();
  }
}

/** The codes that the header names, with the codebook that the file holds for them. */
function codesOf(file: OpenFile, path: string, header: SnapshotHeader): Codes {
  if (header.codes !== 'product') return header.codes;
  // It lies before all that is as long as the nodes are.
  const nothing = { blockBytes: 0, originalBytes: 0, rowBytes: 0 };
  const { start, bytes: length } = layOut(header, nothing, header.version).sections.codebook;
  const bytes = Buffer.alloc(length);
  file.fill(bytes, start);
  if (checksumOfHeader(bytes) !== header.checksums.codebook) {
    throw damaged(path, 'its codebook does not match its checksum');
  }
  const codebook = Codebook.decode(bytes);
  const { dimensions, metric } = header.settings;
  if (codebook.dimensions !== dimensions || codebook.metric !== metric) {
    throw damaged(path, 'its codebook is for other vectors');
  }
  return codebook;
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

/** One opening of a file whose header has been read. */
class SnapshotReader {
  readonly #file: OpenFile;
  readonly #path: string;
  readonly #header: SnapshotHeader;
  readonly #settings: KernelSettings;
  readonly #kernel: Kernel;
  /** As the file has them. */
  readonly #counts: Counts;
  readonly #padded: PaddedBlocks | undefined;
  readonly #sections: BySection<{ readonly start: number; readonly bytes: number }>;

  constructor(
    file: OpenFile,
    path: string,
    size: number,
    header: SnapshotHeader,
    settings: KernelSettings,
    kernel: Kernel,
  ) {
    this.#file = file;
    this.#path = path;
    this.#header = header;
    this.#settings = settings;
    this.#kernel = kernel;
    const { slotCount, rowCount, version, codes } = header;
    const description = describeKernel(kernel);
    if (version < UNPADDED_VERSION) {
      this.#padded = new PaddedBlocks(codes, settings.dimensions, description);
    }
    const { blockBytes } = this.#padded ?? description;
    this.#counts = { ...description, blockBytes, slotCount, rowCount };
    const { sections, fileBytes } = layOut(header, this.#counts, version);
    // Before anything is allocated: what follows takes memory in proportion to the file.
    if (fileBytes !== size) throw damaged(path, `it has ${size} bytes instead of ${fileBytes}`);
    this.#sections = sections;
  }

  *read(): Generator<undefined, OpenedSnapshot> {
    const { slotCount, rowCount, entry, topLevel, version } = this.#header;
    const kernel = this.#kernel;
    const label = this.#section('label').toString();
    const ids = yield* this.#ids();
    checked(kernel.beginImport(slotCount, rowCount, version === 1 ? null : this.#source()));
    yield* this.#part('rows');
    if (version > 1) yield* this.#part('sums');
    yield* this.#part('blocks');
    yield* this.#part('originals');
    while (checked(kernel.checkImport(CHECKED_STEPS)) > 0) yield;
    checked(kernel.finishImport(entry, topLevel, ids.slotBits(slotCount)));
    return { index: HnswIndex.restore(this.#settings, kernel, ids), label };
  }

  #source(): ImportedFile {
    const { blocks, originals } = this.#sections;
    const blocksAt = this.#padded === undefined ? blocks.start : undefined;
    return { file: this.#file, blocksAt, originalsAt: originals.start };
  }

  *#ids(): Generator<undefined, IdTable> {
    const { version, slotCount } = this.#header;
    const ids =
      version === 1
        ? decodeIdsOfVersion1(this.#section('ids'), slotCount)
        : yield* IdTable.decode(yield* this.#idBytes(), slotCount);
    if (ids === undefined) throw damaged(this.#path, 'its ids cannot be read');
    if (ids === 'twice') throw damaged(this.#path, 'an id comes twice');
    return ids;
  }

  #section(name: Section): Buffer {
    const bytes = Buffer.alloc(this.#sections[name].bytes);
    this.#file.fill(bytes, this.#sections[name].start);
    this.#compare(name, this.#kernel.checksum(bytes, 0));
    return bytes;
  }

  *#idBytes(): Generator<undefined, Buffer> {
    const { start, bytes: length } = this.#sections.ids;
    const bytes = Buffer.allocUnsafeSlow(length);
    let sum = 0;
    for (let at = 0; at < length; at += ID_PIECE_BYTES) {
      const piece = bytes.subarray(at, at + ID_PIECE_BYTES);
      this.#file.fill(piece, start + at);
      sum = this.#kernel.checksum(piece, sum);
      yield;
    }
    this.#compare('ids', sum);
    return bytes;
  }

  /** Brings a part into the kernel, where it is not mapped, and compares its checksum. */
  *#part(name: 'rows' | 'sums' | 'blocks' | 'originals'): Generator<undefined, void> {
    const kernel = this.#kernel;
    const { version } = this.#header;
    const part = PART[name];
    const padded = name === 'blocks' ? this.#padded : undefined;
    const isMapped = kernel.mapped.includes(part);
    // Originals of version 2 are compared one by one when they are touched.
    const isSummed = this.#header.checksums[name] !== undefined;
    if (isMapped && !isSummed) return;
    const sum = new Uint32Array(1);
    let at = this.#sections[name].start;
    for (const { from, count, bytes } of piecesOf(part, this.#counts)) {
      if (!isMapped) {
        this.#file.fill(bytes, at);
        checked(kernel.write(part, from, count, padded?.strip(bytes) ?? bytes));
      }
      // That of padded blocks is over what the file has.
      if (padded !== undefined) sum[0] = kernel.checksum(bytes, sum[0]!);
      else if (isSummed) checked(kernel.sum(part, from, count, sum[0]!, sum));
      // While they are in the cache of the processor.
      if (name === 'blocks' && version > 1) checked(kernel.checkImport(count));
      at += bytes.length;
      yield;
    }
    if (isSummed) this.#compare(name, sum[0]!);
  }

  #compare(name: Section, sum: number): void {
    if (sum === this.#header.checksums[name]) return;
    throw damaged(this.#path, `its ${name} do not match their checksum`);
  }
}

/**
 * The originals of an index lie in the file that `saveSnapshot` has just written of it from here on: those
 * of memory are let go. The index must not have changed in between. Throws what `openSnapshot` throws.
 */
export function useSnapshot(index: HnswIndex, path: string): void {
  finish(useSnapshotInSteps(index, path));
}

/** The same in steps, between which the index may be searched; whoever stops before the last leaves it whole. */
export function* useSnapshotInSteps(index: HnswIndex, path: string): Generator<undefined, void> {
  let file: OpenFile | undefined;
  const { kernel } = index.parts();
  try {
    file = OpenFile.read(path);
    const head = Buffer.alloc(HEADER_BYTES);
    file.fill(head, 0);
    const header = decodeHeader(head, (bytes) => kernel.checksum(bytes, 0));
    const counts = describeKernel(kernel);
    if (typeof header === 'string' || header.slotCount !== counts.slotCount) {
      throw damaged(path, 'it is not what was written');
    }
    const { start } = layOut(header, counts).sections.originals;
    for (let step = 0; kernel.useOriginals(file, start, step); step += 1) yield;
  } catch (error) {
    throw translateError(error, path);
  } finally {
    if (!kernel.keepsFiles) file?.close();
  }
}
