import { describe, expect, it } from 'vitest';

import { runPlan } from '../../../sim/explore/run-plan.js';
import { rollingUpgrade } from '../../../sim/scenarios/rolling-upgrade.js';
import { cellsOf, planOf, rowsOf } from '../../matrix/cells.js';
import { runCell } from '../../matrix/run-cell.js';
import { tableOf } from '../../matrix/table.js';

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe('a rolling upgrade', () => {
  it(`holds for seeds that nobody chose (SEED=${SEED})`, () => {
    for (let seed = SEED; seed < SEED + 8; seed += 1) {
      expect(runPlan(rollingUpgrade, rollingUpgrade.draw(seed)).failure, `seed ${seed}`).toBe(
        undefined,
      );
    }
  }, 240_000);

  it('repeats to the event', () => {
    const plan = rollingUpgrade.draw(7);
    expect(runPlan(rollingUpgrade, plan)).toEqual(runPlan(rollingUpgrade, plan));
  });
});

describe('the matrix', () => {
  const cells = cellsOf(rowsOf());

  it('has every step of both kinds, both ways, with every fault', () => {
    expect(cells).toHaveLength(44 * 12);
    expect(new Set(cells.map((cell) => JSON.stringify(cell))).size).toBe(cells.length);
  });

  it(`holds in cells that nobody chose, each hit at its moment (SEED=${SEED})`, () => {
    for (let at = 0; at < 6; at += 1) {
      const cell = (SEED + at * 89) % cells.length;
      const { failures, passed } = runCell(cell, SEED, 2);
      expect(failures, JSON.stringify(cells[cell])).toEqual([]);
      expect(passed).toBe(2);
    }
  });

  it('marks a cell in which a fault missed its moment', () => {
    const result = { cell: 0, passed: 1, hits: 0, events: 1, failures: [] };
    expect(tableOf([result], cells, 1)).toContain('1/1*');
    expect(planOf(cells[0]!, 3).settings['hitAt']).toBe('cordon');
  });
});
