/**
 * A file beside a v2 store that spares it from reading every text again for the index of words. It is a
 * cache: one that is foreign, damaged or of another time is removed, and the store is read instead.
 */
import { existsSync } from 'node:fs';
import { isMuch, isUseless, removeCache } from './cache-file.js';
import { isOperational } from './errors.js';
import type { LogPosition } from './log-position.js';
import { openTextIndex, saveTextIndex } from './text/text-file.js';
import type { TextIndex } from './text/text-index.js';
import type { VectorJournal } from './vector-journal.js';

/** Log index at which the file was written. */
const SAVED_KEY = 'text_index_saved';

export interface TextSnapshotSource {
  readonly storePath: string;
  readonly position: LogPosition;
  /** Memories that changed, whatever of them. */
  readonly journal: VectorJournal;
  readonly appliedIndex: () => number;
  readonly memoryCount: () => number;
  /** Undefined if there is no such memory any more. */
  readonly textOf: (id: string) => string | undefined;
}

export class TextSnapshot {
  readonly #source: TextSnapshotSource;
  readonly #path: string;

  constructor(source: TextSnapshotSource) {
    this.#source = source;
    this.#path = `${source.storePath}-text`;
  }

  /** The index as the store is now; undefined if there is none to be trusted. */
  open(): TextIndex | undefined {
    const { journal, appliedIndex, textOf } = this.#source;
    const savedIndex = this.#savedIndex;
    if (savedIndex === undefined || savedIndex < journal.from || savedIndex > appliedIndex()) {
      return undefined;
    }
    const index = this.#read(savedIndex);
    for (const id of index === undefined ? [] : journal.changedSince(savedIndex)) {
      const text = textOf(id);
      if (text === undefined) index?.delete(id);
      else index?.put(id, text);
    }
    return index;
  }

  /** Writes the file where enough has changed since, or it is not there. */
  save(index: TextIndex): void {
    const { position, journal, appliedIndex } = this.#source;
    const savedIndex = this.#savedIndex;
    const isLost = savedIndex === undefined || savedIndex < journal.from || !existsSync(this.#path);
    if (!isMuch(isLost ? index.size : journal.countSince(savedIndex), index.size)) return;
    const savedNow = appliedIndex();
    try {
      saveTextIndex(index, this.#path, this.#label(savedNow));
      position.setMeta(SAVED_KEY, savedNow);
    } catch (error) {
      if (!isOperational(error)) throw error;
    }
  }

  /** The journal may forget what changed up to an index: up to which one, if the file is to follow. */
  forgettable(index: number): number {
    const { journal, memoryCount } = this.#source;
    const savedIndex = this.#savedIndex;
    if (savedIndex === undefined || savedIndex < journal.from) return index;
    // Rather read all texts again than keep a journal of many of them.
    const isFar = isMuch(journal.countSince(savedIndex), memoryCount());
    return isFar ? index : Math.min(index, savedIndex);
  }

  get #savedIndex(): number | undefined {
    const saved = this.#source.position.meta(SAVED_KEY);
    return typeof saved === 'number' ? saved : undefined;
  }

  #label(savedIndex: number): string {
    return JSON.stringify({ store: this.#source.journal.store, appliedIndex: savedIndex });
  }

  #read(savedIndex: number): TextIndex | undefined {
    try {
      const { index, label } = openTextIndex(this.#path);
      if (label === this.#label(savedIndex)) return index;
    } catch (error) {
      if (!isOperational(error)) throw error;
      if (!isUseless(error)) return undefined;
    }
    removeCache(this.#path);
    return undefined;
  }
}
