/** Counts and latencies, as the guards judge them. */
import { tailQuantile } from '../rollout/guards.js';
import type { RequestFigures } from '../rollout/guards.js';
import { Latencies } from './latency.js';
import type { RequestWindow } from './request-meter.js';

/** Of members taken together. */
export function figuresOf(windows: readonly RequestWindow[]): RequestFigures {
  let requests = 0;
  let faults = 0;
  for (const window of windows) {
    requests += window.requests;
    faults += window.faults;
  }
  const latencies = Latencies.merged(windows.map((each) => each.latencies));
  const quantile = tailQuantile(latencies.count);
  return { requests, faults, tailMs: quantile === null ? null : latencies.quantileMs(quantile) };
}
