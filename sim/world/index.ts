export type { CrashLoss, DiskView } from './disk.js';
export { SimulationError, type SimulationErrorCode } from './errors.js';
export { EventHeap } from './event-heap.js';
export { reliableNetwork, type Delay, type Network, type NetworkOptions } from './network.js';
export type { Context, NodeProgram, Process } from './process.js';
export { RandomStream } from './random.js';
export type { EventKind, TracedEvent } from './trace.js';
export {
  World,
  type DiskOptions,
  type RunEnd,
  type RunOptions,
  type WorldOptions,
} from './world.js';
