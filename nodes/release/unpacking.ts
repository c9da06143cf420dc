/**
 * One build on its way into a directory: its bytes in the order of its manifest, written into a folder of
 * their own. Each file is checked and on the disk before the next begins; nothing has its name before all
 * have.
 *
 *     builds/DIGEST.unfinished/ --(every file checked and synced)--> dependencies linked --> builds/DIGEST/
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { directoryError } from '../data-directory.js';
import { NodeError } from '../errors.js';
import { requireDiskReserve, writeAll } from '../snapshots/build.js';
import { UNFINISHED_SUFFIX } from '../storage/atomic-write.js';
import { nodeDisk } from '../storage/disk.js';
import { bytesOf, foldersOf } from './build-manifest.js';
import type { BuildManifest } from './build-manifest.js';
import { linkDependencies } from './dependencies.js';

interface OpenFile {
  readonly handle: FileHandle;
  readonly hash: Hash;
  written: number;
}

export class Unpacking {
  readonly manifest: BuildManifest;
  readonly #folder: string;
  readonly #bytesTotal: number;
  #received = 0;
  #at = 0;
  #file: OpenFile | undefined;

  private constructor(folder: string, manifest: BuildManifest) {
    this.#folder = folder;
    this.manifest = manifest;
    this.#bytesTotal = bytesOf(manifest.files);
  }

  /** Throws `NodeError` `disk-full` when there is no room for the build. */
  static async begin(builds: string, manifest: BuildManifest): Promise<Unpacking> {
    await mkdir(builds, { recursive: true, mode: 0o700 });
    await requireDiskReserve(builds, bytesOf(manifest.files), 'a build');
    const unpacking = new Unpacking(join(builds, manifest.digest), manifest);
    await rm(unpacking.#unfinished, { recursive: true, force: true });
    await mkdir(unpacking.#unfinished, { mode: 0o700 });
    return unpacking;
  }

  get #unfinished(): string {
    return this.#folder + UNFINISHED_SUFFIX;
  }

  /** So many bytes are here; whoever sends goes on with them. */
  get received(): number {
    return this.#received;
  }

  /** Takes bytes that follow those that are here; what is here already is passed over. */
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    try {
      await this.#write(offset, bytes);
    } catch (error) {
      throw directoryError(dirname(this.#folder), error);
    }
  }

  async #write(offset: number, bytes: Uint8Array): Promise<void> {
    if (offset + bytes.length <= this.#received) return;
    if (offset !== this.#received || offset + bytes.length > this.#bytesTotal) {
      throw new NodeError(
        'malformed',
        `bytes ${offset} to ${offset + bytes.length} of a build of ${this.#bytesTotal} came, and ` +
          `${this.#received} are here`,
      );
    }
    let left = bytes;
    while (left.length > 0) {
      const expected = this.manifest.files[this.#at]?.bytes ?? 0;
      const file = await this.#openFile();
      const part = left.subarray(0, expected - file.written);
      await writeAll(file.handle, part, file.written);
      file.hash.update(part);
      file.written += part.length;
      left = left.subarray(part.length);
      if (file.written === expected) await this.#endFile();
    }
    this.#received += bytes.length;
  }

  /** Gives the build its name; resolves with its folder. */
  async end(): Promise<string> {
    while (this.#at < this.manifest.files.length && this.manifest.files[this.#at]?.bytes === 0) {
      await this.#openFile();
      await this.#endFile();
    }
    if (this.#at < this.manifest.files.length) {
      throw new NodeError(
        'malformed',
        `${this.#received} of ${this.#bytesTotal} bytes of the build came`,
      );
    }
    await linkDependencies(this.#unfinished, this.manifest);
    const folders = new Set(['.', ...this.manifest.files.flatMap(({ path }) => foldersOf(path))]);
    for (const folder of folders) await nodeDisk.syncDirectory(join(this.#unfinished, folder));
    await rm(this.#folder, { recursive: true, force: true });
    await rename(this.#unfinished, this.#folder);
    await nodeDisk.syncDirectory(dirname(this.#folder));
    return this.#folder;
  }

  /** Leaves nothing behind, whatever had come. */
  async discard(): Promise<void> {
    await this.#file?.handle.close();
    this.#file = undefined;
    await rm(this.#unfinished, { recursive: true, force: true });
  }

  async #openFile(): Promise<OpenFile> {
    if (this.#file !== undefined) return this.#file;
    const entry = this.manifest.files[this.#at];
    if (entry === undefined) throw new NodeError('malformed', 'more bytes came than the build has');
    const path = join(this.#unfinished, entry.path);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    this.#file = { handle: await open(path, flags, 0o644), hash: createHash('sha256'), written: 0 };
    return this.#file;
  }

  async #endFile(): Promise<void> {
    const file = this.#file;
    const entry = this.manifest.files[this.#at];
    if (file === undefined || entry === undefined) return;
    await file.handle.datasync();
    await file.handle.close();
    this.#file = undefined;
    this.#at += 1;
    if (file.hash.digest('hex') === entry.sha256) return;
    throw new NodeError('malformed', `${entry.path} came with other bytes than the build has`);
  }
}
