/** The open file of one document: appends in groups, each acknowledged when it is on the disk. */
import { constants, fdatasync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type FileRecord, decodeFile, encodeFrame, encodeHeader } from './document-file.js';
import { DocumentError, messageOf } from './error.js';
import { COMPACTION_BYTES_MIN, FILE_BYTES_MAX } from './limits.js';

interface Waiting {
  readonly record: FileRecord;
  resolve(): void;
  reject(error: unknown): void;
}

/** The content of a document in as few records as there can be. */
export type Snapshot = () => readonly FileRecord[];

export class DocumentLog {
  readonly #path: string;
  readonly #name: string;
  readonly #snapshot: Snapshot;
  #file: FileHandle | undefined;
  #bytes: number;
  /** Length from which on the file is written anew. */
  #compactAt: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  /** Once a write has failed nobody knows what the disk holds: nothing is written any more. */
  #failure: DocumentError | undefined;
  #isClosed = false;

  private constructor(
    path: string,
    name: string,
    snapshot: Snapshot,
    file: FileHandle | undefined,
    bytes: number,
  ) {
    this.#path = path;
    this.#name = name;
    this.#snapshot = snapshot;
    this.#file = file;
    this.#bytes = bytes;
    this.#compactAt = Math.max(COMPACTION_BYTES_MIN, bytes * 2);
  }

  /**
   * Reads the file if there is one, and cuts off what was not finished. The file of a new document is
   * made by the first append. Throws `DocumentError` `damaged` or `disk`.
   */
  static async open(
    path: string,
    name: string,
    snapshot: Snapshot,
  ): Promise<{ readonly log: DocumentLog; readonly records: readonly FileRecord[] }> {
    let file: FileHandle | undefined;
    try {
      await rm(unfinished(path), { force: true });
      file = await openExisting(path);
      if (file === undefined) {
        return { log: new DocumentLog(path, name, snapshot, undefined, 0), records: [] };
      }
      const content = decodeFile(await readBounded(file, path), path);
      if (content.name !== name) {
        throw new DocumentError('damaged', `the file ${path} is of the document ${content.name}`);
      }
      await file.truncate(content.bytes);
      const log = new DocumentLog(path, name, snapshot, file, content.bytes);
      return { log, records: content.records };
    } catch (error) {
      await file?.close();
      throw diskError(error, path);
    }
  }

  /** Resolves when the record would outlive a crash. Rejects with `DocumentError` `disk`, `closed`. */
  append(record: FileRecord): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isClosed) {
      return Promise.reject(new DocumentError('closed', `the document ${this.#name} is closed`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** Resolves when all appends are settled and the file is closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(): Promise<void> {
    // What is appended in this turn of the event loop shares a sync.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      try {
        if (this.#failure !== undefined) throw this.#failure;
        const frame = encodeFrame(group.map(({ record }) => record));
        if (this.#file === undefined || this.#bytes + frame.length > this.#compactAt) {
          await this.#compact();
        } else {
          await writeAll(this.#file, frame, this.#bytes);
          await datasync(this.#file);
          this.#bytes += frame.length;
        }
        for (const { resolve } of group) resolve();
      } catch (error) {
        this.#failure = diskError(error, this.#path);
        for (const { reject } of group) reject(this.#failure);
      }
    }
    this.#writing = undefined;
  }

  /** Writes all that the document is now, with what waits for this, in place of the file. */
  async #compact(): Promise<void> {
    const bytes = Buffer.concat([encodeHeader(this.#name), encodeFrame(this.#snapshot())]);
    const path = unfinished(this.#path);
    const file = await open(path, 'w+', 0o600);
    try {
      await writeAll(file, bytes, 0);
      await datasync(file);
      await rename(path, this.#path);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      await file.close();
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    this.#bytes = bytes.length;
    this.#compactAt = Math.max(COMPACTION_BYTES_MIN, bytes.length * 2);
  }
}

/** What a file is called while it is written; such a file is left over from a crash. */
function unfinished(path: string): string {
  return `${path}.unfinished`;
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readBounded(file: FileHandle, path: string): Promise<Buffer> {
  const { size } = await file.stat();
  if (size > FILE_BYTES_MAX) {
    throw new DocumentError(
      'damaged',
      `the file ${path} has ${size} bytes: no document has so many`,
    );
  }
  return file.readFile();
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const left = bytes.length - done;
    done += (await file.write(bytes, done, left, position + done)).bytesWritten;
  }
}

function datasync(file: FileHandle): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(file.fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function diskError(error: unknown, path: string): DocumentError {
  if (error instanceof DocumentError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  const what = isFull ? 'the disk is full' : messageOf(error);
  return new DocumentError('disk', `${path} cannot be used: ${what}`, { cause: error });
}
