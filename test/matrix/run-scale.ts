/** Runs one case of `matrix:scale`; used by its threads. */
import { parentPort, workerData } from 'node:worker_threads';

import { type ScaleCase, runScale } from './scale.js';

/** A case with its seed. */
export interface ScaleTask {
  readonly scale: ScaleCase;
  readonly seed: number;
}

const port = parentPort;
if (port !== null && workerData?.matrix === true) {
  port.on('message', ({ scale, seed }: ScaleTask) => port.postMessage(runScale(scale, seed)));
}
