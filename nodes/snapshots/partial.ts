/**
 * The receiver's side on its disk: a file of the snapshot's size, filled block by block in any order,
 * and beside it the manifest. Which blocks are there is not written down: after a restart each is
 * compared with its digest, so that neither a killed process nor a power cut can make it believe in
 * bytes that are not on the disk.
 *
 *     ID.blocks    manifest and trailer (format.ts), written first and whole
 *     ID.content   the content, blocks that are missing read as zeros or as anything
 */
import { mkdir, open, readFile, readdir, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { NodeError } from '../errors.js';
import { atomicWriteFile } from '../storage/index.js';
import { readExactly, requireDiskReserve, writeAll } from './build.js';
import { Manifest, TRAILER_BYTES, decodeTrailer, encodeTrailer } from './format.js';
import type { Description } from './format.js';

const MANIFEST_NAME = /^([0-9a-f]{64})\.blocks$/;

export class PartialSnapshot {
  readonly manifest: Manifest;
  readonly contentPath: string;
  readonly #manifestPath: string;
  readonly #file: FileHandle;
  readonly #isPresent: Uint8Array;
  #presentBlocks = 0;
  #presentBytes = 0;

  private constructor(directory: string, manifest: Manifest, file: FileHandle) {
    this.manifest = manifest;
    this.contentPath = contentPath(directory, manifest.description.id);
    this.#manifestPath = manifestPath(directory, manifest.description.id);
    this.#file = file;
    this.#isPresent = new Uint8Array(manifest.description.blocks);
  }

  /** Begins an empty one. Throws `disk-full` where its disk has no room for all of it. */
  static async create(directory: string, manifest: Manifest): Promise<PartialSnapshot> {
    const { description, bytes } = manifest;
    await mkdir(directory, { recursive: true });
    await requireDiskReserve(directory, description.contentBytes);
    await rm(contentPath(directory, description.id), { force: true });
    const trailer = encodeTrailer(description);
    const whole = Buffer.concat([bytes, trailer]);
    await atomicWriteFile(manifestPath(directory, description.id), whole);
    const file = await open(contentPath(directory, description.id), 'w+');
    return new PartialSnapshot(directory, manifest, file);
  }

  /** Ids of those in a directory, whole or not. */
  static async list(directory: string): Promise<string[]> {
    const names = await readdir(directory).catch(() => []);
    return names.flatMap((name) => MANIFEST_NAME.exec(name)?.[1] ?? []);
  }

  /** Opens one that a process before left. Throws `malformed` when its manifest cannot be read. */
  static async open(directory: string, id: string): Promise<PartialSnapshot> {
    const bytes = await readFile(manifestPath(directory, id));
    const end = bytes.length - TRAILER_BYTES;
    if (end < 0) throw new NodeError('malformed', `the manifest of ${id} is cut off`);
    const manifest = new Manifest(decodeTrailer(bytes.subarray(end)), bytes.subarray(0, end));
    if (manifest.description.id !== id) {
      throw new NodeError('malformed', `the manifest of ${id} is that of another snapshot`);
    }
    // Not truncated, and created where it is missing.
    const file = await open(contentPath(directory, id), 'a+').then(async (created) => {
      await created.close();
      return open(contentPath(directory, id), 'r+');
    });
    const partial = new PartialSnapshot(directory, manifest, file);
    try {
      await partial.#findPresent();
    } catch (error) {
      await file.close();
      throw error;
    }
    return partial;
  }

  /** Removes the files that belong to none of the snapshots named; folders stay. */
  static async removeOthers(directory: string, kept: readonly string[]): Promise<void> {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const { name } = entry;
      if (entry.isDirectory()) continue;
      if (kept.some((id) => name === `${id}.blocks` || name === `${id}.content`)) continue;
      await rm(join(directory, name), { force: true });
    }
  }

  get description(): Description {
    return this.manifest.description;
  }

  get presentBytes(): number {
    return this.#presentBytes;
  }

  get isComplete(): boolean {
    return this.#presentBlocks === this.description.blocks;
  }

  has(block: number): boolean {
    return this.#isPresent[block] === 1;
  }

  /** False, and nothing changes, when the bytes are not those of the block. Idempotent. */
  async put(block: number, bytes: Uint8Array): Promise<boolean> {
    if (!this.manifest.matches(block, bytes)) return false;
    if (this.has(block)) return true;
    await writeAll(this.#file, bytes, this.manifest.offset(block));
    this.#markPresent(block);
    return true;
  }

  /** The bytes of a block that is there; undefined when they are not what they were. */
  async get(block: number): Promise<Uint8Array | undefined> {
    const { manifest } = this;
    const bytes = await readExactly(this.#file, manifest.offset(block), manifest.length(block));
    return bytes !== undefined && manifest.matches(block, bytes) ? bytes : undefined;
  }

  /** Copies every block that another snapshot has in common with this one; returns their bytes. */
  async adopt(other: PartialSnapshot): Promise<number> {
    const theirs = new Map<string, number>();
    for (let block = 0; block < other.description.blocks; block += 1) {
      if (other.has(block)) theirs.set(other.manifest.digest(block).toString('base64'), block);
    }
    const before = this.#presentBytes;
    for (let block = 0; block < this.description.blocks; block += 1) {
      if (this.has(block)) continue;
      const found = theirs.get(this.manifest.digest(block).toString('base64'));
      const bytes = found === undefined ? undefined : await other.get(found);
      if (bytes !== undefined) await this.put(block, bytes);
    }
    return this.#presentBytes - before;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Closes and removes the files; the manifest last, so that a crash leaves no nameless content. */
  async remove(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(this.contentPath, { force: true });
    await rm(this.#manifestPath, { force: true });
  }

  async #findPresent(): Promise<void> {
    const { size } = await this.#file.stat();
    for (let block = 0; block < this.description.blocks; block += 1) {
      if (this.manifest.offset(block) >= size) return;
      if ((await this.get(block)) !== undefined) this.#markPresent(block);
    }
  }

  #markPresent(block: number): void {
    if (this.has(block)) return;
    this.#isPresent[block] = 1;
    this.#presentBlocks += 1;
    this.#presentBytes += this.manifest.length(block);
  }
}

function contentPath(directory: string, id: string): string {
  return join(directory, `${id}.content`);
}

function manifestPath(directory: string, id: string): string {
  return join(directory, `${id}.blocks`);
}
