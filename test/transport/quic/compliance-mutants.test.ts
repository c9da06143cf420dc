import { describe, expect, it } from 'vitest';
import { complianceGroups, runComplianceCase } from '../../../transport/quic/compliance/index.js';
import { mutants, openMutant, type Mutant } from './compliance-mutants.js';

/** What happens in memory happens within milliseconds. */
const QUICK = { patienceMs: 1_000, settleMs: 25, caseMs: 3_000 };
/** Those take seconds by their nature, and no mutant is left to them alone. */
const UNHURRIED = { settleMs: 25 };

/** Names of the cases of these groups that a mutant fails; one is enough. */
async function firstFailure(mutant: Mutant): Promise<string | undefined> {
  for (const group of mutant.groups) {
    for (const each of complianceGroups[group]!) {
      const isKept = await runComplianceCase(each, {
        ...QUICK,
        openEngine: openMutant(mutant),
      }).then(
        () => true,
        () => false,
      );
      if (!isKept) return each.name;
    }
  }
  return undefined;
}

describe('the compliance suite', () => {
  it.each(mutants)('catches an engine that $name', async (mutant) => {
    expect(mutant.groups.filter((group) => complianceGroups[group] === undefined)).toEqual([]);
    expect(await firstFailure(mutant)).toBeDefined();
  });

  it.each(Object.entries(complianceGroups))(
    'finds nothing wrong when nothing is changed (%s)',
    async (_group, cases) => {
      for (const each of cases) {
        await runComplianceCase(each, { ...UNHURRIED, openEngine: openMutant({}) });
      }
    },
  );
});
