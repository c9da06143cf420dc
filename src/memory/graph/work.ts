/** What one query has done so far: its bounds, and when it has to let others have their turn. */
import { GraphError } from './error.js';
import {
  CLOCK_EVERY_UNITS,
  EXPANSIONS_MAX,
  HELD_CHARACTERS_MAX,
  HELD_ROWS_MAX,
  MEMORIES_READ_MAX,
  SLICE_MAX_MS,
} from './limits.js';

export interface WorkBounds {
  /** Edges looked at. */
  readonly expansionsMax: number;
  /** Rows, groups and collected values held. */
  readonly heldMax: number;
  /** Memories read from the store. */
  readonly readsMax: number;
}

const USUAL: WorkBounds = {
  expansionsMax: EXPANSIONS_MAX,
  heldMax: HELD_ROWS_MAX,
  readsMax: MEMORIES_READ_MAX,
};

/** Counts the work of one query. */
export class Work {
  readonly #bounds: WorkBounds;
  #expansions = 0;
  #held = 0;
  #characters = 0;
  #reads = 0;
  #unitsToClock = CLOCK_EVERY_UNITS;
  #startedMs = performance.now();

  constructor(bounds: Partial<WorkBounds> = {}) {
    this.#bounds = { ...USUAL, ...bounds };
  }

  /** Edges looked at so far. */
  get expansions(): number {
    return this.#expansions;
  }

  /** Begins a slice. */
  resume(): void {
    this.#startedMs = performance.now();
    this.#unitsToClock = CLOCK_EVERY_UNITS;
  }

  /** Counts edges that were looked at; true when it is time to pause. Throws `limit`. */
  expand(edges = 1): boolean {
    this.#expansions += edges;
    if (this.#expansions > this.#bounds.expansionsMax) {
      throw new GraphError(
        'limit',
        `this needs more than ${this.#bounds.expansionsMax} steps over nodes and edges; begin at a ` +
          'memory with a known id, name relations, or ask for fewer hops',
      );
    }
    return this.pass(edges);
  }

  /** Counts work that has a bound elsewhere; true when it is time to pause. */
  pass(units = 1): boolean {
    this.#unitsToClock -= units;
    if (this.#unitsToClock > 0) return false;
    this.#unitsToClock = CLOCK_EVERY_UNITS;
    return performance.now() - this.#startedMs >= SLICE_MAX_MS;
  }

  /** Counts values that stay in memory until the end, and their characters. Throws `limit`. */
  hold(values: number, characters: number): void {
    this.#held += values;
    this.#characters += characters;
    if (this.#characters > HELD_CHARACTERS_MAX) {
      throw new GraphError(
        'limit',
        `this holds more than ${HELD_CHARACTERS_MAX} characters; return ids, or add a LIMIT`,
      );
    }
    if (this.#held <= this.#bounds.heldMax) return;
    throw new GraphError(
      'limit',
      `this holds more than ${this.#bounds.heldMax} rows or values; add a condition or a LIMIT`,
    );
  }

  /** Counts a memory whose content or metadata is read. Throws `limit`. */
  read(): void {
    this.#reads += 1;
    // Reading a row takes as long as many steps.
    this.#unitsToClock -= 16;
    if (this.#reads <= this.#bounds.readsMax) return;
    throw new GraphError(
      'limit',
      `this reads the content or metadata of more than ${this.#bounds.readsMax} memories; ` +
        'begin at memories with known ids, or add conditions on relations and weights',
    );
  }
}
