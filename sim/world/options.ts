import type { Delay } from './delay.js';
import type { CrashLoss } from './disk.js';
import type { NetworkOptions } from './link.js';

/** How the disks of a world behave. */
export interface DiskOptions {
  readonly syncDelay: Delay;
  readonly crashLoss: CrashLoss;
}

/** How a world begins. The seed decides everything else. */
export interface WorldOptions<Message> {
  readonly seed: number;
  readonly network?: NetworkOptions;
  readonly disk?: DiskOptions;
  /**
   * What of a message enters the trace hash. Without it strings, numbers and bytes enter whole, of
   * other values only their arrival.
   */
  readonly digest?: (message: Message) => string | number | Uint8Array;
  /**
   * Bytes that a message takes on a link of limited bandwidth. Without it bytes and strings count
   * by their length, other values as `messageBytesUsual`.
   */
  readonly sizeOf?: (message: Message) => number;
}

export const usualDisk: DiskOptions = {
  syncDelay: { kind: 'uniform', minimumMicroseconds: 50, maximumMicroseconds: 2000 },
  crashLoss: 'random-suffix',
};
