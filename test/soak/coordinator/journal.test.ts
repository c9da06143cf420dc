import { describe, expect, it } from 'vitest';

import type { Command } from '../../../nodes/control-plane/command.js';
import { judgeJournals, recordOf } from './journal.js';
import type { JournalRecord, RolloutView } from './journal.js';

function finished(nodeId: number, epoch: number): Command {
  return { type: 'finishStep', rolloutId: 7, nodeId, step: 'stage', epoch, detail: {} };
}

function view(epoch: number, fenced: readonly number[] = []): RolloutView {
  const node = { step: 'stage', direction: 'forward', epoch };
  return { id: 7, epoch: 1, fenced, nodes: new Map([[2, node]]) };
}

function record(index: number, isEffective = true): JournalRecord {
  const what = { type: 'finishStep', nodeId: 2, step: 'stage', direction: 'forward' } as const;
  return { index, ...what, rolloutId: 7, isEffective };
}

describe('the record of an entry', () => {
  it('tells a step that moved its node from a late copy', () => {
    const entry = { index: 9, command: finished(2, 4) };
    expect(recordOf(entry, view(4), view(5), new Set())).toMatchObject({ isEffective: true });
    expect(recordOf(entry, view(5), view(5), new Set())).toMatchObject({ isEffective: false });
  });

  it('tells the second of two copies that were applied together', () => {
    const seen = new Set<string>();
    const command = finished(2, 4);
    const both = [9, 10].map((index) => recordOf({ index, command }, view(4), view(5), seen));
    expect(both.map((each) => each?.isEffective)).toEqual([true, false]);
  });

  it('tells a first acknowledgement of the fence from a second', () => {
    const ack = { rolloutId: 7, nodeId: 2, epoch: 1, engine: 'v2', release: '', commandVersion: 5 };
    const entry = { index: 9, command: { type: 'ackFence', ...ack } as Command };
    expect(recordOf(entry, view(4), view(4, [2]), new Set())?.isEffective).toBe(true);
    expect(recordOf(entry, view(4, [2]), view(4, [2]), new Set())?.isEffective).toBe(false);
  });

  it('is none for what is no entry of a rollout', () => {
    const command: Command = { type: 'advanceClock', nowMs: 5 };
    expect(recordOf({ index: 9, command }, view(4), view(4), new Set())).toBeUndefined();
  });
});

describe('journals', () => {
  it('may hold an entry again after a restart, and late copies', () => {
    const one = [record(9), record(9), record(12, false)];
    const verdict = judgeJournals(
      new Map([
        ['n1', one],
        ['n2', [record(9)]],
      ]),
    );
    expect(verdict).toEqual({ entries: 2, copies: 1, steps: 1, broken: [] });
  });

  it('show a step that had its effect twice', () => {
    const { broken } = judgeJournals(new Map([['n1', [record(9), record(12)]]]));
    expect(broken).toEqual([
      'step stage (forward) of node 2 in rollout 7 had its effect at entry 9 and at entry 12',
    ]);
  });

  it('show nodes that saw one entry differently', () => {
    const { broken } = judgeJournals(
      new Map([
        ['n1', [record(9)]],
        ['n2', [record(9, false)]],
      ]),
    );
    expect(broken).toHaveLength(1);
    expect(broken[0]).toMatch(/^n2 applied .*, another node /);
  });
});
