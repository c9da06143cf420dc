import { describe, expect, it } from 'vitest';

import type { Command } from '../../../nodes/control-plane/command.js';
import { judgeJournals, recordsOf } from './journal.js';
import type { JournalRecord, RolloutView } from './journal.js';

function finished(nodeId: number, epoch: number): Command {
  return { type: 'finishStep', rolloutId: 7, nodeId, step: 'stage', epoch, detail: {} };
}

function view(epoch: number, fenced: readonly number[] = []): RolloutView {
  const node = { step: 'stage', direction: 'forward', epoch };
  return { id: 7, epoch: 1, fenced, nodes: new Map([[2, node]]) };
}

function record(index: number, isEffective = true, isAlone = true): JournalRecord {
  const what = { type: 'finishStep', nodeId: 2, step: 'stage', direction: 'forward' } as const;
  return { index, ...what, rolloutId: 7, isEffective, isAlone };
}

describe('the record of an entry', () => {
  it('tells a step that moved its node from a late copy', () => {
    const entry = { index: 9, command: finished(2, 4) };
    expect(recordsOf([entry], view(4), view(5))).toEqual([record(9)]);
    expect(recordsOf([entry], view(5), view(5))).toEqual([record(9, false)]);
  });

  it('does not claim to know what each of several did that were applied together', () => {
    const command = finished(2, 4);
    const both = recordsOf(
      [9, 10].map((index) => ({ index, command })),
      view(4),
      view(5),
    );
    expect(both.map(({ isAlone }) => isAlone)).toEqual([false, false]);
  });

  it('tells a first acknowledgement of the fence from a second', () => {
    const ack = { rolloutId: 7, nodeId: 2, epoch: 1, engine: 'v2', release: '', commandVersion: 5 };
    const entry = { index: 9, command: { type: 'ackFence', ...ack } as Command };
    expect(recordsOf([entry], view(4), view(4, [2]))[0]?.isEffective).toBe(true);
    expect(recordsOf([entry], view(4, [2]), view(4, [2]))[0]?.isEffective).toBe(false);
  });

  it('is none for what is no entry of a rollout', () => {
    const command: Command = { type: 'advanceClock', nowMs: 5 };
    expect(recordsOf([{ index: 9, command }], view(4), view(4))).toEqual([]);
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
    expect(verdict).toEqual({ entries: 2, kinds: 2, copies: 1, unclear: 0, steps: 1, broken: [] });
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

  it('take what an entry did from the node that applied it alone', () => {
    const journals = new Map([
      ['n1', [record(9, false, false), record(12, false, false)]],
      ['n2', [record(9)]],
    ]);
    expect(judgeJournals(journals)).toMatchObject({ steps: 1, copies: 0, unclear: 1, broken: [] });
  });
});
