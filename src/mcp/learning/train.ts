/** Training: the experiences of a session again and again, in another order each time. */
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { SeededRandom } from '../../memory/seeded-random.js';
import { type Experience, learn, type Rates, type Algorithm } from './algorithms.js';
import type { Policy } from './policy.js';

export interface Training {
  readonly algorithm: Algorithm;
  readonly rates: Rates;
  readonly epochs: number;
  readonly batchSize: number;
  /** Steps after which `dqn` takes over what the next states are worth. */
  readonly targetUpdateFrequency: number;
  readonly signal: AbortSignal;
}

export interface TrainingResult {
  /** Mean squared error of the first and the last epoch. */
  readonly firstLoss: number;
  readonly finalLoss: number;
  /** Which part of the first loss is gone; 0 where it grew. */
  readonly convergence: number;
}

/** Changes the policy. The order is the same for as many experiences, so that a training can be repeated. */
export async function train(
  policy: Policy,
  experiences: readonly Experience[],
  training: Training,
): Promise<TrainingResult> {
  const { algorithm, epochs, batchSize, rates, signal } = training;
  const random = new SeededRandom(experiences.length);
  const order = [...experiences];
  let target = algorithm === 'dqn' ? policy.clone() : policy;
  let steps = 0;
  let [firstLoss, finalLoss] = [0, 0];
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    random.shuffle(order);
    let squares = 0;
    for (const [at, experience] of order.entries()) {
      squares += learn(algorithm, policy, experience, rates, target) ** 2;
      steps += 1;
      if (algorithm === 'dqn' && steps % training.targetUpdateFrequency === 0) {
        target = policy.clone();
      }
      if (at % batchSize === batchSize - 1 && steps % 1000 < batchSize) {
        await yieldToOthers();
        signal.throwIfAborted();
      }
    }
    finalLoss = squares / order.length;
    if (epoch === 0) firstLoss = finalLoss;
  }
  const convergence = firstLoss === 0 ? 1 : Math.max(0, 1 - finalLoss / firstLoss);
  return { firstLoss, finalLoss, convergence };
}
