import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePlanFile } from '../../sim/explore/plan-file.js';
import { runPlan } from '../../sim/explore/run-plan.js';
import { scenarios } from '../../sim/scenarios/index.js';

/** Plans that pass, and reach what they are about. */
function passes(folder: string): void {
  for (const file of readdirSync(folder)) {
    it(`${file} passes`, () => {
      const text = readFileSync(join(folder, file), 'utf8');
      const { plan, mustReach, expect: wanted } = parsePlanFile(text);
      expect(wanted).toBe('pass');
      const scenario = scenarios.find(({ name }) => name === plan.scenario);
      expect(scenario).toBeDefined();
      const { failure, probes } = runPlan(scenario!, plan);
      expect(failure).toBeUndefined();
      expect([...probes]).toEqual(expect.arrayContaining([...mustReach]));
    });
  }
}

/** Shrunk plans; docs/TRACK_RECORD.md tells of each. */
describe('what campaigns found', () => passes(join('test', 'sim', 'found')));

/** Bugs that implementations of Raft had, each as a plan that runs into its situation. */
describe('named bugs', () => passes(join('sim', 'named-bugs')));
