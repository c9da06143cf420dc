import { beforeEach, describe, expect, it } from 'vitest';

import { QueryCache } from '../../../../src/memory/text/query-cache.js';

describe('the query cache', () => {
  let nowMs = 0;
  let cache: QueryCache<string>;

  beforeEach(() => {
    nowMs = 5000;
    cache = new QueryCache({ nowMs: () => nowMs });
  });

  it('remembers an answer until something is applied', () => {
    cache.put('fox', 7, 'answer');
    expect(cache.get('fox', 7)).toBe('answer');
    expect(cache.get('sky', 7)).toBeUndefined();
    expect(cache.get('fox', 8)).toBeUndefined();
    // Also when the index comes back, as after a restore.
    expect(cache.get('fox', 7)).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it('never takes an answer of another state for one of this', () => {
    cache.put('fox', 7, 'old');
    cache.put('sky', 8, 'new');
    expect(cache.get('fox', 8)).toBeUndefined();
    expect(cache.get('sky', 8)).toBe('new');
    cache.clear();
    expect(cache.get('sky', 8)).toBeUndefined();
  });

  it('forgets after an hour, however often it was asked', () => {
    cache.put('fox', 7, 'answer');
    nowMs += 3_599_999;
    expect(cache.get('fox', 7)).toBe('answer');
    nowMs += 1;
    expect(cache.get('fox', 7)).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it('holds a thousand, and lets go of what was not asked for the longest', () => {
    for (let at = 0; at < 1000; at += 1) cache.put(`q${at}`, 7, `a${at}`);
    expect(cache.get('q0', 7)).toBe('a0');
    cache.put('one more', 7, 'a');
    expect(cache.size).toBe(1000);
    expect(cache.get('q0', 7)).toBe('a0');
    expect(cache.get('q1', 7)).toBeUndefined();
    expect(cache.get('q2', 7)).toBe('a2');
    cache.put('q2', 7, 'again');
    expect(cache.size).toBe(1000);
    expect(cache.get('q2', 7)).toBe('again');
  });

  it('takes other bounds', () => {
    const small = new QueryCache<number>({ nowMs: () => nowMs, entriesMax: 1, ageMaxMs: 10 });
    small.put('a', 1, 1);
    small.put('b', 1, 2);
    expect(small.get('a', 1)).toBeUndefined();
    nowMs += 10;
    expect(small.get('b', 1)).toBeUndefined();
  });
});
