/** Figures of experiences, and the reward that v1 computed of an outcome. */
import { mean } from '../values.js';
import type { StoredExperience } from './sessions.js';

export interface GroupFigures {
  readonly key: string;
  readonly count: number;
  readonly successRate: number;
  readonly avgReward: number;
}

export interface Overall {
  readonly count: number;
  readonly successRate: number;
  readonly avgReward: number;
  readonly minReward: number;
  readonly maxReward: number;
  /** Of those that say how long they took; undefined if none does. */
  readonly avgLatencyMs: number | undefined;
}

export function overallOf(experiences: readonly StoredExperience[]): Overall {
  const rewards = experiences.map(({ reward }) => reward);
  const latencies = experiences.flatMap(({ latencyMs }) =>
    latencyMs === undefined ? [] : [latencyMs],
  );
  return {
    count: experiences.length,
    successRate: mean(experiences.map(({ isSuccess }) => Number(isSuccess))),
    avgReward: mean(rewards),
    minReward: rewards.reduce((least, one) => Math.min(least, one), rewards[0] ?? 0),
    maxReward: rewards.reduce((most, one) => Math.max(most, one), rewards[0] ?? 0),
    avgLatencyMs: latencies.length === 0 ? undefined : mean(latencies),
  };
}

/** Those with most experiences first. */
export function groupsOf(
  experiences: readonly StoredExperience[],
  keyOf: (experience: StoredExperience) => string,
): GroupFigures[] {
  const groups = new Map<string, StoredExperience[]>();
  for (const experience of experiences) {
    const key = keyOf(experience);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [experience]);
    else group.push(experience);
  }
  return [...groups]
    .map(([key, group]) => ({ key, ...overallOf(group) }))
    .sort((a, b) => b.count - a.count);
}

export interface Outcome {
  readonly success: boolean;
  readonly targetAchieved: boolean;
  /** 0 to 1. */
  readonly efficiency: number;
  readonly quality: number;
  readonly timeTakenMs?: number | undefined;
  readonly expectedTimeMs?: number | undefined;
  readonly rewardFunction: string;
  /** Mean uplift of the causal edges at the episode; undefined where there are none. */
  readonly uplift?: number | undefined;
}

/** v1's own weights. 0 to 1. */
export function rewardOf(outcome: Outcome): number {
  const { success, targetAchieved, quality, efficiency, uplift = 0 } = outcome;
  const reward = ((): number => {
    switch (outcome.rewardFunction) {
      case 'sparse':
        return success && targetAchieved ? 1 : 0;
      case 'dense':
        return Number(success) + Number(targetAchieved) * 0.5 + quality * 0.3 + efficiency * 0.2;
      case 'shaped':
        return (
          (success ? 1 : -0.5) +
          (targetAchieved ? 0.3 : 0) +
          timeBonus(outcome) +
          (quality - 0.5) * 0.3 +
          (efficiency - 0.5) * 0.2
        );
      default:
        return (success ? 0.6 : 0) + (targetAchieved ? 0.2 : 0) + quality * 0.1 + efficiency * 0.1;
    }
  })();
  return Math.max(0, Math.min(1, reward + uplift * 0.1));
}

function timeBonus({ timeTakenMs, expectedTimeMs }: Outcome): number {
  if (timeTakenMs === undefined || expectedTimeMs === undefined || expectedTimeMs <= 0) return 0;
  return Math.max(0, 1 - timeTakenMs / expectedTimeMs) * 0.2;
}
