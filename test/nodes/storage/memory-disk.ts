import { basename, dirname, join } from 'node:path';
import type { StorageDisk, StorageFile } from '../../../nodes/storage/index.js';

/** Bytes that a disk writes whole or not at all. */
const SECTOR = 512;

/** An operation of a disk, in the order in which they happened. */
export type Operation = readonly [what: string, name: string];

/** An operation with all that it takes to do it again. */
export interface Step {
  readonly what: string;
  readonly path: string;
  /** What a rename leaves. */
  readonly from?: string;
  readonly bytes?: Buffer;
  readonly at?: number;
  readonly length?: number;
}

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
  /** Everything that was done, if it is to be known. */
  journal: Step[] | null = null;
  /** Asked before each operation; the error code that it returns is thrown. */
  failing: (what: string, name: string) => string | undefined = () => undefined;
  /** What part of its bytes a write that fails leaves behind. */
  shortWrites = 0;
  /** Delays each sync, so that calls can pile up. */
  syncDelay: () => Promise<void> = () => Promise.resolve();

  private note(what: string, path: string, detail: Omit<Step, 'what' | 'path'> = {}): void {
    this.operations.push([what, basename(path)]);
    this.journal?.push({ what, path, ...detail });
  }

  private log(what: string, path: string, detail: Omit<Step, 'what' | 'path'> = {}): void {
    const code = this.failing(what, basename(path));
    if (code === undefined) {
      this.note(what, path, detail);
      return;
    }
    this.operations.push([what, basename(path)]);
    throw systemError(code);
  }

  /** Where the files lie now that are open; a rename takes them along. */
  private readonly handles = new Set<{ path: string }>();

  private file(at: string): StorageFile {
    const handle = { path: at };
    this.handles.add(handle);
    const content = (): Buffer => this.files.get(handle.path) ?? Buffer.alloc(0);
    const put = (bytes: Uint8Array, position: number): void => {
      const old = content();
      if (position + bytes.length <= old.length) return void old.set(bytes, position);
      const grown = Buffer.alloc(position + bytes.length);
      old.copy(grown);
      grown.set(bytes, position);
      this.files.set(handle.path, grown);
    };
    return {
      write: async (bytes, position) => {
        try {
          this.log('write', handle.path, { bytes: Buffer.from(bytes), at: position });
        } catch (error) {
          // Up to the sector where it ended: what was to lie in one is there or not at all.
          const end = Math.floor((position + bytes.length * this.shortWrites) / SECTOR) * SECTOR;
          if (end > position) put(bytes.subarray(0, end - position), position);
          throw error;
        }
        put(bytes, position);
      },
      read: async (bytes, position) => {
        this.log('read', handle.path);
        const found = content().subarray(position, position + bytes.length);
        bytes.set(found);
        return found.length;
      },
      size: async () => content().length,
      datasync: async () => {
        const snapshot = Buffer.from(content());
        this.log('datasync', handle.path);
        await this.syncDelay();
        this.durable.set(handle.path, snapshot);
        this.note('synced', handle.path);
      },
      truncate: async (length) => {
        this.log('truncate', handle.path, { length });
        const resized = Buffer.alloc(length);
        content().copy(resized);
        this.files.set(handle.path, resized);
      },
      close: async () => {
        this.handles.delete(handle);
      },
    };
  }

  async open(path: string, mode: 'create' | 'existing'): Promise<StorageFile> {
    this.log('open', path);
    if (mode === 'create' && this.files.has(path)) throw systemError('EEXIST');
    if (mode === 'existing' && !this.files.has(path)) throw systemError('ENOENT');
    if (mode === 'create') {
      this.files.set(path, Buffer.alloc(0));
      this.journal?.push({ what: 'create', path });
    }
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
    this.log('rename', to, { from });
    for (const handle of this.handles) if (handle.path === from) handle.path = to;
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
