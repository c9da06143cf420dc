import { describe, expect, it } from 'vitest';

import type { RunFacts } from '../../../examples/rolling-migration/report.js';
import { buildReport, formatReport } from '../../../examples/rolling-migration/report.js';
import { factsOf, get, goodNode, goodOperations, operation } from './facts.js';

const KILL = {
  nodeId: 2,
  role: 'leader',
  migrating: false,
  step: 'stage',
  stepNodeId: 1,
  downMs: 900,
} as const;

/** Of a rollback before which the whole load was. */
const ROLLBACK = {
  finalizedMicroseconds: 0,
  askedMicroseconds: 1e11,
  backMicroseconds: 1e11 + 30_000,
  status: 'rolledBack',
  swarmVersion: 1,
  engines: ['v1', 'v1'],
} as const;

function good(fields: Partial<RunFacts> = {}): RunFacts {
  return factsOf(goodOperations(), [goodNode(1), goodNode(2)], fields);
}

describe('the report', () => {
  it('holds every agreed field when all went well', () => {
    const report = buildReport(good({ requestedKill: 'leader', kills: [KILL] }));
    expect(report).toMatchObject({
      nodes: 2,
      requests: 8,
      failedRequests: 0,
      acknowledgedWrites: 5,
      lostWrites: 0,
      memoriesV1: 3,
      memoriesV2: 3,
      linksV1: 2,
      linksV2: 2,
      trajectoriesV1: 4,
      trajectoriesV2: 4,
      entriesV1: 5,
      entriesV2: 5,
      quarantined: 0,
      linearizable: true,
      finalVersion: 'v2',
      rolloutStatus: 'completed',
      seconds: 3,
      brokenPromises: [],
    });
    for (const name of ['longestGapMs', 'p50SteadyMs', 'p99SteadyMs', 'p50RolloutMs']) {
      expect(report).toHaveProperty(name, expect.any(Number));
    }
    expect(formatReport(report)).toContain('Every promise was kept.');
  });

  it('says what the way back within the window took, and what was written before it', () => {
    const report = buildReport(good({ requestedRollback: true, rollback: ROLLBACK }));
    expect(report).toMatchObject({ writesInWindow: 5, rollbackMs: 30, brokenPromises: [] });
    expect(formatReport(report)).toMatch(/rolled back after its end +in 30 ms/);
  });

  const broken: readonly [string, () => RunFacts, RegExp][] = [
    ['nothing was asked', () => factsOf([], []), /No request/],
    [
      'a request failed',
      () =>
        factsOf(
          [...goodOperations(), operation({ error: 'no answer', servedBy: '' })],
          [goodNode(1)],
        ),
      /1 requests failed: [^]*no answer/,
    ],
    [
      'a write was lost',
      () => {
        const node = goodNode(2);
        node.contents.set('y', null);
        return factsOf(goodOperations(), [goodNode(1), node]);
      },
      /1 acknowledged writes were lost: [^]*node 2 holds nothing at y/,
    ],
    [
      'a count differs',
      () => {
        const node = goodNode(2);
        node.counts = { ...node.counts, entries: 4 };
        return factsOf(goodOperations(), [goodNode(1), node]);
      },
      /Counts differ/,
    ],
    [
      'a read was stale',
      () => factsOf([...goodOperations(), get('x', 'two')], [goodNode(1)]),
      /not linearizable at x/,
    ],
    [
      'a read missed what v1 held',
      () => factsOf([...goodOperations(), get('v1-b', null)], [goodNode(1)]),
      /not linearizable at v1-b/,
    ],
    [
      'the verdict is open',
      () => good({ linearizability: { verdict: 'unknown', steps: 1 } }),
      /could not be decided/,
    ],
    [
      'the rollout was aborted',
      () => good({ rolloutStatus: 'aborted', rolloutReason: 'the disk is full' }),
      /did not complete; it is aborted: the disk is full/,
    ],
    [
      'a node still runs v1',
      () => {
        const node = goodNode(2);
        node.engine = 'v1';
        return factsOf(goodOperations(), [goodNode(1), node]);
      },
      /Not on v2: node 2/,
    ],
    [
      'the swarm is still of version 1',
      () => {
        const node = goodNode(1);
        node.swarmVersion = 1;
        return factsOf(goodOperations(), [node]);
      },
      /Not on v2: node 1/,
    ],
    ['the kill did not happen', () => good({ requestedKill: 'migrating' }), /did not happen/],
    [
      'it was not rolled back',
      () => good({ requestedRollback: true }),
      /not rolled back within its window/,
    ],
    [
      'a node was not back',
      () => good({ rollback: { ...ROLLBACK, swarmVersion: 2, engines: ['v1', 'v2'] } }),
      /After the rollback the swarm is of version 2 with nodes on v1, v2/,
    ],
    [
      'the rollback was refused',
      () => good({ rollback: { ...ROLLBACK, status: 'finalized' } }),
      /After the rollback the rollout is finalized/,
    ],
    [
      'nothing was written in the window',
      () => good({ rollback: { ...ROLLBACK, finalizedMicroseconds: 1e12 } }),
      /Nothing was written between finalization and rollback/,
    ],
    ['the source was changed', () => good({ sourceChanged: true }), /was changed/],
  ];
  for (const [name, facts, sentence] of broken) {
    it(`names the broken promise when ${name}`, () => {
      const report = buildReport(facts());
      expect(report.brokenPromises.join('\n')).toMatch(sentence);
      expect(formatReport(report)).toContain('Broken:');
    });
  }
});
