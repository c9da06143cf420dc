import { describe, expect, it } from 'vitest';
import {
  type Algorithm,
  ALGORITHMS,
  count,
  type Experience,
  learn,
  probabilities,
  type Rates,
  scores,
} from '../../../src/mcp/learning/algorithms.js';
import { rewardOf } from '../../../src/mcp/learning/measures.js';
import { Policy, policyOf } from '../../../src/mcp/learning/policy.js';
import { train } from '../../../src/mcp/learning/train.js';
import { SeededRandom } from '../../../src/memory/seeded-random.js';

const rates: Rates = { learning: 0.1, discount: 0.9, exploration: 0.1 };
const { signal } = new AbortController();

/** A corridor of four rooms; the treasure is behind the last, and leaving by the window ends it at once. */
function walk(random: SeededRandom, steps: number): Experience[] {
  const found: Experience[] = [];
  let room = 0;
  for (let at = 0; at < steps; at += 1) {
    const action = random.fraction() < 0.5 ? 'on' : 'window';
    const isEnd = action === 'window' || room === 3;
    const reward = action === 'window' ? 0.3 : room === 3 ? 1 : 0;
    const nextState = isEnd ? undefined : `room ${room + 1}`;
    found.push({ state: `room ${room}`, action, reward, nextState });
    room = isEnd ? 0 : room + 1;
  }
  return found;
}

function learnt(algorithm: Algorithm, experiences: readonly Experience[]): Policy {
  const policy = new Policy();
  for (const experience of experiences) {
    count(policy, experience);
    learn(algorithm, policy, experience, rates);
  }
  return policy;
}

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const history = walk(new SeededRandom(seed), 3000);

describe(`policies, seed ${seed}`, () => {
  /** These count what comes after: 0.9 ** 3 > 0.3. */
  it.each(['q-learning', 'sarsa', 'dqn', 'model-based'] as const)(
    '%s goes for the later, higher reward',
    async (algorithm) => {
      const policy = learnt(algorithm, history);
      const more = { batchSize: 32, targetUpdateFrequency: 50, signal };
      await train(policy, history, { algorithm, rates, epochs: 5, ...more });
      expect(scores(algorithm, policy, 'room 0')[0]?.action).toBe('on');
      expect(scores(algorithm, policy, 'room 3')[0]?.action).toBe('on');
      // What q means is known where it ends, and one room before.
      expect(policy.actions('room 3').get('on')?.q).toBeCloseTo(1, 1);
      expect(policy.actions('room 2').get('on')?.q).toBeCloseTo(0.9, 1);
    },
  );

  it.each(['policy-gradient', 'actor-critic', 'ppo', 'decision-transformer', 'mcts'] as const)(
    '%s knows the better action of a state',
    (algorithm) => {
      const policy = learnt(algorithm, history);
      expect(scores(algorithm, policy, 'room 3')[0]?.action).toBe('on');
    },
  );

  it.each(ALGORITHMS)('%s comes back from the store as it was', (algorithm) => {
    const policy = learnt(algorithm, history.slice(0, 200));
    const copy = policyOf(JSON.parse(JSON.stringify(policy.toMetadata())) as object as never);
    expect([...copy.entries()]).toEqual([...policy.entries()]);
  });
});

describe('a step of q-learning', () => {
  it('is the one of the book', () => {
    const policy = new Policy();
    policy.pair('b', 'x').q = 2;
    const error = learn(
      'q-learning',
      policy,
      { state: 'a', action: 'y', reward: 1, nextState: 'b' },
      rates,
    );
    expect(error).toBeCloseTo(1 + 0.9 * 2);
    expect(policy.actions('a').get('y')?.q).toBeCloseTo(0.1 * 2.8);
  });
});

describe('ppo', () => {
  it('changes no probability by more than a fifth in one step', () => {
    const policy = new Policy();
    policy.pair('s', 'a');
    policy.pair('s', 'b');
    const one = { learning: 1, discount: 0, exploration: 0 };
    learn('ppo', policy, { state: 's', action: 'a', reward: 1000 }, one);
    const [best, other] = probabilities(scores('ppo', policy, 's'));
    expect(best).toBeCloseTo(0.6, 6);
    expect(other).toBeCloseTo(0.4, 6);
  });
});

describe('a policy', () => {
  it('of v1 is read from its maps', () => {
    const policy = policyOf({
      state_action_pairs: {},
      q_values: { 'tool:x|run|go': 0.5, broken: 1 },
      visit_counts: { 'tool:x|run|go': 3 },
      avg_rewards: {},
    });
    expect([...policy.entries()]).toMatchObject([['tool:x|run', 'go', { q: 0.5, visits: 3 }]]);
  });

  it('is bounded', () => {
    const policy = new Policy();
    for (let at = 0; at < 2000; at += 1) policy.pair(`s${at}`, 'a');
    expect(() => policy.pair('one', 'more')).toThrow('at most 2000 pairs');
    expect(() => new Policy().pair('x'.repeat(600_001), 'a')).toThrow('600000 characters');
  });
});

describe('a training', () => {
  it('says how much of the error is gone, and stops when it is told to', async () => {
    const experiences = [{ state: 's', action: 'a', reward: 1 }];
    const policy = learnt('q-learning', experiences);
    const training = {
      algorithm: 'q-learning',
      rates,
      batchSize: 1,
      targetUpdateFrequency: 1,
    } as const;
    const result = await train(policy, experiences, { ...training, epochs: 50, signal });
    expect(result.firstLoss).toBeCloseTo(0.81);
    expect(result.finalLoss).toBeLessThan(0.001);
    expect(result.convergence).toBeGreaterThan(0.99);
    const stop = AbortSignal.abort(new Error('enough'));
    const stopped = train(policy, experiences, { ...training, epochs: 5000, signal: stop });
    await expect(stopped).rejects.toThrow('enough');
  });
});

describe('a reward', () => {
  const outcome = { success: true, targetAchieved: true, efficiency: 0.5, quality: 0.5 };
  it.each([
    ['standard', {}, 0.9],
    ['sparse', { targetAchieved: false }, 0],
    ['dense', { success: false }, 0.75],
    ['shaped', { success: false, targetAchieved: false }, 0],
    ['shaped', { success: false, timeTakenMs: 50, expectedTimeMs: 100 }, 0],
    ['standard', { uplift: -1 }, 0.8],
    ['standard', { uplift: 100 }, 1],
  ])('%s of %j is %f', (rewardFunction, changes, expected) => {
    expect(rewardOf({ ...outcome, rewardFunction, ...changes })).toBeCloseTo(expected);
  });
});
