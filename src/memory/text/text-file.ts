/**
 * A text index as a file: written beside the old one and put in its place, read back with a check of
 * every byte. It is a cache of the records: whatever is wrong with it, delete it and put them again.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { MemoryError, memoryError, translateError } from '../errors.js';
import { replaceFile } from '../replace-file.js';
import { finish } from '../steps.js';
import { decodeFile, encodeFile, fileBytes, HEADER_BYTES } from './file-header.js';
import { LABEL_BYTES_MAX } from './limits.js';
import { decodeSegment, encodeSegment, SegmentProblem } from './segment-bytes.js';
import { TextIndex } from './text-index.js';

/**
 * Makes the index one segment and writes it to a file, synced, in one step that a crash does not divide.
 * `label` comes back with it: what the caller has to know of the index, such as the log index up to
 * which it is complete, at most 65,536 bytes of UTF-8. Throws `invalid`, `disk-full`, `read-only`, `io`.
 */
export function saveTextIndex(index: TextIndex, path: string, label = ''): void {
  const labelBytes = Buffer.from(label);
  if (labelBytes.length > LABEL_BYTES_MAX) {
    throw new MemoryError('invalid', `a label of ${labelBytes.length} bytes is too long`, path);
  }
  const segment = index.compacted();
  const none = Buffer.alloc(0);
  const sections =
    segment === undefined
      ? { documents: none, terms: none, postings: none }
      : encodeSegment(segment);
  const counts = { documents: segment?.slotCount ?? 0, terms: segment?.terms.count ?? 0 };
  const bytes = encodeFile(counts, { label: labelBytes, ...sections });
  replaceFile(path, [{ start: 0, bytes }]);
}

/** An index that was read, and the label that it was saved with. */
export interface OpenedTextIndex {
  readonly index: TextIndex;
  readonly label: string;
}

/**
 * Reads an index from a file. Throws `not-found`, `not-a-database` for a foreign file, `newer-version`,
 * `damaged`, `read-only`, `io`.
 */
export function openTextIndex(path: string): OpenedTextIndex {
  return finish(openTextIndexInSteps(path));
}

/** `openTextIndex` in steps: the first reads the file, each other one some thousand postings. */
export function* openTextIndexInSteps(path: string): Generator<undefined, OpenedTextIndex> {
  const file = readWhole(path);
  yield;
  const decoded = decodeFile(file);
  if (decoded === undefined) throw damaged(path, 'a part does not match its checksum');
  try {
    const segment = yield* decodeSegment(decoded.counts, decoded.sections);
    const index = segment === undefined ? new TextIndex() : TextIndex.of(segment);
    return { index, label: decoded.sections.label.toString() };
  } catch (error) {
    throw error instanceof SegmentProblem ? damaged(path, error.message) : error;
  }
}

function damaged(path: string, what: string): MemoryError {
  return new MemoryError(
    'damaged',
    `the text index ${path} is damaged: ${what}; delete it and build it anew from the records`,
    path,
  );
}

/** The file, once its header is sound and tells its true length: no other says how much to read. */
function readWhole(path: string): Buffer {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { size } = fstatSync(file);
    const header = Buffer.alloc(Math.min(size, HEADER_BYTES));
    readAll(file, header);
    const bytes = fileBytes(header);
    if (bytes === 'foreign') {
      throw new MemoryError('not-a-database', `${path} is not a text index; check the path`, path);
    }
    if (bytes === 'newer') throw memoryError('newer-version', path);
    if (bytes === 'damaged') throw damaged(path, 'its header does not match its checksum');
    if (bytes !== size) throw damaged(path, `it has ${size} bytes instead of ${bytes}`);
    const whole = Buffer.alloc(size);
    readAll(file, whole);
    // Another process may have written in between.
    if (!whole.subarray(0, HEADER_BYTES).equals(header)) throw damaged(path, 'it changes');
    return whole;
  } catch (error) {
    throw translateError(error, path);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readAll(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) {
    const read = readSync(file, bytes, done, bytes.length - done, done);
    // Shorter than a moment ago: the zeros that stay match no checksum.
    if (read === 0) return;
    done += read;
  }
}
