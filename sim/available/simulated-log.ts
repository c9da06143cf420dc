/**
 * The file of a namespace on a simulated disk, as `FrameLog` keeps it on a real one: one frame at a time,
 * with all records that waited for it; and now and then everything anew in place of what was there.
 */
import { assert } from '../../consensus/assert.js';
import type { NamespaceRecord } from '../../nodes/available/namespace-records.js';
import type { Context, DiskView } from '../world/index.js';

/** Records that became durable together; a file has the number of the last frame that it takes in. */
export type AvailableStored = {
  readonly number: number;
  readonly records: readonly NamespaceRecord[];
};

export interface SimulatedLogPorts {
  /** Everything, in as few records as there can be. */
  records(): readonly NamespaceRecord[];
  persisted(number: number): void;
  failed(): void;
  /** For `synced` and `syncFailed`; never used twice by a process. */
  nextToken(): number;
}

interface Sync {
  readonly token: number;
  /** The last record that it makes durable, by the number of the replica. */
  readonly last: number;
  readonly isFile: boolean;
}

const FILE = 'file';
const FRAME = 'frame ';

export class SimulatedLog {
  readonly #disk: DiskView<AvailableStored>;
  readonly #context: Pick<Context<unknown, AvailableStored>, 'write' | 'sync'>;
  readonly #ports: SimulatedLogPorts;
  readonly #framesMax: number;
  #waiting: { readonly record: NamespaceRecord; readonly number: number }[] = [];
  #sync: Sync | undefined;
  #number: number;
  /** Frames behind the file. */
  #frames: number;
  #isBroken = false;

  /** With `anew` the first thing that is written takes the place of all that is there. */
  constructor(
    disk: DiskView<AvailableStored>,
    context: Pick<Context<unknown, AvailableStored>, 'write' | 'sync'>,
    ports: SimulatedLogPorts,
    { framesMax, anew }: { readonly framesMax: number; readonly anew: boolean },
  ) {
    this.#disk = disk;
    this.#context = context;
    this.#ports = ports;
    this.#framesMax = framesMax;
    const frames = framesOf(disk);
    this.#number = frames.at(-1)?.number ?? disk.get(FILE)?.number ?? 0;
    const isThere = disk.get(FILE) !== undefined;
    this.#frames = anew || !isThere ? framesMax : frames.length;
  }

  /** What a start finds. */
  static read(disk: DiskView<AvailableStored>): NamespaceRecord[] {
    const file = disk.get(FILE);
    const frames = framesOf(disk);
    for (const [at, { number }] of frames.entries()) {
      assert(
        number === (file?.number ?? 0) + at + 1,
        'no frame is missing before one that is there',
      );
    }
    return [...(file?.records ?? []), ...frames.flatMap(({ records }) => records)];
  }

  append(record: NamespaceRecord, number: number): void {
    if (this.#isBroken) return;
    this.#waiting.push({ record, number });
    if (this.#sync === undefined) this.#write();
  }

  /** Whether the last write took the place of all others. */
  synced(token: number): boolean {
    const sync = this.#sync;
    if (sync?.token !== token) return false;
    this.#sync = undefined;
    if (sync.isFile) this.#forgetFrames();
    this.#ports.persisted(sync.last);
    if (this.#waiting.length > 0 && this.#sync === undefined) this.#write();
    return sync.isFile;
  }

  syncFailed(token: number): void {
    if (this.#sync?.token !== token) return;
    this.#isBroken = true;
    this.#ports.failed();
  }

  #write(): void {
    const group = this.#waiting;
    this.#waiting = [];
    const last = group.at(-1)?.number;
    assert(last !== undefined, 'a frame has records');
    this.#number += 1;
    const isFile = this.#frames >= this.#framesMax;
    const records = isFile ? this.#ports.records() : group.map(({ record }) => record);
    this.#context.write(isFile ? FILE : frameKey(this.#number), { number: this.#number, records });
    this.#frames = isFile ? 0 : this.#frames + 1;
    this.#sync = { token: this.#ports.nextToken(), last, isFile };
    this.#context.sync(this.#sync.token);
  }

  #forgetFrames(): void {
    const first = this.#disk.get(FILE)?.number ?? 0;
    for (const key of this.#disk.keys(FRAME)) {
      if ((this.#disk.get(key)?.number ?? 0) <= first) this.#context.write(key, undefined);
    }
  }
}

/** Those that the file has not taken in. */
function framesOf(disk: DiskView<AvailableStored>): AvailableStored[] {
  const first = disk.get(FILE)?.number ?? 0;
  const frames = disk.keys(FRAME).flatMap((key) => disk.get(key) ?? []);
  return frames.filter(({ number }) => number > first);
}

/** So that keys are in the order of their numbers. */
function frameKey(number: number): string {
  return `${FRAME}${String(number).padStart(12, '0')}`;
}
