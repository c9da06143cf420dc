import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AVAILABLE_MUTANTS } from './available.js';
import { PAGES_MUTANTS } from './pages.js';
import { occurrences } from './source-mutant.js';

const TABLES = { 'available namespaces': AVAILABLE_MUTANTS, pages: PAGES_MUTANTS };

for (const [what, mutants] of Object.entries(TABLES)) {
  describe(`the mutants of ${what}`, () => {
    it.each(mutants)('"$name": its text is in the code once, and its test is there', (mutant) => {
      const { file, source, caughtBy } = mutant;
      expect(occurrences(readFileSync(file, 'utf8'), source), file).toBe(1);
      const test = readFileSync(`test/${caughtBy.file}.test.ts`, 'utf8');
      expect(test.includes(`'${caughtBy.name}`), caughtBy.name).toBe(true);
    });
  });
}
