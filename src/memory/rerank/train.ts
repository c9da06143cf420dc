/** Trains a reranker on examples, one after the other, in steps between which the event loop goes on. */
import { MemoryError } from '../errors.js';
import { Adam } from '../neural/adam.js';
import { type LossName, rankingLoss } from '../neural/ranking-loss.js';
import { SeededRandom } from '../seeded-random.js';
import { Pace } from '../pace.js';
import {
  type Architecture,
  createModel,
  isGnn,
  type ModelShape,
  usualShape,
} from './architecture.js';
import { EPOCHS_MAX, EXAMPLES_MAX } from './limits.js';
import { Reranker, weightsOf } from './reranker.js';
import { checkExamples, isInstructive, prepare, type TrainingExample } from './training-example.js';

export interface TrainingProgress {
  /** Passes that are done, the one that this tells of included. */
  readonly epoch: number;
  readonly epochs: number;
  /** Mean over the examples of this pass, each as it was before its step. */
  readonly loss: number;
  /** Examples that count: the others have no wanted candidate, or no other one. */
  readonly examples: number;
}

export interface TrainingOptions {
  readonly architecture: Architecture;
  /** Name of the embedding model that made the vectors. */
  readonly model: string;
  readonly examples: readonly TrainingExample[];
  /** Equal seeds, options and examples give equal weights; 1 unless given. */
  readonly seed?: number;
  /** Passes over all examples; 4 unless given. */
  readonly epochs?: number;
  /** Examples that one step of the optimizer takes together; 8 unless given. */
  readonly batch?: number;
  /** Size of its steps; 0.001 unless given. */
  readonly rate?: number;
  /** Weight decay; 0.01 unless given. */
  readonly decay?: number;
  readonly loss?: LossName;
  /** What differs from the usual shape of the architecture. */
  readonly shape?: Partial<Omit<ModelShape, 'architecture' | 'dimensions'>>;
  readonly onProgress?: (progress: TrainingProgress) => void;
  readonly signal?: AbortSignal;
}

/** Scores are cosines; so many times as large they are the logits of a loss. */
const SCORE_SCALE = 20;

/**
 * A reranker that has seen all examples `epochs` times. One example is one step, of some ten
 * milliseconds: not for the main thread of a node that serves. Throws `invalid`, and the reason of the
 * signal.
 */
export async function trainReranker(options: TrainingOptions): Promise<Reranker> {
  const { architecture, model, examples, onProgress, signal } = options;
  const { seed = 1, epochs = 4, batch = 8, rate = 0.001, decay = 0.01 } = options;
  const { loss: lossName = 'listwise' } = options;
  signal?.throwIfAborted();
  checkNumbers({ seed, epochs, batch, rate, decay });
  if (lossName !== 'listwise' && lossName !== 'pairwise') {
    throw new MemoryError('invalid', `the loss is listwise or pairwise, not ${String(lossName)}`);
  }
  const instructive = instructiveOf(examples);
  const dimensions = instructive[0]!.query.length;
  const shape = { ...usualShape(architecture, dimensions), ...options.shape };
  const ranking = createModel(shape, seed);
  const adam = new Adam(ranking.parameters, { rate, decay });
  const order = new SeededRandom(seed ^ 0x5bd1e995);
  const pace = new Pace(signal);
  for (let epoch = 1; epoch <= epochs; epoch += 1) {
    order.shuffle(instructive);
    let sum = 0;
    for (const [at, example] of instructive.entries()) {
      const { input, isRelevant } = prepare(example, isGnn(architecture));
      const step = ranking.forward(input);
      const logits = step.scores.map((score) => SCORE_SCALE * score);
      const { loss, gradient } = rankingLoss(lossName, logits, isRelevant);
      sum += loss;
      step.backward(gradient.map((slope) => (SCORE_SCALE * slope) / batch));
      if ((at + 1) % batch === 0 || at + 1 === instructive.length) adam.step();
      if (pace.isDue) await pace.pause();
    }
    const loss = sum / instructive.length;
    onProgress?.({ epoch, epochs, loss, examples: instructive.length });
  }
  return new Reranker(shape, model, weightsOf(ranking.parameters));
}

/** Those that teach something, in an array of their own. */
function instructiveOf(examples: readonly TrainingExample[]): TrainingExample[] {
  if (examples.length > EXAMPLES_MAX) {
    const sentence = `${examples.length} examples are too many, at most ${EXAMPLES_MAX} are taken`;
    throw new MemoryError('invalid', sentence);
  }
  const instructive = examples.filter(isInstructive);
  const first = instructive[0];
  if (first === undefined) {
    const sentence =
      'no example has a relevant candidate and another one; there is nothing to learn';
    throw new MemoryError('invalid', sentence);
  }
  checkExamples(examples, first.query.length);
  return instructive;
}

function checkNumbers(
  numbers: Readonly<Record<'seed' | 'epochs' | 'batch' | 'rate' | 'decay', number>>,
): void {
  const { seed, epochs, batch, rate, decay } = numbers;
  const rules = [
    ['seed', seed, Number.isSafeInteger(seed), 'a whole number'],
    ['epochs', epochs, isWhole(epochs, EPOCHS_MAX), `a whole number from 1 to ${EPOCHS_MAX}`],
    ['batch', batch, isWhole(batch, EXAMPLES_MAX), `a whole number from 1 to ${EXAMPLES_MAX}`],
    ['rate', rate, rate > 0 && rate <= 1, 'above 0 and at most 1'],
    ['decay', decay, decay >= 0 && decay <= 1, 'from 0 to 1'],
  ] as const;
  for (const [name, value, isRight, rule] of rules) {
    if (!isRight) throw new MemoryError('invalid', `${name} must be ${rule}, not ${value}`);
  }
}

function isWhole(value: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= most;
}
