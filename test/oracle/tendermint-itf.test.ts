import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BFT_MUTANTS } from '../mutants/bft-mutants.js';
import { Workshop } from '../mutants/workshop.js';
import { runTendermintOracle, type TraceOutcome } from './tendermint-itf.js';

const folder = join(process.cwd(), '..', 'shared', 'oracles', 'tendermint-itf');

describe('traces of the Quint specification of Tendermint', () => {
  let outcomes: TraceOutcome[] = [];

  beforeAll(() => {
    if (!existsSync(folder)) {
      throw new Error(
        'the oracles are missing: put the shared folder, with oracles/tendermint-itf, beside the project',
      );
    }
    outcomes = runTendermintOracle(folder);
  });

  it('are all replayed, each step as the specification has it', () => {
    expect(outcomes.filter(({ verdict }) => verdict !== 'passed')).toEqual([]);
  });

  it.each([
    ['state machine', 1, 14],
    ['vote keeper', 5, 13],
    ['driver', 9, 800],
  ])('are of the %s, at least %i, with at least %i steps', (module, files, steps) => {
    const own = outcomes.filter((outcome) => outcome.module === module);
    expect(own.length).toBeGreaterThanOrEqual(files);
    expect(own.reduce((sum, each) => sum + each.steps, 0)).toBeGreaterThanOrEqual(steps);
  });
});

describe('the replay of traces, on a core that is broken', () => {
  const mutants = BFT_MUTANTS.filter(({ differsFromTraces }) => differsFromTraces);
  let workshop: Workshop;

  beforeAll(async () => {
    workshop = await Workshop.open(process.cwd(), ['consensus', 'sim', 'test/oracle'], {});
  });
  afterAll(() => workshop.close());

  const replay = async (): Promise<string> => {
    const program = workshop.compiledPath('test/oracle/main.ts');
    const run = promisify(execFile)(process.execPath, [program, 'tendermint-itf', folder]);
    const { stdout } = await run.catch((error: { readonly stdout: string }) => error);
    return stdout.trim().split('\n').at(-1) ?? '';
  };

  it('passes without a mistake', async () => {
    expect(await replay()).toMatch(/^[1-9]\d* passed, 0 failed$/);
  });

  it.each(mutants)('notices that $name', async (mutant) => {
    const repair = await workshop.make(mutant);
    expect(await replay().finally(repair)).toMatch(/ passed, [1-9]\d* failed$/);
  });
});
