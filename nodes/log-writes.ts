import type { Ready } from '../consensus/raft/index.js';
import type { RaftLogStore } from './storage/index.js';

/**
 * The writes of one Raft node. They may overlap, so that the store can put several under one sync, but
 * each is reported only after all before it: a later ready may acknowledge what an earlier one
 * writes, and have nothing to write itself.
 */
export class LogWrites {
  readonly #store: RaftLogStore;
  readonly #failed: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #underWay = 0;
  #installsUnderWay = 0;

  /** `failed` is told of the first write that failed; nothing is reported as written after it. */
  constructor(store: RaftLogStore, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /**
   * Writes what a ready holds: its snapshot by `install`, if it has one, then hard state and entries.
   * Calls `written` when that and everything before it is durable, at once if nothing is under way.
   */
  add(ready: Ready, install: (() => Promise<void>) | undefined, written: () => void): void {
    const { hardState, entries, repaired, mustSync: sync } = ready;
    const isNews = hardState !== undefined || entries.length > 0 || repaired.length > 0;
    const isWrite = isNews || install !== undefined;
    if (!isWrite && this.#underWay === 0) {
      written();
      return;
    }
    const append = (): Promise<void> => {
      if (!isNews) return Promise.resolve();
      return this.#store.append({ hardState, entries, repaired, sync });
    };
    const previous = this.#last;
    let done: Promise<void>;
    if (install !== undefined) {
      this.#installsUnderWay += 1;
      done = previous
        .then(install)
        .then(append)
        .finally(() => (this.#installsUnderWay -= 1));
    } else {
      done = this.#installsUnderWay > 0 ? previous.then(append) : append();
    }
    this.#underWay += 1;
    this.#last = Promise.all([previous, done]).then(() => {
      this.#underWay -= 1;
      written();
    });
    this.#last.catch(this.#failed);
  }

  /** Resolves when nothing is under way any more; never rejects. */
  async done(): Promise<void> {
    await this.#last.catch(() => undefined);
  }
}
