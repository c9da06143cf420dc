/** A policy as a table: for each state the actions that were tried in it, and what is known of each. */
import type { JsonObject, JsonValue } from '../../memory/engine.js';
import { ToolError } from '../errors.js';
import { POLICY_CHARACTERS_MAX, POLICY_PAIRS_MAX } from '../limits.js';
import { isObject, storedNumber } from '../values.js';

export interface Pair {
  /** Value of the action, as the algorithm means it. */
  q: number;
  /** Feedbacks, and the mean of their rewards. */
  visits: number;
  meanReward: number;
  /** Of a softmax over the actions of the state. */
  preference: number;
  /** How often which state came next. */
  readonly next: Map<string, number>;
}

export class Policy {
  readonly #states = new Map<string, Map<string, Pair>>();
  #pairs = 0;
  #characters = 0;

  /** Actions that were tried in a state. */
  actions(state: string): ReadonlyMap<string, Pair> {
    return this.#states.get(state) ?? new Map<string, Pair>();
  }

  get states(): readonly string[] {
    return [...this.#states.keys()];
  }

  get size(): number {
    return this.#pairs;
  }

  /** Made if it is new. Throws `ToolError` when there is no room for it. */
  pair(state: string, action: string): Pair {
    const actions = this.#states.get(state) ?? new Map<string, Pair>();
    const known = actions.get(action);
    if (known !== undefined) return known;
    this.#pairs += 1;
    this.#characters += state.length + action.length;
    if (this.#pairs > POLICY_PAIRS_MAX || this.#characters > POLICY_CHARACTERS_MAX) {
      throw new ToolError(
        `the policy of a session holds at most ${POLICY_PAIRS_MAX} pairs of state and action with ` +
          `${POLICY_CHARACTERS_MAX} characters; use fewer or shorter states, or start another session`,
      );
    }
    const pair = { q: 0, visits: 0, meanReward: 0, preference: 0, next: new Map<string, number>() };
    actions.set(action, pair);
    this.#states.set(state, actions);
    return pair;
  }

  *entries(): Generator<readonly [state: string, action: string, pair: Pair]> {
    for (const [state, actions] of this.#states) {
      for (const [action, pair] of actions) yield [state, action, pair];
    }
  }

  /** Highest value of an action in the state; 0 where none was tried. */
  best(state: string): number {
    const values = [...this.actions(state).values()].map(({ q }) => q);
    return values.length === 0 ? 0 : Math.max(...values);
  }

  clone(): Policy {
    return policyOf(this.toMetadata());
  }

  toMetadata(): JsonObject {
    const pairs: JsonValue[] = [];
    for (const [state, action, pair] of this.entries()) {
      const next = [...pair.next].map(([name, times]): JsonValue => [name, times]);
      pairs.push([state, action, pair.q, pair.visits, pair.meanReward, pair.preference, next]);
    }
    return { state_action_pairs: pairs };
  }
}

/** Of stored metadata; also as v1 kept it, in maps with `state|action` as the key. */
export function policyOf(metadata: JsonObject): Policy {
  const policy = new Policy();
  const pairs = metadata['state_action_pairs'];
  if (Array.isArray(pairs)) {
    for (const one of pairs) if (Array.isArray(one)) readPair(policy, one);
    return policy;
  }
  readMap(policy, metadata['q_values'], (pair, value) => (pair.q = value));
  readMap(policy, metadata['visit_counts'], (pair, value) => (pair.visits = value));
  readMap(policy, metadata['avg_rewards'], (pair, value) => (pair.meanReward = value));
  return policy;
}

function readPair(policy: Policy, [state, action, ...numbers]: readonly JsonValue[]): void {
  if (typeof state !== 'string' || typeof action !== 'string') return;
  const [q, visits, meanReward, preference] = numbers.map((value) => storedNumber(value) ?? 0);
  const pair = policy.pair(state, action);
  Object.assign(pair, { q, visits, meanReward, preference });
  const next = numbers[4];
  for (const one of Array.isArray(next) ? next : []) {
    const [name, times] = Array.isArray(one) ? one : [];
    if (typeof name === 'string') pair.next.set(name, storedNumber(times) ?? 0);
  }
}

function readMap(
  policy: Policy,
  map: JsonValue | undefined,
  set: (pair: Pair, value: number) => void,
): void {
  if (!isObject(map)) return;
  for (const [key, value] of Object.entries(map)) {
    // A state may hold the sign, as that of a tool does; v1 did not say which one divides.
    const at = key.lastIndexOf('|');
    if (at > 0) set(policy.pair(key.slice(0, at), key.slice(at + 1)), Number(value) || 0);
  }
}
