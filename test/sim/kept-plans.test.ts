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

const NAMED_BUGS = join('sim', 'named-bugs');

/** Bugs that implementations of Raft had, each as a plan that runs into its situation. */
describe('named bugs', () => {
  passes(NAMED_BUGS);

  it('are thirty, and each plan says what it is about and what it has to reach', () => {
    const files = readdirSync(NAMED_BUGS);
    const numbers = new Set(files.map((file) => Number(file.slice(0, 2))));
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    for (const file of files) {
      const { title, about, mustReach } = parsePlanFile(
        readFileSync(join(NAMED_BUGS, file), 'utf8'),
      );
      expect([title, about], file).not.toContain(undefined);
      expect(mustReach.length, file).toBeGreaterThan(0);
    }
  });
});
