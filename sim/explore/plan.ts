/** What a seed decides, as data: it can be printed, kept in a file, replayed, and made smaller. */
import type { Schedule } from '../nemesis/index.js';

/** What a plan file can hold. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One thing that a client asks for. Which operations there are is up to the scenario. */
export interface TimedOperation {
  /** From the beginning of the run. A client that still waits for an answer asks when it has it. */
  readonly atMicroseconds: number;
  readonly client: number;
  readonly operation: Json;
}

/**
 * One run of a scenario. The seed still decides what nobody would write down (delays, losses, election
 * timeouts), each drawn from a stream of its own, so that leaving out a fault or an operation
 * does not move the rest.
 */
export interface Plan {
  readonly scenario: string;
  readonly seed: number;
  /** Cluster size, timeouts, which mechanisms are on: what the scenario needs besides the faults. */
  readonly settings: { readonly [name: string]: Json };
  /** The safety phase: faults, until everything is healed at its end. */
  readonly schedule: Schedule;
  /** By time; those of equal time in this order. */
  readonly operations: readonly TimedOperation[];
}
