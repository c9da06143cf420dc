import { describe, expect, it } from 'vitest';

import { checkHistory, readHistory } from '../../../sim/checkers/histories/history.js';
import { checkLinearizability } from '../../../sim/checkers/linearizability.js';
import { memoryRegister } from '../../../sim/checkers/models.js';
import {
  checkedOperations,
  historyText,
  nowMicroseconds,
  type ClientOperation,
} from '../../../src/chaos/operations.js';
import { inTurn, operation } from './operation.js';

const insert = (content: string, rest: Partial<ClientOperation> = {}): ClientOperation =>
  operation({ kind: 'insert', id: 'a', content, ...rest });
const get = (content: string | null, rest: Partial<ClientOperation> = {}): ClientOperation =>
  operation({ kind: 'get', id: 'a', content, ...rest });

/** Histories by what they are; each is judged directly, and read from its file. */
const histories: readonly [string, ClientOperation[], 'linearizable' | 'not-linearizable'][] = [
  ['reads of what was written', [get(null), insert('x'), get('x')], 'linearizable'],
  ['a stale read', [insert('x'), insert('y'), get('x')], 'not-linearizable'],
  ['a lost write', [insert('x'), get(null)], 'not-linearizable'],
  ['a read of nothing that was written', [insert('x'), get('z')], 'not-linearizable'],
  [
    'a write of unknown fate that took effect later',
    [insert('x'), insert('y', { outcome: 'unknown', client: 1 }), get('x'), get('y')],
    'linearizable',
  ],
  [
    'the same, undone again',
    [insert('x'), insert('y', { outcome: 'unknown', client: 1 }), get('y'), get('x')],
    'not-linearizable',
  ],
  [
    'a write of unknown fate that never took effect',
    [insert('x'), insert('y', { outcome: 'unknown', client: 1 }), get('x'), get('x')],
    'linearizable',
  ],
  [
    'a write that took effect although it failed',
    [insert('x'), insert('y', { outcome: 'failed' }), get('y')],
    'not-linearizable',
  ],
  ['a failed read', [insert('x'), get(null, { outcome: 'failed' }), get('x')], 'linearizable'],
  ['two ids', [insert('x'), { ...get(null), id: 'b' }, get('x')], 'linearizable'],
  [
    'a client that goes on after an unknown fate',
    [insert('x', { outcome: 'unknown' }), insert('y'), get('y'), get('x')],
    'linearizable',
  ],
];

describe('a recorded history', () => {
  it.each(histories)('%s', (_name, operations, verdict) => {
    const recorded = inTurn(operations);
    const direct = checkLinearizability(memoryRegister, checkedOperations(recorded));
    expect(direct.verdict).toBe(verdict);
    expect(checkHistory(readHistory(historyText(recorded, 2))).verdict).toBe(verdict);
  });

  it('lets a process with an open write go on under another number', () => {
    const text = historyText(inTurn([insert('x', { outcome: 'unknown' }), insert('y')]), 4);
    expect(
      text.split('\n').map((line) => /:process (\d+), :type :(\w+)/.exec(line)?.slice(1)),
    ).toEqual([['0', 'invoke'], ['0', 'info'], ['4', 'invoke'], ['4', 'ok'], undefined]);
  });

  it('gives no two events of one process the same time', () => {
    const times = Array.from({ length: 1_000 }, nowMicroseconds);
    expect(times.every((time, at) => at === 0 || time > times[at - 1]!)).toBe(true);
  });
});
