/** What successful episodes of a task have in common, by words, rewards and fields, in v1's sentences. */
import type { TableRow } from '../layout/table.js';
import { mean, numberOf, textOf } from './columns.js';

/** Of four letters or more, the least that counts as a word. */
const STOP_WORDS = new Set(
  'with from were been have does will would should could might must this that these those'.split(
    ' ',
  ),
);
const WORD_CHARACTERS_MIN = 4;

export interface FoundPatterns {
  readonly commonPatterns: string[];
  readonly successIndicators: string[];
}

export function patternsIn(episodes: readonly TableRow[]): FoundPatterns {
  if (episodes.length === 0) return { commonPatterns: [], successIndicators: [] };
  const commonPatterns: string[] = [];
  const techniques = frequentWords(textsOf(episodes, 'output'), 5);
  if (techniques.length > 0) commonPatterns.push(`Common techniques: ${techniques.join(', ')}`);
  commonPatterns.push(...consistentFields(episodes));
  const successIndicators = frequentWords(textsOf(episodes, 'critique'), 3);
  const rewards = episodes.map((row) => numberOf(row, 'reward') ?? 0);
  const average = mean(rewards);
  const above = rewards.filter((reward) => reward > average).length / rewards.length;
  if (above > 0.6) {
    successIndicators.push(`High consistency (${(above * 100).toFixed(0)}% above average)`);
  }
  const trend = trendOf(episodes);
  if (trend !== undefined) successIndicators.push(trend);
  return { commonPatterns, successIndicators };
}

/** Grows with the number of samples up to ten. */
export function confidenceOf(samples: number, successRate: number): number {
  return Math.min(Math.min(samples / 10, 1) * successRate, 0.99);
}

function textsOf(episodes: readonly TableRow[], column: string): string[] {
  return episodes
    .map((row) => textOf(row, column))
    .filter((text) => text !== null && text !== '') as string[];
}

/** Of the `most` most frequent words those that occur twice. */
function frequentWords(texts: readonly string[], most: number): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of text.toLowerCase().match(/\b[\w-]+\b/g) ?? []) {
      if (word.length < WORD_CHARACTERS_MIN || STOP_WORDS.has(word)) continue;
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  const byCount = [...counts].sort((a, b) => b[1] - a[1]).slice(0, most);
  return byCount.filter(([, count]) => count >= 2).map(([word]) => word);
}

/** Fields of the metadata that have one value wherever they are. */
function consistentFields(episodes: readonly TableRow[]): string[] {
  const values = new Map<string, Set<unknown>>();
  for (const { metadata } of episodes) {
    if (typeof metadata !== 'object' || metadata === null) continue;
    for (const [field, value] of Object.entries(metadata)) {
      const seen = values.get(field) ?? new Set();
      seen.add(value);
      values.set(field, seen);
    }
  }
  const consistent = [...values].filter(([, seen]) => seen.size === 1);
  return consistent.map(([field, [value]]) => `Consistent ${field}: ${String(value)}`);
}

/** The rewards of the later half beside those of the earlier one. */
function trendOf(episodes: readonly TableRow[]): string | undefined {
  if (episodes.length < 3) return undefined;
  const sorted = [...episodes].sort((a, b) => Number(a['id']) - Number(b['id']));
  const rewards = sorted.map((row) => numberOf(row, 'reward') ?? 0);
  const half = Math.floor(rewards.length / 2);
  const first = mean(rewards.slice(0, half));
  const percent = ((mean(rewards.slice(half)) - first) / first) * 100;
  if (percent > 10) return `Strong learning curve (+${percent.toFixed(0)}% improvement)`;
  if (percent > 5) return `Moderate learning curve (+${percent.toFixed(0)}% improvement)`;
  if (Math.abs(percent) < 5) return `Stable performance (±${Math.abs(percent).toFixed(0)}%)`;
  return undefined;
}
