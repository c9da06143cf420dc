/** What a campaign runs: a scenario draws a plan from a seed, and runs a plan to its verdict. */
import type { Plan } from './plan.js';

/** An invariant that does not hold, or a liveness phase that does not end. */
export interface Failure {
  /** Name of the checker, as in `sim/checkers`; `liveness`, or `assertion` for one of the code. */
  readonly checker: string;
  /** What was expected and what was found, with the nodes concerned. */
  readonly message: string;
  readonly atMicroseconds: number;
  readonly stack?: string;
}

/** How a run ended. Two runs of one plan have equal results. */
export interface RunResult {
  readonly events: number;
  readonly simulatedMicroseconds: number;
  /** 16 hexadecimal digits over all events and their times. */
  readonly traceHash: string;
  /** What happened how often: elections, acknowledged writes, snapshots. Summed over a campaign. */
  readonly counts: Readonly<Record<string, number>>;
  /** Rare situations that the run reached, by name. */
  readonly probes: ReadonlySet<string>;
  /** Undefined if everything held. */
  readonly failure?: Failure;
}

/** One line of the story of a run, for a diagram of messages in time. */
export type Moment =
  | {
      readonly kind: 'message';
      readonly sentMicroseconds: number;
      readonly atMicroseconds: number;
      readonly from: string;
      readonly to: string;
      readonly text: string;
      /** Lost on the way or dropped on arrival; `atMicroseconds` is then when it was dropped. */
      readonly isLost: boolean;
    }
  /** Something about one node (`node` given) or the whole: a fault, a decision, a violation. */
  | {
      readonly kind: 'note';
      readonly atMicroseconds: number;
      readonly node?: string;
      readonly text: string;
    };

export interface RunOptions {
  /** Told what happens, in order. It changes nothing of the run. */
  readonly observe?: (moment: Moment) => void;
  /** Events after which a run is given up, with the checker `events`. */
  readonly eventsMax?: number;
}

export interface Scenario {
  /** Lower case with dashes. */
  readonly name: string;
  /** One sentence, for `sim list`. */
  readonly summary: string;
  /** Rare situations that enough seeds must reach; a campaign lists those it did not. */
  readonly probes: readonly string[];
  draw(seed: number): Plan;
  /** Never throws for what the system under test does; throws `SimulationError` for a bad plan. */
  run(plan: Plan, options?: RunOptions): RunResult;
  /**
   * Plans that differ from this one by a simpler setting each: fewer nodes, a mechanism off. The
   * shrinker keeps those that fail in the same way. Simplest first; none when there is nothing left.
   */
  simplify?(plan: Plan): readonly Plan[];
}
