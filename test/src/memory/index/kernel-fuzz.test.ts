/** Calls of the kernels with anything at all: an answer or an exception, never the end of the process. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

import { seed } from '../support.js';
import { builds } from './support.js';

describe('hostile calls', () => {
  it.each(builds)('leave the process alive: $name', async ({ rung, instructions }) => {
    const child = fork(
      new URL('./fuzz-child.js', import.meta.url),
      [rung, String(instructions ?? 2), String(seed())],
      { timeout: 300_000, killSignal: 'SIGKILL' },
    );
    let report: unknown;
    child.on('message', (message) => {
      report = message;
    });
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    // Most calls are refused, some are right by chance; both must have happened.
    expect(report).toEqual({
      calls: 20_000,
      answers: expect.any(Number) as number,
      refusals: expect.any(Number) as number,
      sound: true,
    });
    const { answers, refusals } = report as { answers: number; refusals: number };
    expect(answers).toBeGreaterThan(500);
    expect(refusals).toBeGreaterThan(500);
  });
});
