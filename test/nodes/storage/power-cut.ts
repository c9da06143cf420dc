/** What a disk may hold after a power cut at some point of what was done to it. */
import { MemoryDisk, type Step } from './memory-disk.js';

const SECTOR_BYTES = 512;

/** A file by whatever names it had: what is durable of it, and what was done since its last sync. */
interface Inode {
  durable: Buffer;
  pending: Step[];
}

function applied(bytes: Buffer, step: Step, keeps: (sector: number) => boolean): Buffer {
  const { what, at = 0, length = 0 } = step;
  if (what === 'truncate') {
    const resized = Buffer.alloc(length);
    bytes.copy(resized);
    return resized;
  }
  const written = step.bytes as Buffer;
  let result = bytes;
  // A disk writes sectors whole or not at all, and in any order.
  for (let from = at; from < at + written.length;) {
    const to = Math.min(from - (from % SECTOR_BYTES) + SECTOR_BYTES, at + written.length);
    if (keeps(Math.floor(from / SECTOR_BYTES))) {
      if (result.length < to) result = Buffer.concat([result, Buffer.alloc(to - result.length)]);
      result.set(written.subarray(from - at, to - at), from);
    }
    from = to;
  }
  return result;
}

/**
 * The disk after a power cut that came when `journal` was done to `base`: of writes since the last sync of a
 * file each sector may be there or not, as `keeps` says; of changes to the directory since its last
 * sync the first ones, as many as `names` says of how many there are.
 */
export function afterPowerCut(
  journal: readonly Step[],
  keeps: () => boolean,
  names: (count: number) => number,
  base: MemoryDisk = new MemoryDisk(),
): MemoryDisk {
  const live = new Map<string, Inode>();
  for (const [path, bytes] of base.files) {
    live.set(path, { durable: Buffer.from(bytes), pending: [] });
  }
  const durable = new Map(live);
  let changes: (() => void)[] = [];
  for (const step of journal) {
    const { what, path, from = '' } = step;
    const inode = live.get(path);
    if (what === 'create') {
      const created: Inode = { durable: Buffer.alloc(0), pending: [] };
      live.set(path, created);
      changes.push(() => durable.set(path, created));
    } else if (what === 'rename') {
      const moved = live.get(from) as Inode;
      live.set(path, moved);
      live.delete(from);
      changes.push(() => {
        durable.set(path, moved);
        durable.delete(from);
      });
    } else if (what === 'remove') {
      live.delete(path);
      changes.push(() => durable.delete(path));
    } else if (what === 'write' || what === 'truncate') {
      inode?.pending.push(step);
    } else if (what === 'synced' && inode !== undefined) {
      // Writes are not sent while a sync is under way: all that is pending is covered.
      for (const each of inode.pending) inode.durable = applied(inode.durable, each, () => true);
      inode.pending = [];
    } else if (what === 'syncDirectory') {
      for (const change of changes) change();
      changes = [];
    }
  }
  for (const change of changes.slice(0, names(changes.length))) change();
  const disk = new MemoryDisk();
  for (const [path, { durable: bytes, pending }] of durable) {
    const fate = new Map<number, boolean>();
    const keepsSector = (sector: number): boolean => {
      const decided = fate.get(sector) ?? keeps();
      fate.set(sector, decided);
      return decided;
    };
    disk.put(
      path,
      pending.reduce((file, step) => applied(file, step, keepsSector), bytes),
    );
  }
  return disk;
}
