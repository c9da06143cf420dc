/** Puts the rows of one snapshot into one or more engines, in slices of the event loop. */
import type { DumpRecord, MemoryEngine } from '../src/memory/engine.js';
import { Pace } from '../src/memory/pace.js';
import { assert } from './assert.js';

/** Engines take their records in turns, so that none of them is ever further ahead. */
const RECORDS_WAITING_MAX = 64;

/**
 * Replaces the content of each engine by the records, in a transaction each, reading them once. Throws what
 * the engines or the records throw, and the reason of the signal; an engine that had not ended then is as
 * it was before.
 */
export async function restoreAll(
  engines: readonly MemoryEngine[],
  records: Iterable<DumpRecord>,
  index: number,
  signal?: AbortSignal,
): Promise<void> {
  const pace = new Pace(signal);
  const shared = new SharedRecords(records, engines.length);
  const running = new Set(
    engines.map((engine, reader) => engine.restoreInSteps(shared.read(reader), index)),
  );
  try {
    while (running.size > 0) {
      for (const steps of running) if (steps.next().done === true) running.delete(steps);
      if (pace.isDue) await pace.pause();
    }
  } finally {
    for (const steps of running) steps.return();
    shared.close();
  }
  for (const engine of engines) engine.sync();
}

/** One iteration for several readers: what one has read waits for the others. */
class SharedRecords {
  readonly #records: Iterator<DumpRecord>;
  readonly #waiting: DumpRecord[][];

  constructor(records: Iterable<DumpRecord>, readers: number) {
    this.#records = records[Symbol.iterator]();
    this.#waiting = Array.from({ length: readers }, () => []);
  }

  *read(reader: number): Generator<DumpRecord, void> {
    const own = this.#waiting[reader];
    assert(own !== undefined, 'each reader has its queue');
    for (;;) {
      const waiting = own.shift();
      if (waiting !== undefined) {
        yield waiting;
        continue;
      }
      const next = this.#records.next();
      if (next.done === true) return;
      for (const queue of this.#waiting) {
        if (queue !== own) queue.push(next.value);
        assert(queue.length <= RECORDS_WAITING_MAX, 'engines take records in turns');
      }
      yield next.value;
    }
  }

  /** Lets go of the source, which may be in the middle. */
  close(): void {
    this.#records.return?.();
  }
}
