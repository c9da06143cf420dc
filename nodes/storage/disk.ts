import { fdatasync, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, readdir, rename, unlink } from 'node:fs/promises';

/** An open file, as far as the store needs one. */
export interface StorageFile {
  /** Writes all of `bytes` at `position`. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Fills `bytes` from `position` on, as far as the file goes; resolves with how many that are. */
  read(bytes: Uint8Array, position: number): Promise<number>;
  /** Bytes of the file. */
  size(): Promise<number>;
  /** fdatasync(2): data, and the length needed to read it back, are on the disk. */
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * The file system, as far as the store needs one. Everything rejects with what `node:fs` rejects
 * with. A test or a simulator passes its own to make the disk fail.
 */
export interface StorageDisk {
  /** Opens for writing; `create` makes a new file and fails if there is one. */
  open(path: string, mode: 'create' | 'existing'): Promise<StorageFile>;
  read(path: string): Promise<Uint8Array>;
  /** Names of the files in `directory`. */
  list(directory: string): Promise<string[]>;
  makeDirectory(directory: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in `directory` durable. */
  syncDirectory(directory: string): Promise<void>;
}

/** Writes up to so long go to the page cache at once: a thread for that would cost more than the copy. */
const DIRECT_WRITE_BYTES_MAX = 64 * 1024;

class NodeFile implements StorageFile {
  constructor(private readonly handle: FileHandle) {}

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const isDirect = bytes.length <= DIRECT_WRITE_BYTES_MAX;
    let done = 0;
    while (done < bytes.length) {
      const left = bytes.length - done;
      if (isDirect) {
        done += writeSync(this.handle.fd, bytes, done, left, position + done);
      } else {
        const { bytesWritten } = await this.handle.write(bytes, done, left, position + done);
        done += bytesWritten;
      }
    }
  }

  async read(bytes: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < bytes.length) {
      const left = bytes.length - done;
      const { bytesRead } = await this.handle.read(bytes, done, left, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async size(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  datasync(): Promise<void> {
    // By a callback: a promise of the file handle costs twice the processor time.
    return new Promise((resolve, reject) => {
      fdatasync(this.handle.fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  async truncate(length: number): Promise<void> {
    await this.handle.truncate(length);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** The disk of this machine. */
export const nodeDisk: StorageDisk = {
  async open(path, mode) {
    return new NodeFile(await open(path, mode === 'create' ? 'wx' : 'r+'));
  },
  async read(path) {
    return readFile(path);
  },
  async list(directory) {
    return readdir(directory);
  },
  async makeDirectory(directory) {
    await mkdir(directory, { recursive: true });
  },
  async rename(from, to) {
    await rename(from, to);
  },
  async remove(path) {
    await unlink(path);
  },
  async syncDirectory(directory) {
    // Windows cannot open a directory; there a rename is durable once it returns.
    if (process.platform === 'win32') return;
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
