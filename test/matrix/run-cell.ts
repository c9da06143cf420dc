/** Runs the seeds of one cell; used by the threads of the matrix. */
import { parentPort, workerData } from 'node:worker_threads';

import { runPlan } from '../../sim/explore/run-plan.js';
import { rollingUpgrade } from '../../sim/scenarios/rolling-upgrade.js';
import { cellsOf, planOf, rowsOf } from './cells.js';

/** Runs of one cell. */
export interface CellTask {
  /** Its place in `cellsOf(rowsOf())`. */
  readonly cell: number;
  readonly firstSeed: number;
  readonly seeds: number;
}

/** What became of one cell. */
export interface CellResult {
  /** Its place in `cellsOf(rowsOf())`. */
  readonly cell: number;
  readonly passed: number;
  /** Runs in which the moment came and the fault was done. */
  readonly hits: number;
  readonly events: number;
  readonly failures: readonly { readonly seed: number; readonly sentence: string }[];
}

/** `seeds` runs from `firstSeed` on. */
export function runCell(cell: number, firstSeed: number, seeds: number): CellResult {
  const found = cellsOf(rowsOf())[cell];
  if (found === undefined) throw new Error(`the matrix has no cell ${cell}`);
  const failures: { seed: number; sentence: string }[] = [];
  let hits = 0;
  let events = 0;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const result = runPlan(rollingUpgrade, planOf(found, seed));
    hits += result.counts['hits'] ?? 0;
    events += result.events;
    const { failure } = result;
    if (failure === undefined) continue;
    failures.push({ seed, sentence: `${failure.checker}: ${failure.message}` });
  }
  return { cell, passed: seeds - failures.length, hits, events, failures };
}

const port = parentPort;
if (port !== null && workerData?.matrix === true) {
  port.on('message', ({ cell, firstSeed, seeds }: CellTask) => {
    port.postMessage(runCell(cell, firstSeed, seeds));
  });
}
