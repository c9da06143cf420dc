/** What a language model answered, checked: it may be anything. */
import { z } from 'zod';
import {
  CONTENT_CHARACTERS_MAX,
  DESCRIPTION_CHARACTERS_MAX,
  REASON_CHARACTERS_MAX,
  REASONS_MAX,
  TAG_CHARACTERS_MAX,
  TAGS_MAX,
  TITLE_CHARACTERS_MAX,
} from '../reasoningbank/limits.js';

export interface Verdict {
  readonly label: 'Success' | 'Failure';
  /** 0 to 1. */
  readonly confidence: number;
  readonly reasons: string[];
}

/** A memory as a model words it. */
export interface WordedMemory {
  readonly title: string;
  readonly description: string;
  readonly content: string;
  readonly tags: string[];
  readonly domain: string | undefined;
  /** 0 to 0.2. */
  readonly confidence_boost: number;
}

/** Without what a store cannot hold, such as half of a surrogate pair that a cut left. */
function wellFormed(text: string): string {
  return text.replaceAll(/[\0\p{Surrogate}]/gu, '');
}

const text = (charactersMax: number) =>
  z.string().transform((value) => wellFormed(value.trim().slice(0, charactersMax)));
const words = (charactersMax: number, most: number) =>
  z
    .array(z.unknown())
    .catch([])
    .transform((all) => all.filter((one) => typeof one === 'string').slice(0, most))
    .transform((all) => all.map((one) => wellFormed(one.slice(0, charactersMax))));

const verdictSchema = z.object({
  label: z.enum(['Success', 'Failure']),
  confidence: z.number().min(0).max(1).catch(0.5),
  reasons: words(REASON_CHARACTERS_MAX, REASONS_MAX),
});

const memorySchema = z.object({
  title: text(TITLE_CHARACTERS_MAX).pipe(z.string().min(1)),
  description: text(DESCRIPTION_CHARACTERS_MAX).catch(''),
  content: text(CONTENT_CHARACTERS_MAX).pipe(z.string().min(1)),
  tags: words(TAG_CHARACTERS_MAX, TAGS_MAX),
  domain: text(TAG_CHARACTERS_MAX).optional().catch(undefined),
  confidence_boost: z.number().min(0).max(0.2).catch(0),
});

/** The verdict of an answer; as v1, what is no JSON is read as a text. */
export function verdictOf(answer: string): Verdict {
  const found = jsonIn(answer);
  const inner = typeof found?.['verdict'] === 'object' ? found['verdict'] : found;
  const checked = verdictSchema.safeParse(inner);
  if (checked.success) return checked.data;
  const lower = answer.toLowerCase();
  const isSuccess = lower.includes('success') && !lower.includes('failure');
  return {
    label: isSuccess ? 'Success' : 'Failure',
    confidence: 0.6,
    reasons: ['Parsed from text (JSON parse failed)'],
  };
}

/** The memories of an answer that can be used, at most so many. */
export function memoriesOf(answer: string, most: number): WordedMemory[] {
  const found = jsonIn(answer)?.['memories'];
  if (!Array.isArray(found)) return [];
  const checked = found.slice(0, 1000).map((one) => memorySchema.safeParse(one));
  const good = checked.flatMap((one) => (one.success ? [one.data] : []));
  return good.slice(0, most).map((one) => ({ ...one, domain: one.domain || undefined }));
}

/** The object between the first and the last brace; undefined where that is none. */
function jsonIn(answer: string): Readonly<Record<string, unknown>> | undefined {
  const [from, to] = [answer.indexOf('{'), answer.lastIndexOf('}')];
  if (from < 0 || to < from) return undefined;
  try {
    return JSON.parse(answer.slice(from, to + 1)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
