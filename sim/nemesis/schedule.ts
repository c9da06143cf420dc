import type { Delay } from '../world/delay.js';

/**
 * One thing that a schedule does to a world. A `node`, `peer`, `from` or `to` is the name of a node,
 * or a target such as `@leader`, which is resolved when the action happens.
 */
export type FaultAction =
  // Who reaches whom. Each shape replaces the one before; `heal` ends it.
  | { readonly kind: 'partition'; readonly groups: readonly (readonly string[])[] }
  | { readonly kind: 'isolate'; readonly node: string }
  | { readonly kind: 'one-way'; readonly from: readonly string[]; readonly to: readonly string[] }
  | {
      readonly kind: 'bridge';
      readonly left: readonly string[];
      readonly middle: string;
      readonly right: readonly string[];
    }
  | { readonly kind: 'ring'; readonly order: readonly string[] }
  | { readonly kind: 'star'; readonly center: string; readonly leaves: readonly string[] }
  | { readonly kind: 'heal' }
  /** From everybody, clients included, besides any shape: neither another shape nor `heal` ends it. */
  | { readonly kind: 'cut-off'; readonly node: string }
  | { readonly kind: 'rejoin'; readonly node: string }
  // How all links behave.
  | { readonly kind: 'loss'; readonly probability: number }
  | { readonly kind: 'loss-end' }
  | { readonly kind: 'duplication'; readonly probability: number }
  | { readonly kind: 'duplication-end' }
  | { readonly kind: 'reordering'; readonly probability: number }
  | { readonly kind: 'reordering-end' }
  | { readonly kind: 'delay'; readonly delay: Delay }
  | { readonly kind: 'delay-end' }
  | {
      readonly kind: 'bandwidth';
      readonly bytesPerSecond: number;
      readonly queueBytesMax: number;
    }
  | { readonly kind: 'bandwidth-end' }
  | { readonly kind: 'replay'; readonly probability: number }
  | { readonly kind: 'replay-end' }
  // One link, one connection, one node.
  | {
      readonly kind: 'slow-link';
      readonly from: string;
      readonly to: string;
      readonly delay: Delay;
    }
  | { readonly kind: 'slow-link-end'; readonly from: string; readonly to: string }
  | { readonly kind: 'clog'; readonly from: string; readonly to: string }
  | { readonly kind: 'unclog'; readonly from: string; readonly to: string }
  | { readonly kind: 'reset'; readonly node: string; readonly peer: string }
  | { readonly kind: 'stateless-reset'; readonly node: string; readonly peer: string }
  | { readonly kind: 'address-change'; readonly node: string }
  | {
      readonly kind: 'slow-reader';
      readonly node: string;
      readonly microsecondsPerMessage: number;
    }
  | { readonly kind: 'slow-reader-end'; readonly node: string }
  // Processes.
  | { readonly kind: 'crash'; readonly node: string }
  | { readonly kind: 'restart'; readonly node: string }
  | { readonly kind: 'pause'; readonly node: string }
  | { readonly kind: 'resume'; readonly node: string }
  /** Crashes, and the disk is replaced by an empty one. */
  | { readonly kind: 'wipe'; readonly node: string }
  /** Crashes, and starts at once with another release of the program. */
  | { readonly kind: 'upgrade'; readonly node: string; readonly release: string }
  // Disks.
  | {
      readonly kind: 'disk-stall';
      readonly node: string;
      readonly durationMicroseconds: number;
    }
  | { readonly kind: 'disk-full'; readonly node: string }
  | { readonly kind: 'sync-failure'; readonly node: string; readonly probability: number }
  | { readonly kind: 'torn-writes'; readonly node: string; readonly probability: number }
  | { readonly kind: 'lost-writes'; readonly node: string; readonly probability: number }
  | { readonly kind: 'misdirected-writes'; readonly node: string; readonly probability: number }
  | { readonly kind: 'lying-sync'; readonly node: string }
  /** Ends all faults of the disk; what is damaged stays damaged. */
  | { readonly kind: 'disk-heal'; readonly node: string }
  | {
      readonly kind: 'bit-rot';
      readonly node: string;
      readonly keysMax: number;
      readonly prefix: string;
    }
  // Clocks. A drift of 0 ends the one before.
  | { readonly kind: 'clock-drift'; readonly node: string; readonly partsPerMillion: number }
  | { readonly kind: 'clock-jump'; readonly node: string; readonly microseconds: number }
  | { readonly kind: 'clock-offset'; readonly node: string; readonly microseconds: number }
  /** Ends everything above, and restarts and resumes every node of the schedule. */
  | { readonly kind: 'heal-all' };

/** An action and when it happens, in microseconds from the start of the schedule. */
export interface TimedFault {
  readonly atMicroseconds: number;
  readonly action: FaultAction;
}

/** Faults as data: generated from a seed, printed, replayed, and made smaller by leaving some out. */
export interface Schedule {
  readonly seed: number;
  readonly nodes: readonly string[];
  /** At this time everything is healed, restarted and resumed. */
  readonly durationMicroseconds: number;
  /** By time; those of equal time happen in this order. */
  readonly faults: readonly TimedFault[];
}
