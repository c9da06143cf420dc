import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Finding, HuntLine } from './sim-hunt.js';

/** A mutant can make a run endless; a run that takes so long on a busy machine is. */
const RUN_MS_MAX = 300_000;
const HEAP_MEGABYTES_MAX = 1_500;

/** What came of a hunt: how many runs, in how many seconds of one core. */
export interface Hunted {
  readonly runs: number;
  readonly seconds: number;
  /** Null if everything held. */
  readonly finding: Finding | null;
}

/**
 * Hunts with `program`, the compiled `sim-hunt.ts` of a copy of the project. A run that does not
 * end or that ends its process is a finding of the checkers `does-not-end` and `process-ended`.
 */
export async function hunt(program: string, args: readonly string[]): Promise<Hunted> {
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${HEAP_MEGABYTES_MAX}`, program, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const begunMs = performance.now();
  let seed: number | null = null;
  let runs = 0;
  let isKilled = false;
  let said = '';
  let hunted: Hunted | null = null;
  const kill = (): void => {
    isKilled = child.kill('SIGKILL');
  };
  let timer = setTimeout(kill, RUN_MS_MAX);
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = text.slice(-2_000)));
  for await (const line of createInterface({ input: child.stdout })) {
    const parsed = JSON.parse(line) as HuntLine;
    clearTimeout(timer);
    timer = setTimeout(kill, RUN_MS_MAX);
    if ('begins' in parsed) {
      seed = parsed.begins;
      runs += 1;
    } else {
      hunted = parsed;
    }
  }
  clearTimeout(timer);
  if (hunted !== null) return hunted;
  if (seed === null) throw new Error(`the hunt did not begin: ${said}`);
  const seconds = (performance.now() - begunMs) / 1_000;
  const checker = isKilled ? 'does-not-end' : 'process-ended';
  return { runs, seconds, finding: { seed, checker, message: said } };
}
