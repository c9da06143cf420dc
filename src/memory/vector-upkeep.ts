/**
 * Work on the graphs of a v2 store in short slices, so that the event loop answers in between: linking,
 * repair, and a snapshot once enough has changed and nothing is left to link.
 *
 *     idle --wake--> linking --nothing left--> idle, or saving --done--> idle
 *                                                         \--too much is held--> linking
 */
import type { GraphVectorIndex } from './graph-vector-index.js';
import { UPKEEP_REST_MS, UPKEEP_SLICE_MAX_MS } from './limits.js';
import { isDamage, isOperational } from './errors.js';
import type { HnswIndex } from './index/hnsw-index.js';
import { nextTurn } from './pace.js';
import type { GraphIndexes } from './v2-vectors.js';
import { isMuch } from './cache-file.js';

export interface UpkeepOptions {
  /** The vectors once they have been read. */
  readonly indexes: () => GraphIndexes | undefined;
  /** Writes a graph beside the store, as it is at a log index. */
  readonly save: (graph: SettledGraph, appliedIndex: number, signal: AbortSignal) => Promise<void>;
  /** All graphs have been saved as they were at this log index; what follows from that, in steps. */
  readonly onSaved: (appliedIndex: number) => Generator<undefined, void>;
  /** A graph is not what its snapshot was; it is of no use any more. */
  readonly onDamaged: () => void;
  readonly appliedIndex: () => number;
}

export class VectorUpkeep {
  readonly #options: UpkeepOptions;
  #timer: NodeJS.Timeout | undefined;
  #saving: AbortController | undefined;
  #isStopped = false;
  /** Vectors that changed since the last snapshot. */
  #changes = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  get changes(): number {
    return this.#changes;
  }

  /** Something was put, or loaded. */
  wake(changes: number): void {
    this.#changes += changes;
    if (this.#isStopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#turn()) this.wake(0);
    }, UPKEEP_REST_MS);
    this.#timer.unref();
  }

  /** True while there is more to do. */
  #turn(): boolean {
    const indexes = this.#options.indexes();
    if (indexes === undefined) return false;
    if (this.#saving !== undefined) {
      for (const [, index] of indexes.entries()) if (index.isOverfull) this.#saving.abort();
      return true;
    }
    if (linkFor(indexes, UPKEEP_SLICE_MAX_MS)) return true;
    if (!isMuch(this.#changes, indexes.size)) return false;
    for (const [, index] of indexes.entries()) if (!index.isSettled) return false;
    void this.#save(indexes);
    return true;
  }

  async #save(indexes: GraphIndexes): Promise<void> {
    const saving = new AbortController();
    this.#saving = saving;
    const { save, onSaved, onDamaged, appliedIndex } = this.#options;
    const index = appliedIndex();
    const graphs = settledGraphs(indexes);
    for (const { owner } of graphs) owner.freeze();
    const changes = this.#changes;
    try {
      for (const graph of graphs) await save(graph, index, saving.signal);
      if (saving.signal.aborted) return;
      for (const { owner } of graphs) owner.thaw();
      for (const _ of onSaved(index)) {
        await nextTurn();
        if (this.#isStopped) return;
      }
    } catch (error) {
      // It is a cache: without it the next start takes longer.
      if (saving.signal.aborted) return;
      if (!isOperational(error)) throw error;
      if (isDamage(error)) onDamaged();
    } finally {
      // After an abort it is soon tried again.
      if (!saving.signal.aborted) this.#changes -= changes;
      for (const { owner } of graphs) owner.thaw();
      this.#saving = undefined;
    }
  }

  /** Ends what is going on; nothing is touched after this returns. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#saving?.abort();
  }

  /** Goes on after `stop`, with vectors that are read anew. */
  restart(): void {
    this.#isStopped = false;
    this.#changes = 0;
  }
}

/** A graph that has every vector of its model. */
export interface SettledGraph {
  readonly key: string;
  readonly graph: HnswIndex;
  readonly owner: GraphVectorIndex;
}

export function settledGraphs(indexes: GraphIndexes): SettledGraph[] {
  return [...indexes.entries()].flatMap(([key, owner]) => {
    const { graph } = owner;
    return graph === undefined ? [] : [{ key, graph, owner }];
  });
}

/** True if there is more to link. */
function linkFor(indexes: GraphIndexes, milliseconds: number): boolean {
  const startedMs = performance.now();
  for (const [, index] of indexes.entries()) {
    while (index.linkNext()) {
      if (performance.now() - startedMs >= milliseconds) return true;
    }
  }
  return false;
}
