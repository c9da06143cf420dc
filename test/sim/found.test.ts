import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePlanFile } from '../../sim/explore/plan-file.js';
import { runPlan } from '../../sim/explore/run-plan.js';
import { scenarios } from '../../sim/scenarios/index.js';

const FOLDER = join('test', 'sim', 'found');

/** Shrunk plans of bugs that campaigns found; docs/TRACK_RECORD.md tells of each. */
describe('what campaigns found', () => {
  for (const file of readdirSync(FOLDER)) {
    it(`${file} passes`, () => {
      const { plan, expect: wanted } = parsePlanFile(readFileSync(join(FOLDER, file), 'utf8'));
      expect(wanted).toBe('pass');
      const scenario = scenarios.find(({ name }) => name === plan.scenario);
      expect(scenario).toBeDefined();
      expect(runPlan(scenario!, plan).failure).toBeUndefined();
    });
  }
});
