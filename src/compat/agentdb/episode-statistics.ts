/**
 * What episodes say about each other: which follow which within an hour of a session, and how much a task
 * raises the reward of what follows it, by v1's doubly robust estimate.
 */
import type { TableRow } from '../layout/table.js';
import { numberOf, textOf } from './columns.js';
import { PAIRS_MAX } from './limits.js';

const HOUR_S = 3600;

export interface TimedEpisode {
  readonly id: number;
  readonly ts: number;
  readonly session: string;
  readonly task: string;
  readonly reward: number;
}

export interface Estimate {
  readonly uplift: number;
  readonly confidence: number;
  readonly sampleSize: number;
  /** How likely the task is in its session. */
  readonly propensity: number;
  /** Mean rewards with and without the task before. */
  readonly mu1: number;
  readonly mu0: number;
}

export class EpisodeStatistics {
  readonly #episodes: TimedEpisode[];
  /** In the order of time. */
  readonly #sessions = new Map<string, TimedEpisode[]>();
  readonly #means = new Map<string, { mu1: number; mu0: number }>();

  constructor(rows: Iterable<TableRow>) {
    this.#episodes = [...rows].map((row) => ({
      id: row['id'] as number,
      ts: numberOf(row, 'ts') ?? 0,
      session: String(row['session_id']),
      task: textOf(row, 'task') ?? '',
      reward: numberOf(row, 'reward') ?? 0,
    }));
    this.#episodes.sort((a, b) => a.id - b.id);
    for (const episode of this.#episodes) {
      const session = this.#sessions.get(episode.session) ?? [];
      session.push(episode);
      this.#sessions.set(episode.session, session);
    }
    for (const session of this.#sessions.values()) session.sort((a, b) => a.ts - b.ts);
  }

  /** The first pairs of which one follows the other within an hour. */
  pairs(): { from: TimedEpisode; to: TimedEpisode }[] {
    const pairs: { from: TimedEpisode; to: TimedEpisode }[] = [];
    for (const from of this.#episodes) {
      for (const to of this.#sessions.get(from.session) ?? []) {
        if (to.ts <= from.ts || to.ts - from.ts >= HOUR_S) continue;
        pairs.push({ from, to });
        if (pairs.length === PAIRS_MAX) return pairs;
      }
    }
    return pairs;
  }

  /** How many episodes of its session follow each episode. */
  followers(): { id: number; task: string; count: number }[] {
    return this.#episodes.map(({ id, task, session, ts }) => {
      const count = (this.#sessions.get(session) ?? []).filter((one) => one.ts > ts).length;
      return { id, task, count };
    });
  }

  /** The effect of `from` on the reward of `to`: mu1 - mu0 + (reward - mu1) / propensity. */
  estimate(from: TimedEpisode, to: TimedEpisode): Estimate {
    const session = this.#sessions.get(from.session) ?? [];
    const same = session.filter(({ task }) => task === from.task).length;
    const propensity = Math.max(0.01, Math.min(0.99, same / Math.max(session.length, 1)));
    const { mu1, mu0 } = this.#meansOf(from.task);
    const uplift = mu1 - mu0 + (to.reward - mu1) / propensity;
    const sampleSize = this.#episodes.filter(({ task }) => task === from.task).length;
    const confidence = Math.min(sampleSize / 100, 1) * Math.min(Math.abs(uplift) / 0.5, 1);
    return { uplift, confidence, sampleSize, propensity, mu1, mu0 };
  }

  /** Mean rewards of the episodes that had this task before them in their session, and of the others. */
  #meansOf(task: string): { mu1: number; mu0: number } {
    const known = this.#means.get(task);
    if (known !== undefined) return known;
    const sums = { with: 0, without: 0 };
    const counts = { with: 0, without: 0 };
    for (const session of this.#sessions.values()) {
      const first = session.find((episode) => episode.task === task)?.ts ?? Infinity;
      for (const { ts, reward } of session) {
        const kind = ts > first ? 'with' : 'without';
        sums[kind] += reward;
        counts[kind] += 1;
      }
    }
    // v1's expectation where nothing is known, and where the mean is 0.
    const of = (kind: 'with' | 'without'): number => sums[kind] / counts[kind] || 0.5;
    const means = { mu1: of('with'), mu0: of('without') };
    this.#means.set(task, means);
    return means;
  }
}
