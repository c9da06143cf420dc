/**
 * How a policy learns, by the names of v1. All work on a table (Sutton and Barto, Reinforcement Learning,
 * 2nd edition; sections in the branches); there is no network behind `dqn` or `decision-transformer`.
 */
import type { Pair, Policy } from './policy.js';

export const ALGORITHMS = [
  'q-learning',
  'sarsa',
  'dqn',
  'policy-gradient',
  'actor-critic',
  'ppo',
  'decision-transformer',
  'mcts',
  'model-based',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export interface Experience {
  readonly state: string;
  readonly action: string;
  readonly reward: number;
  readonly nextState?: string | undefined;
}

export interface Rates {
  /** Step size, 0 to 1. */
  readonly learning: number;
  /** What a later reward counts, 0 to 1. */
  readonly discount: number;
  /** How often another action than the best is taken, 0 to 1. */
  readonly exploration: number;
}

/** Furthest that one step may change the probability of an action (PPO, Schulman et al. 2017, eq. 7). */
const CLIP = 0.2;
const PROBABILITY_MAX = 1 - 1e-6;

/** Counts the experience; a training does not, or repeating it would look like more experience. */
export function count(policy: Policy, { state, action, reward, nextState }: Experience): void {
  const pair = policy.pair(state, action);
  pair.visits += 1;
  pair.meanReward += (reward - pair.meanReward) / pair.visits;
  if (nextState !== undefined) pair.next.set(nextState, (pair.next.get(nextState) ?? 0) + 1);
}

/**
 * One step of learning. `target` is the policy that says what the next state is worth. Returns how far the
 * value of the action was off.
 */
export function learn(
  algorithm: Algorithm,
  policy: Policy,
  experience: Experience,
  rates: Rates,
  target: Policy = policy,
): number {
  const { state, action, reward, nextState } = experience;
  const pair = policy.pair(state, action);
  const worthOfNext = nextState === undefined ? 0 : worth(algorithm, target, nextState, rates);
  switch (algorithm) {
    case 'q-learning': // 6.5
    case 'dqn':
    case 'sarsa': // 6.6, the expected value of what the policy would do
      return step(pair, reward + rates.discount * worthOfNext, rates.learning);
    case 'policy-gradient': {
      // 13.4: the mean reward of the state is the baseline.
      const error = reward - meanRewardOf(policy, state);
      prefer(policy, state, action, rates.learning * error, Infinity);
      return step(pair, reward, rates.learning);
    }
    case 'actor-critic': // 13.5
    case 'ppo': {
      const error = reward + rates.discount * worthOfNext - worth(algorithm, policy, state, rates);
      const clip = algorithm === 'ppo' ? CLIP : Infinity;
      prefer(policy, state, action, rates.learning * error, clip);
      return step(pair, reward + rates.discount * worthOfNext, rates.learning);
    }
    case 'decision-transformer': {
      // The best return that was seen is what the next one is to be like.
      const before = pair.q;
      pair.q = pair.visits <= 1 ? Math.max(reward, before) : Math.max(before, reward);
      return pair.q - before;
    }
    case 'mcts': {
      const before = pair.q;
      pair.q = pair.meanReward;
      return pair.q - before;
    }
    case 'model-based': {
      // 8.1: the expected update of the model that the counts are.
      const before = pair.q;
      pair.q = pair.meanReward + rates.discount * expectedNext(pair, target);
      return pair.q - before;
    }
  }
}

export interface Score {
  readonly action: string;
  readonly score: number;
}

/** The actions that were tried in a state, the best first. */
export function scores(algorithm: Algorithm, policy: Policy, state: string): Score[] {
  const actions = policy.actions(state);
  const visits = [...actions.values()].reduce((sum, pair) => sum + pair.visits, 0);
  const found = [...actions].map(([action, pair]) => {
    return { action, score: scoreOf(algorithm, pair, visits) };
  });
  return found.sort((a, b) => b.score - a.score);
}

function scoreOf(algorithm: Algorithm, pair: Pair, visits: number): number {
  if (algorithm === 'policy-gradient' || algorithm === 'actor-critic' || algorithm === 'ppo') {
    return pair.preference;
  }
  if (algorithm !== 'mcts') return pair.q;
  // UCB1 (2.7): what was tried little may still be better.
  return pair.q + Math.sqrt((2 * Math.log(Math.max(1, visits))) / Math.max(1, pair.visits));
}

/** Probabilities of a softmax, in the order of the scores. */
export function probabilities(found: readonly Score[]): number[] {
  const highest = Math.max(...found.map(({ score }) => score));
  const powers = found.map(({ score }) => Math.exp(score - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function step(pair: Pair, target: number, rate: number): number {
  const error = target - pair.q;
  pair.q += rate * error;
  return error;
}

function worth(algorithm: Algorithm, policy: Policy, state: string, rates: Rates): number {
  const pairs = [...policy.actions(state).values()];
  if (pairs.length === 0) return 0;
  if (algorithm === 'q-learning' || algorithm === 'dqn') return policy.best(state);
  if (algorithm === 'sarsa') {
    const mean = pairs.reduce((sum, { q }) => sum + q, 0) / pairs.length;
    return (1 - rates.exploration) * policy.best(state) + rates.exploration * mean;
  }
  const parts = probabilities(pairs.map(({ preference }) => ({ action: '', score: preference })));
  return pairs.reduce((sum, { q }, at) => sum + q * (parts[at] ?? 0), 0);
}

function expectedNext({ next }: Pair, policy: Policy): number {
  const times = [...next.values()].reduce((sum, one) => sum + one, 0);
  if (times === 0) return 0;
  return [...next].reduce((sum, [state, one]) => sum + (one / times) * policy.best(state), 0);
}

function meanRewardOf(policy: Policy, state: string): number {
  const pairs = [...policy.actions(state).values()];
  const visits = pairs.reduce((sum, pair) => sum + pair.visits, 0);
  if (visits === 0) return 0;
  return pairs.reduce((sum, pair) => sum + pair.meanReward * pair.visits, 0) / visits;
}

/** The gradient of the logarithm of a softmax, times `size`. */
function prefer(policy: Policy, state: string, action: string, size: number, clip: number): void {
  const actions = [...policy.actions(state)];
  const before = probabilities(
    actions.map(([name, { preference: score }]) => ({ action: name, score })),
  );
  const own = actions.findIndex(([name]) => name === action);
  for (const [at, [name, pair]] of actions.entries()) {
    pair.preference += size * ((name === action ? 1 : 0) - (before[at] ?? 0));
  }
  if (clip === Infinity || actions.length < 2) return;
  const after = probabilities(
    actions.map(([name, { preference: score }]) => ({ action: name, score })),
  );
  const [old = 0, made = 0] = [before[own], after[own]];
  const bounded = Math.min(Math.max(made, old * (1 - clip)), old * (1 + clip), PROBABILITY_MAX);
  if (bounded === made) return;
  const others = actions.filter((_, at) => at !== own).map(([, { preference }]) => preference);
  const highest = Math.max(...others);
  const sum = others.reduce((total, one) => total + Math.exp(one - highest), 0);
  // This one alone is set: to what gives it that probability among the others.
  actions[own]![1].preference = Math.log(bounded / (1 - bounded)) + highest + Math.log(sum);
}
