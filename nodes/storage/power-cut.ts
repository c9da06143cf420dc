/**
 * Whether a power cut may have taken something from the directory. A file beside the log says which
 * boot of the machine a process used it in; it is removed when the store is closed. Found again in
 * another boot, it tells of a power cut, or of a crash of the whole machine: what a disk had said to
 * have synced, and kept in a cache of its own, may be gone. A process that was killed loses nothing.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { atomicWriteFile } from './atomic-write.js';
import { type StorageDisk, nodeDisk } from './disk.js';
import { toStorageError } from './error.js';

const NAME = 'in-use.json';
const FORMAT_VERSION = 1;
const BOOT_ID_PATH = '/proc/sys/kernel/random/boot_id';

const markSchema = z.object({
  formatVersion: z.literal(FORMAT_VERSION),
  /** Null where the system does not tell boots apart: then each unclean end may be a power cut. */
  bootId: z.string().nullable(),
  /** A power cut before has not been made up for. */
  suspect: z.boolean(),
});

/** See the head of this file. */
export class PowerCutMark {
  private constructor(
    private readonly path: string,
    private readonly bootId: string | null,
    private readonly disk: StorageDisk,
    /** Whether there was a power cut that nothing has made up for. */
    public suspect: boolean,
  ) {}

  /** Reads the mark of `directory` and leaves one for this process. Throws a `StorageError`. */
  static async leave(
    directory: string,
    options: { readonly disk?: StorageDisk; readonly bootId?: string | null } = {},
  ): Promise<PowerCutMark> {
    const { disk = nodeDisk } = options;
    const bootId = options.bootId === undefined ? await readBootId(disk) : options.bootId;
    const path = join(directory, NAME);
    const found = await readMark(disk, path);
    const isOther = found !== null && (found.bootId === null || found.bootId !== bootId);
    const mark = new PowerCutMark(path, bootId, disk, isOther || found?.suspect === true);
    await mark.write();
    return mark;
  }

  /** What may have been lost has been made up for. */
  async trust(): Promise<void> {
    this.suspect = false;
    await this.write();
  }

  /** To be called after the store was closed without a failure. */
  async remove(): Promise<void> {
    // A suspicion outlives the process.
    if (this.suspect) return;
    try {
      await this.disk.remove(this.path);
    } catch (error) {
      throw toStorageError(error, 'removing', this.path);
    }
  }

  private async write(): Promise<void> {
    const mark = { formatVersion: FORMAT_VERSION, bootId: this.bootId, suspect: this.suspect };
    await atomicWriteFile(this.path, Buffer.from(JSON.stringify(mark)), this.disk);
  }
}

/** Anything that is not a mark of this version was left by a power cut, or by a later release. */
async function readMark(
  disk: StorageDisk,
  path: string,
): Promise<{ bootId: string | null; suspect: boolean } | null> {
  let bytes: Uint8Array;
  try {
    bytes = await disk.read(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw toStorageError(error, 'reading', path);
  }
  try {
    return markSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    return { bootId: null, suspect: true };
  }
}

async function readBootId(disk: StorageDisk): Promise<string | null> {
  try {
    return Buffer.from(await disk.read(BOOT_ID_PATH))
      .toString('utf8')
      .trim();
  } catch {
    return null;
  }
}
