/** Arguments of the traversals, checked. */
import { NAME_CHARACTERS_MAX } from '../limits.js';
import { GraphError } from './error.js';
import { HOPS_MAX, RELATIONS_NAMED_MAX, RESULTS_MAX } from './limits.js';
import type { Direction } from './view.js';

export interface WalkOptions {
  /** Along the edges (`out`, the default), against them, or both. */
  readonly direction?: Direction | undefined;
  /** Only edges of these relations; of all when left out or empty. */
  readonly relations?: readonly string[] | undefined;
  /** Ends the work when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

export interface NeighbourOptions extends WalkOptions {
  /** 1 to 10,000; 100 when left out. */
  readonly limit?: number | undefined;
}

export interface KHopsOptions extends NeighbourOptions {
  /** 1 to 64; 2 when left out. */
  readonly hops?: number | undefined;
}

export interface PathOptions extends WalkOptions {
  /** Least cost -ln(weight) instead of fewest edges. */
  readonly weighted?: boolean | undefined;
  /** Longest path that is looked for, 1 to 64, 64 when left out; not for weighted paths. */
  readonly hops?: number | undefined;
}

export interface TraverseOptions extends NeighbourOptions {
  /** Factor an edge, above 0 to 1; 0.8 when left out. */
  readonly decay?: number | undefined;
  /** Least score, 0 to 1; 0.01 when left out. */
  readonly scoreMin?: number | undefined;
}

const DIRECTIONS: readonly unknown[] = ['out', 'in', 'both'];

export function directionOf({ direction = 'out' }: WalkOptions): Direction {
  if (DIRECTIONS.includes(direction)) return direction;
  throw new GraphError('invalid', `the direction must be out, in or both, not ${direction}`);
}

export function relationsOf({ relations }: WalkOptions): readonly string[] | undefined {
  if (relations === undefined) return undefined;
  if (!Array.isArray(relations) || relations.length > RELATIONS_NAMED_MAX) {
    throw new GraphError('invalid', `relations must be at most ${RELATIONS_NAMED_MAX} names`);
  }
  for (const relation of relations as readonly unknown[]) {
    if (typeof relation !== 'string' || relation.length > NAME_CHARACTERS_MAX) {
      throw new GraphError(
        'invalid',
        `a relation must be a text of at most ${NAME_CHARACTERS_MAX} characters`,
      );
    }
  }
  return relations;
}

export function limitOf({ limit = 100 }: NeighbourOptions): number {
  return wholeNumber('limit', limit, RESULTS_MAX);
}

export function hopsOf(hops: number): number {
  return wholeNumber('hops', hops, HOPS_MAX);
}

function wholeNumber(name: string, value: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw new GraphError('invalid', `${name} must be a whole number from 1 to ${most}, not ${value}`);
}

export function decayOf({ decay = 0.8 }: TraverseOptions): number {
  if (decay > 0 && decay <= 1) return decay;
  throw new GraphError('invalid', `decay must be above 0 and at most 1, not ${decay}`);
}

export function scoreMinOf({ scoreMin = 0.01 }: TraverseOptions): number {
  if (scoreMin >= 0 && scoreMin <= 1) return scoreMin;
  throw new GraphError('invalid', `scoreMin must be from 0 to 1, not ${scoreMin}`);
}
