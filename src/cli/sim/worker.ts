/** A thread of `sim run`: runs the seeds it is given, or shrinks one that failed. */
import { parentPort, workerData } from 'node:worker_threads';

import { isVerifiedSeed, runSeed } from '../../../sim/explore/campaign.js';
import { shrink } from '../../../sim/explore/shrink.js';
import type { Scenario } from '../../../sim/explore/scenario.js';
import { loadScenario } from './load-scenario.js';
import type { Task, WorkerMessage, WorkerSettings } from './worker-messages.js';

const port = parentPort;
if (port === null) throw new Error('this file is run as a thread of `agentic-flow sim`');
const { scenario: nameOrPath, eventsMax } = workerData as WorkerSettings;
const scenario = await loadScenario(nameOrPath);
const tell = (message: WorkerMessage): void => port.postMessage(message);

port.on('message', (task: Task) => {
  if (task.kind === 'seeds') runSeeds(scenario, task);
  else shrinkSeed(scenario, task);
  tell({ kind: 'done' });
});
tell({ kind: 'ready' });

function runSeeds(scenario: Scenario, task: Task & { readonly kind: 'seeds' }): void {
  const { firstSeed, lastSeed, verifyEvery, countFrom } = task;
  for (let seed = firstSeed; seed <= lastSeed; seed += 1) {
    tell({ kind: 'began', seed });
    const verify = verifyEvery > 0 && isVerifiedSeed(seed, countFrom, verifyEvery);
    tell({ kind: 'ran', outcome: runSeed(scenario, seed, { verify, eventsMax }) });
  }
}

function shrinkSeed(scenario: Scenario, task: Task & { readonly kind: 'shrink' }): void {
  const { seed, runsMax, seconds } = task;
  const endMs = Date.now() + seconds * 1_000;
  tell({ kind: 'began', seed });
  try {
    const shouldStop = (): boolean => Date.now() >= endMs;
    const result = shrink(scenario, scenario.draw(seed), { runsMax, eventsMax, shouldStop });
    tell({ kind: 'shrunk', result });
  } catch (error) {
    // A run that is not repeatable may pass the second time.
    tell({ kind: 'refused', message: error instanceof Error ? error.message : String(error) });
  }
}
