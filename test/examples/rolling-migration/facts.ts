/** A small run in which every promise is kept; tests break one thing of it at a time. */

import type { Operation, PhaseTimes } from '../../../examples/rolling-migration/history.js';
import type { RunFacts } from '../../../examples/rolling-migration/report.js';
import type { Baseline, NodeObservation } from '../../../examples/rolling-migration/verify.js';
import { verify } from '../../../examples/rolling-migration/verify.js';
import { registerHistory } from '../../../examples/rolling-migration/history.js';
import { checkLinearizability } from '../../../sim/checkers/linearizability.js';
import { memoryRegister } from '../../../sim/checkers/models.js';
import type { MemoryCounts } from '../../../src/memory/engine.js';

export const TIMES: PhaseTimes = {
  startMicroseconds: 0,
  rolloutMicroseconds: 1_000_000,
  afterMicroseconds: 2_000_000,
  endMicroseconds: 3_000_000,
};

let clock = 0;

export function operation(fields: Partial<Operation>): Operation {
  clock += 10;
  return {
    client: 1,
    kind: 'get',
    id: 'a',
    content: null,
    edge: null,
    callMicroseconds: clock,
    returnMicroseconds: clock + 5,
    error: null,
    index: null,
    servedBy: 'p1',
    ...fields,
  };
}

export function insert(id: string, content: string, index: number | null): Operation {
  const error = index === null ? 'no answer' : null;
  return operation({ kind: 'insert', id, content, index, error });
}

export function edge(from: string, to: string, weight: number, index: number): Operation {
  return operation({ kind: 'addEdge', id: from, edge: { to, relation: 'follows', weight }, index });
}

export function get(id: string, content: string | null): Operation {
  return operation({ kind: 'get', id, content });
}

export const COUNTS: MemoryCounts = {
  memories: 3,
  links: 2,
  trajectories: 4,
  entries: 5,
  otherRows: 6,
  quarantined: 0,
  quarantinedMemories: 0,
  quarantinedLinks: 0,
};

export const BASELINE: Baseline = {
  rows: {
    memoryIds: ['v1-a', 'v1-b', 'v1-c'],
    links: [
      { from: 'v1-a', to: 'v1-b', relation: 'entails', weight: 0.5 },
      { from: 'v1-a', to: 'v1-c', relation: 'contradicts', weight: 0.25 },
    ],
    trajectories: 4,
    entries: 5,
  },
  contents: new Map([
    ['v1-a', 'alpha'],
    ['v1-b', 'beta'],
    ['v1-c', 'gamma'],
  ]),
  counts: COUNTS,
};

/** Three overwrites of one id, one id of its own, one edge, and reads that saw them. */
export function goodOperations(): Operation[] {
  return [
    insert('x', 'one', 11),
    get('x', 'one'),
    insert('x', 'two', 12),
    insert('y', 'why', 13),
    edge('y', 'v1-a', 0.75, 14),
    get('x', 'two'),
    insert('x', 'three', 15),
    get('v1-a', 'alpha'),
  ];
}

/** What a correct node answers after `goodOperations`. */
export function goodNode(nodeId: number): {
  -readonly [K in keyof NodeObservation]: NodeObservation[K];
} & { contents: Map<string, string | null>; edges: Map<string, NodeEdge[]> } {
  return {
    nodeId,
    engine: 'v2',
    swarmVersion: 2,
    counts: { ...COUNTS, memories: 5, links: 3 },
    contents: new Map<string, string | null>([
      ['v1-a', 'alpha'],
      ['v1-b', 'beta'],
      ['v1-c', 'gamma'],
      ['x', 'three'],
      ['y', 'why'],
    ]),
    edges: new Map([
      [
        'v1-a',
        [
          { from: 'v1-a', to: 'v1-b', relation: 'entails', weight: 0.5 },
          { from: 'v1-a', to: 'v1-c', relation: 'contradicts', weight: 0.25 },
        ],
      ],
      ['y', [{ from: 'y', to: 'v1-a', relation: 'follows', weight: 0.75 }]],
    ]),
  };
}

type NodeEdge = { from: string; to: string; relation: string; weight: number };

/** The facts of a run, judged as the demo judges them. */
export function factsOf(
  operations: readonly Operation[],
  nodes: readonly NodeObservation[],
  fields: Partial<RunFacts> = {},
): RunFacts {
  return {
    operations,
    times: TIMES,
    baseline: BASELINE,
    nodes,
    verification: verify(BASELINE, operations, nodes),
    linearizability: checkLinearizability(
      memoryRegister,
      registerHistory(operations, BASELINE.contents),
    ),
    requestedKill: undefined,
    kills: [],
    requestedRollback: false,
    rollback: null,
    rolloutStatus: 'completed',
    rolloutReason: '',
    storesNotCarried: [],
    sourceChanged: false,
    seconds: 3,
    ...fields,
  };
}
