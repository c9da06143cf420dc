/** What the threads of `sim run` and the one that leads them say to each other. */
import type { SeedOutcome } from '../../../sim/explore/campaign.js';
import type { ShrinkResult } from '../../../sim/explore/shrink.js';

/** Given to a thread when it starts. */
export interface WorkerSettings {
  /** A name or the path of a module, as the user gave it. */
  readonly scenario: string;
  readonly eventsMax: number;
}

/** What a thread is asked to do; it does one thing at a time. */
export type Task =
  | {
      readonly kind: 'seeds';
      /** Both ends are run. */
      readonly firstSeed: number;
      readonly lastSeed: number;
      /** Of so many seeds, counted from `countFrom`, the first is run twice; 0 for none. */
      readonly verifyEvery: number;
      readonly countFrom: number;
    }
  | {
      readonly kind: 'shrink';
      readonly seed: number;
      /** 1 to have the plan as it was drawn. */
      readonly runsMax: number;
      readonly seconds: number;
    };

/** What a thread tells. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'began'; readonly seed: number }
  | { readonly kind: 'ran'; readonly outcome: SeedOutcome }
  | { readonly kind: 'shrunk'; readonly result: ShrinkResult }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'done' };
