import type { Bench } from './harness.js';
import { simBench } from './sim.js';

/** All benches by the name that the command line takes. */
export const benches: Readonly<Record<string, () => Bench>> = {
  sim: simBench,
};
