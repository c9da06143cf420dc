/** The drill on a small swarm of real processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { drillText, runDrill } from '../../../examples/disaster-recovery/drill.js';
import type { Nodes } from '../../../examples/disaster-recovery/nodes.js';

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-drill-test-'));
const swarms: Nodes[] = [];
afterAll(async () => {
  for (const swarm of swarms) await swarm.kill();
  rmSync(root, { recursive: true, force: true });
});

it('loses what came after the backup, says how much, and nothing else', async () => {
  const told: string[] = [];
  const report = await runDrill(
    { nodes: 2, memories: 30 },
    root,
    (swarm) => swarms.push(swarm),
    (line) => told.push(line),
  );
  expect(report.brokenPromises).toEqual([]);
  expect(report).toMatchObject({
    acknowledgedBefore: 30,
    deletedBefore: 3,
    acknowledgedAfter: 30,
    restoredOfAfter: 0,
  });
  expect(report.acknowledgedDuring).toBeGreaterThan(0);
  expect(report.restoredOfDuring).toBeLessThanOrEqual(report.acknowledgedDuring);
  expect(report.readsCompared).toBeGreaterThan(2 * 60);
  expect(drillText(report)).toContain('LOST 30');
  expect(told.join()).toContain('kill -9');
});
