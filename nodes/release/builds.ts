/**
 * Builds that are carried between machines: what this node takes in, from an operator or from another member,
 * and what it gives to other members. The digest of a release says which; whoever sends it is not believed.
 *
 *     operator --offer, put ..., end--> this node --manifest, read ...--> other members (`fetch`)
 *
 * One comes in at a time. One that fails, or of which nothing more comes, leaves nothing behind.
 */
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { NodeError } from '../errors.js';
import { UNFINISHED_SUFFIX } from '../storage/atomic-write.js';
import { bytesOf, decodeManifest, encodeManifest } from './build-manifest.js';
import type { BuildManifest } from './build-manifest.js';
import { readReleases } from './files.js';
import type { KnownRelease, ReleaseFiles } from './files.js';
import { describeBuild } from './identity.js';
import { BUILD_BLOCK_BYTES_MAX, BUILD_IDLE_MS } from './limits.js';
import { addRelease } from './registry.js';
import { Unpacking } from './unpacking.js';

/** Asks somebody who has the build. */
export interface BuildSource {
  manifest(digest: string): Promise<Uint8Array>;
  read(digest: string, offset: number, length: number): Promise<Uint8Array>;
}

interface Given {
  readonly folder: string;
  readonly manifest: BuildManifest;
}

export class CarriedBuilds {
  readonly #files: ReleaseFiles;
  #unpacking: Unpacking | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** What is asked of this node one after the other, so that no two calls write at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #given: Given | undefined;

  constructor(files: ReleaseFiles) {
    this.#files = files;
  }

  /** The release of that digest, if its very files are here. */
  async find(digest: string): Promise<KnownRelease | undefined> {
    const known = (await readReleases(this.#files)).find((one) => one.digest === digest);
    if (known === undefined) return undefined;
    const now = await describeBuild(known.path).catch(() => undefined);
    return now?.digest === digest ? known : undefined;
  }

  /**
   * Makes ready for a build. Resolves with the release when it is here already.
   * @throws NodeError `malformed` for a manifest that is none, `disk-full`, `refused` while another one comes.
   */
  async offer(manifestBytes: Uint8Array): Promise<KnownRelease | undefined> {
    const manifest = decodeManifest(manifestBytes);
    return this.#inTurn(async () => {
      const known = await this.find(manifest.digest);
      if (known !== undefined) return known;
      if (this.#unpacking !== undefined) {
        throw new NodeError(
          'refused',
          `${this.#unpacking.manifest.name} is on its way to this node; wait until it is here, or for ` +
            `${BUILD_IDLE_MS / 1_000} s after it stopped to come`,
        );
      }
      await this.#clean();
      this.#unpacking = await Unpacking.begin(this.#files.builds, manifest);
      this.#wait();
      return undefined;
    });
  }

  /** Takes the next bytes of the build that was offered. Any failure gives it up. */
  async put(digest: string, offset: number, bytes: Uint8Array): Promise<void> {
    await this.#inTurn(async () => {
      const unpacking = this.#current(digest);
      await this.#orDiscard(() => unpacking.write(offset, bytes));
      this.#wait();
    });
  }

  /** All bytes are here: checks them, asks the build what it is, and adds it. */
  async end(digest: string): Promise<KnownRelease> {
    return this.#inTurn(async () => {
      // An answer that was lost is asked for again.
      const known = this.#unpacking === undefined ? await this.find(digest) : undefined;
      if (known !== undefined) return known;
      const unpacking = this.#current(digest);
      clearTimeout(this.#idle);
      const added = await this.#orDiscard(async () => this.#add(unpacking));
      this.#unpacking = undefined;
      return added;
    });
  }

  /** Gives up what comes in; nothing of it stays. */
  async abandon(digest: string): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#unpacking?.manifest.digest === digest) await this.#discard();
    });
  }

  /** Gets a build from somebody who has it, unless it is here. */
  async fetch(digest: string, source: BuildSource, signal: AbortSignal): Promise<KnownRelease> {
    const bytes = await source.manifest(digest);
    const manifest = decodeManifest(bytes);
    if (manifest.digest !== digest) {
      throw new NodeError('malformed', `${manifest.name} came where ${digest} was asked for`);
    }
    const known = await this.offer(bytes);
    if (known !== undefined) return known;
    try {
      const total = bytesOf(manifest.files);
      for (let offset = 0; offset < total; offset += BUILD_BLOCK_BYTES_MAX) {
        signal.throwIfAborted();
        const length = Math.min(BUILD_BLOCK_BYTES_MAX, total - offset);
        await this.put(digest, offset, await source.read(digest, offset, length));
      }
      return await this.end(digest);
    } catch (error) {
      await this.abandon(digest);
      throw error;
    }
  }

  /** The manifest of a release that is here. Throws `refused` when it is not. */
  async manifest(digest: string): Promise<Uint8Array> {
    return encodeManifest((await this.#givenFor(digest)).manifest);
  }

  /** Bytes of a release that is here. Whoever reads compares them with the manifest. */
  async read(digest: string, offset: number, length: number): Promise<Uint8Array> {
    const { folder, manifest } = await this.#givenFor(digest);
    const parts: Uint8Array[] = [];
    let start = 0;
    for (const { path, bytes } of manifest.files) {
      const [from, to] = [Math.max(offset, start), Math.min(offset + length, start + bytes)];
      if (from < to) parts.push(await readPart(join(folder, path), from - start, to - from));
      start += bytes;
      if (start >= offset + length) break;
    }
    return Buffer.concat(parts);
  }

  async #givenFor(digest: string): Promise<Given> {
    if (this.#given?.manifest.digest === digest) return this.#given;
    const known = (await readReleases(this.#files)).find((one) => one.digest === digest);
    const manifest = known === undefined ? undefined : await describeBuild(known.path);
    if (known === undefined || manifest?.digest !== digest) {
      throw new NodeError('refused', `this node has no build with the digest ${digest}`);
    }
    this.#given = { folder: known.path, manifest };
    return this.#given;
  }

  async #add(unpacking: Unpacking): Promise<KnownRelease> {
    const folder = await unpacking.end();
    try {
      const added = await addRelease(this.#files, folder);
      if (added.name === unpacking.manifest.name) return added;
      throw new NodeError(
        'malformed',
        `${folder} is ${added.name}, not ${unpacking.manifest.name}`,
      );
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  #current(digest: string): Unpacking {
    if (this.#unpacking?.manifest.digest === digest) return this.#unpacking;
    throw new NodeError('refused', `no build with the digest ${digest} was offered to this node`);
  }

  async #orDiscard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.#discard();
      throw error;
    }
  }

  async #discard(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#unpacking?.discard();
    this.#unpacking = undefined;
  }

  #wait(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      void this.#inTurn(() => this.#discard()).catch(() => undefined);
    }, BUILD_IDLE_MS);
    this.#idle.unref();
  }

  /** What a process left that was killed, and folders that no release was made of. */
  async #clean(): Promise<void> {
    const names = await readdir(this.#files.builds).catch(() => []);
    const known = new Set((await readReleases(this.#files)).map(({ digest }) => digest));
    for (const name of names) {
      const isLeft = name.endsWith(UNFINISHED_SUFFIX) || !known.has(name);
      if (isLeft) await rm(join(this.#files.builds, name), { recursive: true, force: true });
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

async function readPart(path: string, position: number, length: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const part = Buffer.alloc(length);
    const { bytesRead } = await file.read(part, 0, length, position);
    return part.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
