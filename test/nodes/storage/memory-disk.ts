import { basename, dirname, join } from 'node:path';
import type { StorageDisk, StorageFile } from '../../../nodes/storage/index.js';

/** An operation of a disk, in the order in which they happened. */
export type Operation = readonly [what: string, name: string];

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** A disk in memory that fails on command and tells what is durable. */
export class MemoryDisk implements StorageDisk {
  /** What the operating system shows. */
  readonly files = new Map<string, Buffer>();
  /** What a power cut leaves: contents as of the last sync of each file. */
  readonly durable = new Map<string, Buffer>();
  readonly operations: Operation[] = [];
  /** Asked before each operation; the error code that it returns is thrown. */
  failing: (what: string, name: string) => string | undefined = () => undefined;
  /** Delays each sync, so that calls can pile up. */
  syncDelay: () => Promise<void> = () => Promise.resolve();

  private log(what: string, path: string): void {
    const name = basename(path);
    this.operations.push([what, name]);
    const code = this.failing(what, name);
    if (code !== undefined) throw systemError(code);
  }

  private file(path: string): StorageFile {
    return {
      write: async (bytes, position) => {
        this.log('write', path);
        const old = this.files.get(path) ?? Buffer.alloc(0);
        const grown = Buffer.alloc(Math.max(old.length, position + bytes.length));
        old.copy(grown);
        grown.set(bytes, position);
        this.files.set(path, grown);
      },
      datasync: async () => {
        const snapshot = Buffer.from(this.files.get(path) ?? Buffer.alloc(0));
        this.log('datasync', path);
        await this.syncDelay();
        this.durable.set(path, snapshot);
        this.operations.push(['synced', basename(path)]);
      },
      truncate: async (length) => {
        this.log('truncate', path);
        this.files.set(path, Buffer.from((this.files.get(path) as Buffer).subarray(0, length)));
      },
      close: async () => {},
    };
  }

  async open(path: string, mode: 'create' | 'existing'): Promise<StorageFile> {
    this.log('open', path);
    if (mode === 'create' && this.files.has(path)) throw systemError('EEXIST');
    if (mode === 'existing' && !this.files.has(path)) throw systemError('ENOENT');
    if (mode === 'create') this.files.set(path, Buffer.alloc(0));
    return this.file(path);
  }

  async read(path: string): Promise<Uint8Array> {
    this.log('read', path);
    const bytes = this.files.get(path);
    if (bytes === undefined) throw systemError('ENOENT');
    return Buffer.from(bytes);
  }

  async list(directory: string): Promise<string[]> {
    return [...this.files.keys()]
      .filter((path) => dirname(path) === directory)
      .map((path) => basename(path));
  }

  async makeDirectory(directory: string): Promise<void> {
    this.log('makeDirectory', directory);
  }

  async rename(from: string, to: string): Promise<void> {
    this.log('rename', to);
    this.files.set(to, this.files.get(from) as Buffer);
    this.files.delete(from);
    const durable = this.durable.get(from);
    if (durable !== undefined) this.durable.set(to, durable);
    this.durable.delete(from);
  }

  async remove(path: string): Promise<void> {
    this.log('remove', path);
    if (!this.files.delete(path)) throw systemError('ENOENT');
    this.durable.delete(path);
  }

  async syncDirectory(directory: string): Promise<void> {
    this.log('syncDirectory', directory);
  }

  /** The same disk after a power cut: only what was synced is left. */
  afterPowerCut(): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [path, bytes] of this.durable) disk.put(path, bytes);
    return disk;
  }

  /** A copy with its files as they are. */
  copy(): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [path, bytes] of this.files) disk.put(path, bytes);
    return disk;
  }

  put(path: string, bytes: Uint8Array): void {
    this.files.set(path, Buffer.from(bytes));
    this.durable.set(path, Buffer.from(bytes));
  }

  /** The files of the directory, by name. */
  names(): string[] {
    return [...this.files.keys()].map((path) => basename(path)).sort();
  }

  /** The bytes of a file, to be changed in place. */
  bytes(directory: string, name: string): Buffer {
    return this.files.get(join(directory, name)) as Buffer;
  }
}
