export { reliableNetwork, type NetworkOptions } from './link.js';
export type { DamageGate } from './damage.js';
export type { Delay } from './delay.js';
export type { CrashLoss, DiskFailure, DiskFaults, DiskView } from './disk.js';
export { SimulationError, type SimulationErrorCode } from './errors.js';
export { EventHeap } from './event-heap.js';
export type { LossCause, Network } from './network.js';
export type { WorldMoment, WorldObserver } from './observer.js';
export type { DiskOptions, WorldOptions } from './options.js';
export type { Context, NodeProgram, Process } from './process.js';
export { RandomStream } from './random.js';
export {
  bridgePairs,
  isolatePairs,
  oneWayPairs,
  ringPairs,
  splitPairs,
  starPairs,
  type Pair,
} from './shapes.js';
export type { EventKind, TracedEvent } from './trace.js';
export { World, type ClockReading, type RunEnd, type RunOptions } from './world.js';
