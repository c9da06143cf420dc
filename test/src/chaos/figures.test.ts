import { describe, expect, it } from 'vitest';

import { figuresOf } from '../../../src/chaos/figures.js';
import { operation } from './operation.js';

/** A get that began and ended at these milliseconds. */
function get(callMs: number, returnMs: number, outcome: 'ok' | 'failed' = 'ok') {
  const times = { callMicroseconds: callMs * 1_000, returnMicroseconds: returnMs * 1_000 };
  return operation({ kind: 'get', id: 'a', content: null, outcome, ...times });
}

describe('the figures of a phase', () => {
  const operations = [
    get(0, 10),
    get(20, 50),
    get(60, 160),
    get(170, 900, 'failed'),
    get(950, 990),
  ];
  const whole = { name: 'faults', fromMicroseconds: 0, toMicroseconds: 1_000_000 } as const;

  it('count what was called in it', () => {
    const [figures] = figuresOf(operations, [whole]);
    expect(figures).toMatchObject({ phase: 'faults', seconds: 1, ok: 4, failed: 1, unknown: 0 });
  });

  it('are exact percentiles of what was answered', () => {
    const [figures] = figuresOf(operations, [whole]);
    expect(figures).toMatchObject({ p50Ms: 30, p99Ms: 100 });
  });

  it('have the longest time without an answer, beginning and end included', () => {
    const gap = (fromMs: number, toMs: number): number | undefined => {
      const [fromMicroseconds, toMicroseconds] = [fromMs * 1_000, toMs * 1_000];
      return figuresOf(operations, [{ ...whole, fromMicroseconds, toMicroseconds }])[0]
        ?.longestGapMs;
    };
    expect(gap(0, 1_000)).toBe(830);
    expect(gap(0, 160)).toBe(110);
    expect(gap(200, 400)).toBe(200);
  });

  it('are zeros where nothing happened', () => {
    const [figures] = figuresOf([], [whole]);
    expect(figures).toMatchObject({ ok: 0, p50Ms: 0, p99Ms: 0, longestGapMs: 1_000 });
  });
});
