/** What v1 takes out of texts before it stores them: addresses, numbers and keys of persons. */
import { loadConfig } from './config.js';

export interface PiiPattern {
  readonly pattern: RegExp;
  readonly replacement: string;
}

/** In the order in which they are applied: a number of 9 digits is one before it is part of another. */
const PATTERNS: readonly PiiPattern[] = [
  { pattern: /\b[\w.%+-]+@[A-Za-z0-9.-]+\.[A-Za-z|]{2,}\b/g, replacement: '[EMAIL]' },
  { pattern: /\b\d{3}-\d{2}-\d{4}\b/g, replacement: '[SSN]' },
  { pattern: /\b\d{9}\b/g, replacement: '[SSN]' },
  { pattern: /\bsk-[A-Za-z0-9]{48}\b/g, replacement: '[API_KEY]' },
  { pattern: /\bsk-ant-[\w-]{20,}/g, replacement: '[API_KEY]' },
  { pattern: /\bgh[po]_[A-Za-z0-9]{36}\b/g, replacement: '[API_KEY]' },
  { pattern: /\bxoxb-[A-Za-z0-9-]+\b/g, replacement: '[API_KEY]' },
  { pattern: /\bAKIA[0-9A-Z]{16}\b/g, replacement: '[AWS_KEY]' },
  { pattern: /\b(?:\d{4}[\s-]?){3}\d{4}\b/g, replacement: '[CREDIT_CARD]' },
  { pattern: /\b\d{3}[-.\s]?\d{3}[-.\s]?\d{4}\b/g, replacement: '[PHONE]' },
  { pattern: /\(\d{3}\)\s?\d{3}[-.\s]?\d{4}\b/g, replacement: '[PHONE]' },
  { pattern: /\b\d{1,3}(?:\.\d{1,3}){3}\b/g, replacement: '[IP]' },
  {
    pattern: /([?&])(token|key|apikey|api_key|secret)=[^&\s]+/gi,
    replacement: '$1$2=[REDACTED]',
  },
  { pattern: /\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]+\b/g, replacement: '[JWT]' },
];

/** The text with what the patterns find replaced; unchanged where `governance.pii_scrubber` is false. */
export function scrubPII(text: string, customPatterns?: readonly PiiPattern[]): string {
  if (!loadConfig().governance.pii_scrubber) return text;
  const patterns = customPatterns ?? PATTERNS;
  return patterns.reduce((scrubbed, { pattern, replacement }) => {
    return scrubbed.replace(pattern, replacement);
  }, text);
}

/** True if `scrubPII` would find something. v1's answer depended on the call before. */
export function containsPII(text: string): boolean {
  return PATTERNS.some(({ pattern }) => text.search(pattern) >= 0);
}

/** The same object with title, description and content scrubbed. */
export function scrubMemory<
  Memory extends { readonly title: string; readonly description: string; readonly content: string },
>(memory: Memory): Memory {
  return {
    ...memory,
    title: scrubPII(memory.title),
    description: scrubPII(memory.description),
    content: scrubPII(memory.content),
  };
}
