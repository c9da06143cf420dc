import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scenarios } from '../../sim/scenarios/index.js';
import { SIM_MUTANTS } from './sim-mutants.js';
import { occurrences } from './source-mutant.js';

describe('the mutants that the simulator has to find', () => {
  for (const { bug, name, file, source, scenario } of SIM_MUTANTS) {
    it(`"${name}" (${bug ?? 'no named bug'}): its text is in the code once`, () => {
      expect(occurrences(readFileSync(file, 'utf8'), source), file).toBe(1);
      expect(scenarios.map((each) => each.name)).toContain(scenario);
    });
  }

  it('bring back each of the 30 named bugs', () => {
    const covered = new Set(SIM_MUTANTS.map(({ bug }) => bug));
    const missing = Array.from({ length: 30 }, (_, at) => at + 1).filter(
      (bug) => !covered.has(bug),
    );
    expect(missing).toEqual([]);
  });
});
