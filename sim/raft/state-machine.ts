/** What a user replicates: a deterministic state machine (Schneider 1990; Raft section 2). */
import type { Json } from '../explore/plan.js';

/**
 * Everything a machine does follows from the commands it is given: no clock, no chance, no state
 * outside. Two machines that were given the same commands are equal.
 */
export interface StateMachine {
  /** Carries out a committed command, and returns what its client is told. */
  apply(command: Json, index: number): Json;
  /** Answers a query and changes nothing. */
  read(query: Json): Json;
  /** All of the state as data. Equal for equal machines: it is compared between nodes. */
  snapshot(): Json;
  /** Takes over what `snapshot` gave on another node. */
  restore(snapshot: Json): void;
}
