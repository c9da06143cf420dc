/** An open file of frames: appends in groups, each acknowledged when it is on the disk. */
import { constants, fdatasync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FrameFile, FrameRecord } from './frame-file.js';

interface Waiting<Kind extends string> {
  readonly record: FrameRecord<Kind>;
  resolve(): void;
  reject(error: unknown): void;
}

export interface FrameLogOptions<Kind extends string> {
  readonly path: string;
  readonly name: string;
  readonly frames: FrameFile<Kind>;
  /** The content in as few records as there can be, all that was appended so far among it. */
  readonly snapshot: () => readonly FrameRecord<Kind>[];
  /**
   * A write or a sync of this file had failed before: what is read is in the memory of the system, and no
   * sync would bring it to the disk any more. The first append writes all of it anew.
   */
  readonly anew?: boolean;
}

export class FrameLog<Kind extends string> {
  readonly #options: FrameLogOptions<Kind>;
  #file: FileHandle | undefined;
  #bytes: number;
  /** Length from which on the file is written anew. */
  #compactAt: number;
  #waiting: Waiting<Kind>[] = [];
  #writing: Promise<void> | undefined;
  /** Once a write has failed nobody knows what the disk holds: nothing is written any more. */
  #failure: Error | undefined;
  #isClosed = false;

  private constructor(options: FrameLogOptions<Kind>, file: FileHandle | undefined, bytes: number) {
    this.#options = options;
    this.#file = file;
    this.#bytes = bytes;
    this.#compactAt = options.anew === true ? 0 : this.#nextCompaction(bytes);
  }

  /**
   * Reads the file if there is one, and cuts off what was not finished. A new file is made by the first
   * append. Throws `damaged` or `disk` of the format.
   */
  static async open<Kind extends string>(
    options: FrameLogOptions<Kind>,
  ): Promise<{
    readonly log: FrameLog<Kind>;
    readonly records: readonly FrameRecord<Kind>[];
  }> {
    const { path, name, frames } = options;
    let file: FileHandle | undefined;
    try {
      await rm(unfinished(path), { force: true });
      file = await openExisting(path);
      if (file === undefined) return { log: new FrameLog(options, undefined, 0), records: [] };
      const content = frames.decode(await readBounded(file, path, frames.format), path);
      if (content.name !== name) {
        throw frames.format.fail('damaged', `the file ${path} is of ${content.name}, not ${name}`);
      }
      await file.truncate(content.bytes);
      // The process before may have been killed between a write and its sync.
      await datasync(file);
      return { log: new FrameLog(options, file, content.bytes), records: content.records };
    } catch (error) {
      await file?.close();
      throw diskError(error, path, frames.format);
    }
  }

  /** Resolves when the record would outlive a crash. Rejects with `disk` or `closed` of the format. */
  append(record: FrameRecord<Kind>): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isClosed) {
      const { name, frames } = this.#options;
      return Promise.reject(
        frames.format.fail('closed', `${frames.format.what}, ${name}, is closed`),
      );
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
        const frame = this.#options.frames.encodeFrame(group.map(({ record }) => record));
        if (this.#file === undefined || this.#bytes + frame.length > this.#compactAt) {
          await this.#compact();
        } else {
          await writeAll(this.#file, frame, this.#bytes);
          await datasync(this.#file);
          this.#bytes += frame.length;
        }
        for (const { resolve } of group) resolve();
      } catch (error) {
        const { path, frames } = this.#options;
        this.#failure = diskError(error, path, frames.format);
        for (const { reject } of group) reject(this.#failure);
      }
    }
    this.#writing = undefined;
  }

  /** Writes all that there is now, with what waits for this, in place of the file. */
  async #compact(): Promise<void> {
    const { path: place, name, frames, snapshot } = this.#options;
    const bytes = Buffer.concat([frames.encodeHeader(name), frames.encodeFrame(snapshot())]);
    const path = unfinished(place);
    const file = await open(path, 'w+', 0o600);
    try {
      await writeAll(file, bytes, 0);
      await datasync(file);
      await rename(path, place);
      await syncFolder(dirname(place));
    } catch (error) {
      await file.close();
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    this.#bytes = bytes.length;
    this.#compactAt = this.#nextCompaction(bytes.length);
  }

  #nextCompaction(bytes: number): number {
    return Math.max(this.#options.frames.format.compactionBytesMin, bytes * 2);
  }
}

/**
 * The name in the header of a file, of at most so many characters. Throws `damaged` of the format, and what
 * the system says.
 */
export async function readName(
  frames: FrameFile<string>,
  path: string,
  charactersMax: number,
): Promise<string> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(HEADER_BYTES_BESIDE_NAME + UTF8_BYTES_MAX * charactersMax);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return frames.decodeName(bytes.subarray(0, bytesRead), path);
  } finally {
    await file.close();
  }
}

/** Magic, length and checksum. */
const HEADER_BYTES_BESIDE_NAME = 16;
const UTF8_BYTES_MAX = 4;

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

type Format = FrameFile<string>['format'];

async function readBounded(file: FileHandle, path: string, format: Format): Promise<Buffer> {
  const { size } = await file.stat();
  if (size > format.bytesMax) {
    const sentence = `the file ${path} has ${size} bytes: no file of ${format.what} has so many`;
    throw format.fail('damaged', sentence);
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

/** What the system says; errors of the format stay as they are. */
function diskError(error: unknown, path: string, format: Format): Error {
  if (format.isOwn(error)) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  const said = error instanceof Error ? error.message : String(error);
  const what = isFull ? 'the disk is full' : said;
  return format.fail('disk', `${path} cannot be used: ${what}`, error);
}
