/**
 * The log and the hard state of a simulated node: one value an entry on the disk of the world, so that a
 * crash may keep any beginning of what was written.
 */
import type { Entry, HardState, Ready, SnapshotMeta } from '../../consensus/raft/index.js';
import type { DiskView } from '../world/index.js';
import { padded } from './model-engine.js';
import type { ModelDisk } from './model-engine.js';

const PREFIX = 'log/';
const keyOf = (index: number): string => `${PREFIX}${padded(index)}`;

export class SwarmLog {
  readonly #disk: ModelDisk;
  /** No entry on the disk has a later index. */
  #lastIndex: number;

  constructor(disk: ModelDisk) {
    this.#disk = disk;
    this.#lastIndex = Number(disk.keys(PREFIX).at(-1)?.slice(PREFIX.length) ?? 0);
  }

  /**
   * A crash keeps the first ones of these writes. Term and vote come before the entries, which may be
   * of that term; what is committed comes after those of them that it covers.
   */
  write({ hardState, entries }: Pick<Ready, 'hardState' | 'entries'>): void {
    const first = entries[0]?.index ?? Infinity;
    if (hardState !== undefined) {
      const commit = Math.min(hardState.commit, first - 1);
      this.#disk.write('hard', { ...hardState, commit });
    }
    if (entries.length > 0) this.cutFrom(first);
    for (const entry of entries) {
      this.#disk.write(keyOf(entry.index), entry);
      this.#lastIndex = entry.index;
    }
    if (hardState !== undefined && hardState.commit >= first) this.#disk.write('hard', hardState);
  }

  /** Removes what is at this index and after it. The last entry goes first: a crash leaves no gap. */
  cutFrom(first: number): void {
    for (let index = this.#lastIndex; index >= first; index -= 1) {
      const key = keyOf(index);
      if (this.#disk.get(key) !== undefined) this.#disk.write(key, undefined);
    }
    this.#lastIndex = Math.min(this.#lastIndex, first - 1);
  }

  /** Removes what is before this index, and at it. */
  forgetThrough(index: number): void {
    const last = keyOf(index);
    for (const key of this.#disk.keys(PREFIX)) {
      if (key <= last) this.#disk.write(key, undefined);
    }
  }
}

/**
 * What follows the snapshot; nothing if that has replaced the log, and a crash left some of it. A log is
 * read up to the first record that is not whole: what a failed sync lost ends it.
 */
export function storedEntries(disk: DiskView<unknown>, { index, term }: SnapshotMeta): Entry[] {
  const entries = disk.keys(PREFIX).map((key) => disk.get(key) as Entry);
  if (entries.some((entry) => entry.index === index && entry.term !== term)) return [];
  const following = entries.filter((entry) => entry.index > index);
  const gap = following.findIndex((entry, at) => entry.index !== index + 1 + at);
  return gap < 0 ? following : following.slice(0, gap);
}

/** The hard state is a record of the same log: behind what a failed sync lost it is not read. */
export function storedHardState(
  disk: DiskView<unknown>,
  usual: HardState,
  { index }: SnapshotMeta,
  entries: readonly Entry[],
): HardState {
  const hardState = (disk.get('hard') as HardState | undefined) ?? usual;
  const lastIndex = entries.at(-1)?.index ?? index;
  return { ...hardState, commit: Math.min(Math.max(hardState.commit, index), lastIndex) };
}
