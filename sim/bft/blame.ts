/** Asks the validators of a simulated fork until it is clear who made it, and checks who is named. */
import {
  type Accusation,
  type Certificate,
  type Judgement,
  type ValidatorId,
  isAccusation,
  isAnswer,
  isEquivocation,
  isFork,
  judgeFork,
} from '../../consensus/bft/index.js';
import { hasCorrect } from '../../consensus/bft/quorum.js';
import type { RandomStream } from '../world/index.js';
import type { TwinsFork } from './twins.js';

/** What an investigation came to. */
export interface Blame {
  /** What is wrong with it, in a sentence; null if nothing is. */
  readonly violation: string | null;
  readonly kind: 'equivocation' | Accusation['type'];
  readonly named: readonly ValidatorId[];
  /** How many times somebody showed a polka that led to another judgement. */
  readonly answers: number;
}

/** Investigates a fork. `random` is what the faulty do when they are asked. */
export function blameFork(fork: TwinsFork, random: RandomStream): Blame {
  const { decisions, validators } = fork;
  const shown: Certificate[] = [];
  for (let answers = 0; ; answers += 1) {
    const judgement = judgeFork(decisions, shown, validators);
    const polkas =
      judgement.type === 'proven'
        ? []
        : judgement.accusations
            .map((each) => answerOf(fork, each, random))
            .filter((polka) => polka !== undefined);
    // What answers nothing is shown as well: it must make no difference.
    shown.push(...polkas);
    const isAnswered =
      judgement.type === 'accused' &&
      judgement.accusations.some((each) =>
        polkas.some((polka) => isAnswer(each, polka, validators)),
      );
    if (!isAnswered) return blameOf(fork, judgement, answers);
  }
}

function answerOf(
  { faulty, polkas, validators }: TwinsFork,
  accusation: Accusation,
  random: RandomStream,
): Certificate | undefined {
  const kept = polkas.get(accusation.accused) ?? [];
  const answer = kept.find((polka) => isAnswer(accusation, polka, validators));
  if (!faulty.has(accusation.accused)) return answer;
  const does = random.pick(['answers', 'is silent', 'shows another', 'shows too few'] as const);
  if (does === 'answers') return answer;
  if (does === 'is silent' || kept.length === 0) return undefined;
  const other = random.pick(kept);
  return does === 'shows another' ? other : other.slice(1);
}

function blameOf(fork: TwinsFork, judgement: Judgement, answers: number): Blame {
  const accused = judgement.type === 'proven' ? judgement.culprits : judgement.accusations;
  const named = accused.map((each) => each.accused);
  const kind = accused[0]?.type ?? 'equivocation';
  return { violation: wrongWith(fork, judgement, named), kind, named, answers };
}

function wrongWith(
  { decisions, faulty, validators }: TwinsFork,
  judgement: Judgement,
  named: readonly ValidatorId[],
): string | null {
  if (!isFork(decisions, validators)) return 'two decisions of a fork prove none';
  const correct = named.find((id) => !faulty.has(id));
  if (correct !== undefined) return `${correct} is correct and named for a fork`;
  const isSound =
    judgement.type === 'accused'
      ? judgement.accusations.every(isAccusation)
      : judgement.culprits.every(({ messages: [one, other] }) => isEquivocation(one, other));
  if (!isSound) return 'a proof or question about a fork is none';
  const weight = validators.weightOfAll(new Set(named));
  if (hasCorrect(weight, validators.totalWeight)) return null;
  return `only ${named.join(', ')} are named for a fork`;
}
