import { describe, expect, it } from 'vitest';
import {
  complianceCases,
  runComplianceCase,
  type ComplianceCase,
} from '../../../transport/quic/compliance/index.js';
import { byteMutants } from './mutants/byte-mutants.js';
import { connectionMutants } from './mutants/connection-mutants.js';
import { engineMutants } from './mutants/engine-mutants.js';
import { openMutant } from './mutants/mutant.js';
import { streamMutants } from './mutants/stream-mutants.js';
import { PATIENCE_MS } from '../../waiting.js';

const mutants = [...byteMutants, ...streamMutants, ...connectionMutants, ...engineMutants];
const PATIENT = { patienceMs: PATIENCE_MS, caseMs: 2 * PATIENCE_MS };
/** What a mutant loses is waited for in vain. One that is refused for being slow was not missed. */
const QUICK = { patienceMs: 1_000, settleMs: 50, caseMs: 4_000 };

function caseOf(name: string): ComplianceCase {
  const found = complianceCases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no case '${name}'`);
  return found;
}

describe('the compliance suite', () => {
  it.concurrent.each(mutants)('catches an engine that $name', async (mutant) => {
    const options = { ...QUICK, openEngine: openMutant(mutant) };
    const running = runComplianceCase(caseOf(mutant.caughtBy), options);
    await expect(running).rejects.toThrow(Error);
  });

  it.each([...new Set(mutants.map(({ caughtBy }) => caughtBy))])(
    'finds nothing wrong where nothing is changed: %s',
    async (name) => {
      await runComplianceCase(caseOf(name), { ...PATIENT, openEngine: openMutant({}) });
    },
  );
});
