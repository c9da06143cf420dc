/** The scenario `raft`: what a plan decides, that a run follows from it, and that it can be cut. */
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../sim/explore/plan.js';
import { raftProbes } from '../../../sim/raft/probes.js';
import { raftRegisters } from '../../../sim/raft/index.js';
import { seedOfTest } from './seed.js';

const firstSeed = seedOfTest();

function runOf(plan: Plan) {
  const result = raftRegisters.run(plan);
  const { failure } = result;
  expect(failure, `SEED=${plan.seed}: ${failure?.checker}: ${failure?.message}`).toBeUndefined();
  return result;
}

describe('the scenario raft', () => {
  it('draws equal plans of equal seeds, as plain data', () => {
    for (let seed = firstSeed; seed < firstSeed + 10; seed += 1) {
      const plan = raftRegisters.draw(seed);
      expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      expect(raftRegisters.draw(seed)).toEqual(plan);
      expect(raftRegisters.draw(seed + 1)).not.toEqual(plan);
    }
  });

  it('holds for forty seeds that nobody chose, each run twice to the same trace', () => {
    let elections = 0;
    let unjudged = 0;
    for (let seed = firstSeed; seed < firstSeed + 40; seed += 1) {
      const plan = raftRegisters.draw(seed);
      const first = runOf(plan);
      expect(runOf(plan).traceHash, `SEED=${seed}`).toBe(first.traceHash);
      unjudged += first.counts['unjudged'] ?? 0;
      elections += first.counts['elections'] ?? 0;
    }
    expect(elections).toBeGreaterThan(40);
    // Histories of many unknown outcomes may take too long to be judged; they are rare.
    expect(unjudged).toBeLessThan(4);
  });

  it('takes any part of the faults and operations of a plan', () => {
    for (let seed = firstSeed; seed < firstSeed + 10; seed += 1) {
      const plan = raftRegisters.draw(seed);
      const every = (share: number) => (_: unknown, at: number) => (at * 7 + seed) % share === 0;
      const { schedule, operations } = plan;
      runOf({ ...plan, operations: operations.filter(every(3)) });
      runOf({ ...plan, operations: [] });
      const { voters = 3, spares = 0 } = plan.settings;
      runOf({ ...plan, settings: { voters, spares } });
      const calm = runOf({ ...plan, schedule: { ...schedule, faults: [] } });
      expect(calm.counts['restarts']).toBe(0);
    }
  });

  it('reaches most of its rare situations within three hundred seeds', () => {
    const reached = new Set<string>();
    let seed = firstSeed;
    for (; seed < firstSeed + 300 && reached.size < 30; seed += 1) {
      for (const probe of runOf(raftRegisters.draw(seed)).probes) reached.add(probe);
    }
    expect(reached.size, `seeds ${firstSeed} to ${seed}`).toBeGreaterThanOrEqual(30);
    for (const probe of reached) expect(raftProbes).toContain(probe);
  });

  it.each([
    { what: 'an unknown setting', change: { settings: { nodes: 3 } }, message: /no setting named/ },
    { what: 'a setting out of range', change: { settings: { voters: 0 } }, message: /voters is 0/ },
    { what: 'a setting of text', change: { settings: { voters: '3' } }, message: /voters is "3"/ },
    { what: 'too many nodes', change: { settings: { voters: 90, spares: 20 } }, message: /more/ },
    { what: 'another scenario', change: { scenario: 'other' }, message: /of the scenario other/ },
    { what: 'an unknown operation', change: operation({ do: 'sing' }), message: /"sing"/ },
    { what: 'an unknown node', change: operation({ do: 'transfer', to: 99 }), message: /node 99/ },
    { what: 'no object', change: operation(7), message: /an operation is 7/ },
  ])('refuses a plan with $what', ({ change, message }) => {
    const plan = { ...raftRegisters.draw(1), ...change };
    expect(() => raftRegisters.run(plan)).toThrow(message);
    expect(() => raftRegisters.run(plan)).toThrow(
      expect.objectContaining({ name: 'SimulationError', code: 'invalid-option' }),
    );
  });
});

function operation(asked: Plan['operations'][number]['operation']): Partial<Plan> {
  return { operations: [{ atMicroseconds: 1_000_000, client: 1, operation: asked }] };
}
