import { describe, expect, it } from 'vitest';
import {
  complianceCases,
  complianceGroups,
  runComplianceCase,
  type Capability,
} from '../../../transport/quic/compliance/index.js';
import {
  openQuicheEngine,
  type Engine,
  type EngineOptions,
} from '../../../transport/quic/index.js';
import { createMemoryNetwork } from '../../../transport/quic/memory/memory-network.js';
import { PATIENCE_MS } from '../../waiting.js';

interface Candidate {
  readonly open: () => (options: EngineOptions) => Promise<Engine>;
  /** What is not built. Remove the name here when it is. */
  readonly lacks: readonly Capability[];
  /** Sentences that the engine does not keep, each a bug. Remove the line with the bug. */
  readonly breaks: readonly string[];
}

const candidates: Readonly<Record<string, Candidate>> = {
  memory: { open: () => createMemoryNetwork().openMemoryEngine, lacks: [], breaks: [] },
  quiche: {
    open: () => openQuicheEngine,
    lacks: [],
    breaks: ['a certificate with the key of another is refused with `bad-option`'],
  },
};

describe.each(Object.entries(candidates))('the %s engine', (_name, { open, lacks, breaks }) => {
  for (const [group, cases] of Object.entries(complianceGroups)) {
    describe(`(${group})`, () => {
      for (const each of cases) {
        if (each.needs !== undefined && lacks.includes(each.needs)) continue;
        if (breaks.includes(each.name)) continue;
        it(each.name, async () => {
          await runComplianceCase(each, {
            openEngine: open(),
            patienceMs: PATIENCE_MS,
            caseMs: 2 * PATIENCE_MS,
          });
        });
      }
    });
  }
});

describe('the compliance suite', () => {
  const names = complianceCases.map(({ name }) => name);

  it('has no two cases of one name', () => {
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(Object.entries(candidates))('has the cases that %s breaks', (_name, { breaks }) => {
    expect(breaks.filter((name) => !names.includes(name))).toEqual([]);
  });
});
